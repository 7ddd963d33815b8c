// Command bench says what Firebreak costs, where it can as ratios to a program that makes the same requests of the same API
// server and does nothing else, in the same run: so it holds on a slow and on a busy machine.
//
//	go run ./test/bench [-only roll-out,drift] [-rounds 5] [-write] [-check]
//
// All of it takes hours. Nothing else should run meanwhile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"firebreak.dev/firebreak/test/bench/figures"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b := &bench{out: os.Stdout}
	only := flag.String("only", "", "what to measure, separated by commas: "+strings.Join(names(), ", ")+"; everything when empty")
	flag.IntVar(&b.rounds, "rounds", usualRounds, "how many rounds to compare; in each, both sides work twice")
	flag.IntVar(&b.tries, "tries", usualTries, "how many policies to tamper with in a turn, one after the other")
	flag.IntVar(&b.percent, "percent", 100, "percentage of the sizes and times to measure at; anything but 100 is for trying the bench")
	flag.StringVar(&b.profiles, "profiles", "", "directory for what pprof shows of the operator's first seconds of each turn; what is measured then costs more")
	write := flag.Bool("write", false, "write what is measured to "+figuresFile+" and "+document)
	check := flag.Bool("check", false, "fail when a target is missed, or nothing can be concluded about one")
	flag.Parse()
	// What is worth telling, errors tell.
	log.SetLogger(logr.Discard())
	if err := b.run(ctx, *only, *write, *check); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		stop()
		os.Exit(1)
	}
}

// How often it is measured for a verdict.
const (
	usualRounds = 5
	usualTries  = 500
)

// bench is how to measure.
type bench struct {
	// out is where is said how it goes.
	out           io.Writer
	rounds, tries int
	percent       int
	// profiles is a directory for profiles of the operator; empty for none.
	profiles string
}

// of returns a size, or what is left of it.
func (b *bench) of(size int) int { return max(1, size*b.percent/100) }

// during is the same for times.
func (b *bench) during(d time.Duration) time.Duration { return d * time.Duration(b.percent) / 100 }

func (b *bench) say(format string, args ...any) { fmt.Fprintf(b.out, format+"\n", args...) }

// measurement is something that is measured in one go.
type measurement struct {
	name string
	// of measures it. What it could measure before an error, it returns with it.
	of func(b *bench, ctx context.Context) ([]figures.Figure, error)
}

// measurements returns all that can be measured, in the order of the table.
func measurements() []measurement {
	return []measurement{
		{"roll-out", (*bench).rollOuts},
		{"drift", (*bench).drifts},
		{"burst", (*bench).burst},
		{"restart", (*bench).restarts},
		{"rest", (*bench).rest},
		{"churn", (*bench).churn},
		{"memory", (*bench).memory},
		{"compiler", (*bench).compiler},
		{"matrix", (*bench).matrix},
		{"start", (*bench).starts},
		{"image", (*bench).image},
	}
}

func names() []string {
	var out []string
	for _, m := range measurements() {
		out = append(out, m.name)
	}
	return out
}

// chosen returns the measurements of a list of names; all of them for an empty one.
func chosen(list string) ([]measurement, error) {
	if list == "" {
		return measurements(), nil
	}
	var out []measurement
	for name := range strings.SplitSeq(list, ",") {
		i := slices.Index(names(), name)
		if i < 0 {
			return nil, fmt.Errorf("there is no measurement %q; there are %s", name, strings.Join(names(), ", "))
		}
		out = append(out, measurements()[i])
	}
	return out, nil
}

// run measures, and prints what came of it. What is measured is written at once: it took long.
func (b *bench) run(ctx context.Context, only string, write, check bool) error {
	todo, err := chosen(only)
	if err := errors.Join(err, b.isSensible(write)); err != nil {
		return err
	}
	r, err := openRecord(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range todo {
		errs = append(errs, b.measure(ctx, m, r))
		if ctx.Err() != nil {
			break
		}
		if write {
			errs = append(errs, r.write())
		}
	}
	errs = append(errs, figures.Print(b.out, r.targets, r.measured))
	if check {
		errs = append(errs, r.check())
	}
	return errors.Join(errs...)
}

// isSensible returns what is wrong with how to measure.
func (b *bench) isSensible(write bool) error {
	if b.rounds < 1 || b.tries < 1 || b.percent < 1 {
		return errors.New("-rounds, -tries and -percent must be at least 1")
	}
	if write && (b.percent != 100 || b.profiles != "" || b.rounds < usualRounds || b.tries < usualTries) {
		return errors.New("what is measured at another size than 100 percent, with profiles, or less often than usual is not written")
	}
	return nil
}

// measure adds to a record what one measurement comes to. Of one that is interrupted, nothing counts.
func (b *bench) measure(ctx context.Context, m measurement, r *record) error {
	b.say("Measuring: %s", m.name)
	began := time.Now()
	measured, err := m.of(b, ctx)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("measure %s: %w", m.name, err)
	}
	r.add(measured)
	b.say("  took %s", time.Since(began).Round(time.Second))
	if err != nil {
		return fmt.Errorf("measure %s: %w", m.name, err)
	}
	return nil
}
