package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"firebreak.dev/firebreak/test/dataplane/testbed"
)

// interruptedCode is the exit code of a program that Ctrl-C ended, as shells have it.
const interruptedCode = 130

func main() {
	// SIGPIPE is among the signals so that `make demo | head` stops what it started, too.
	ctx, stop := signal.NotifyContext(context.Background(),
		os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	code := show(ctx, newTerminal(os.Stdout))
	stop()
	os.Exit(code)
}

// show shows what is asked for, stops and removes what was started, and returns the exit code.
func show(ctx context.Context, t *terminal) int {
	switch {
	case testbed.Inside():
		return ended(ctx, showPackets(ctx, t), nil)
	case len(os.Args) > 1 && os.Args[1] == "check":
		if !enabled("PACKETS") {
			return 0
		}
		return ended(ctx, packetsPossible(ctx), nil)
	case enabled("PACKETS"):
		code, err := enterSandbox(ctx, t)
		if err == nil && ctx.Err() == nil {
			return code
		}
		return ended(ctx, errors.Join(err, ctx.Err()), nil)
	}
	d := &demo{terminal: t, keep: enabled("KEEP")}
	err := d.run(ctx)
	return ended(ctx, err, d.stop(ctx))
}

// enabled says whether a variable asks for something.
func enabled(variable string) bool {
	value := os.Getenv(variable)
	return value != "" && value != "0"
}

// ended says why the demo ended, when that is not because it was over, and returns the exit code.
func ended(ctx context.Context, err, stopErr error) int {
	switch {
	case stopErr == nil && err == nil:
		return 0
	case stopErr == nil && ctx.Err() != nil:
		// Of two programs, that outside the sandbox says so.
		if !testbed.Inside() {
			fmt.Fprintln(os.Stderr, "\ndemo: interrupted; everything is stopped and removed")
		}
		return interruptedCode
	}
	fmt.Fprintf(os.Stderr, "\ndemo: %v\n", errors.Join(err, stopErr))
	return 1
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
