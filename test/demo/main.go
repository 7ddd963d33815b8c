package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// interruptedCode is the exit code of a program that Ctrl-C ended, as shells have it.
const interruptedCode = 130

func main() {
	// SIGPIPE is among the signals so that `make demo | head` stops what it started, too.
	ctx, stop := signal.NotifyContext(context.Background(),
		os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	d := &demo{terminal: newTerminal(os.Stdout), keep: os.Getenv("KEEP") != "" && os.Getenv("KEEP") != "0"}
	err := d.run(ctx)
	// Whatever happened, stop and remove what was started.
	stopErr := d.stop(ctx)
	switch {
	case stopErr == nil && err == nil:
	case stopErr == nil && ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "\ndemo: interrupted; everything is stopped and removed")
		os.Exit(interruptedCode)
	default:
		fmt.Fprintf(os.Stderr, "\ndemo: %v\n", errors.Join(err, stopErr))
		os.Exit(1)
	}
}

// run starts and shows everything. Whoever runs it calls stop.
func (d *demo) run(ctx context.Context) error {
	started := time.Now()
	if err := d.start(ctx); err != nil {
		return err
	}
	for _, step := range d.script() {
		d.heading(step.title)
		if err := step.show(ctx); err != nil {
			return fmt.Errorf("step %d, %q: %w", d.steps, step.title, err)
		}
	}
	if !d.keep {
		d.say("That was all, in %.0f s. Next: README.md, docs/concepts.md, docs/operations.md.", time.Since(started).Seconds())
		return nil
	}
	return d.waitForUser(ctx)
}

// step is a part of the walk through.
type step struct {
	title string
	show  func(context.Context) error
}

// script is the walk through. With keep, the profile stays for the user to try things on.
func (d *demo) script() []step {
	steps := []step{
		{"Install Firebreak", d.install},
		{"An application, open to everybody", d.application},
		{"One profile says who may talk to whom", d.profile},
		{"Its policies", d.policies},
		{"Somebody opens a hole", d.hole},
		{"Somebody deletes a policy", d.deletion},
		{"Nothing of this goes unnoticed", d.traces},
		{"Somebody adds a policy", d.foreign},
		{"A mistake is refused, and what was applied stays", d.mistake},
		{"Look before you leap: Preview", d.preview},
		{"Two teams, and a door that is half open", d.halfOpen},
		{"A preview of the whole cluster", d.baseline},
	}
	if d.keep {
		return steps
	}
	return append(steps, step{"The profile goes, and its policies with it", d.farewell})
}
