// Command soak lets things go wrong for a long time, and says what came of it.
//
//	go run ./test/soak [-for 15m] [-seed N]
//
// It runs all of test/faults, also what takes too long for every day, and then its random specs again and again, each time
// with another seed, until the time is over. What has begun by then is finished, and what is done every day is done anyway;
// for how much there was no time, it says. Then each fuzz target runs for some
// seconds, the programs are built twice and compared, and known vulnerabilities are looked for, where that can be done. What each prints goes to
// bin/soak/. At last comes a table: for each test how many faults were injected, after how many writes the invariants were
// checked, how many violations there were, and how long the operator took to recover. The exit code is 0 only if all went
// well.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// logs is where everything is kept that the programs print.
const logs = "bin/soak"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	budget := flag.Duration("for", 15*time.Minute, "how long to let things go wrong")
	seed := flag.Int64("seed", rand.Int64N(1<<31), "seed of the first round; each further one adds one")
	flag.Parse()
	ok, err := soak(ctx, os.Stdout, *budget, *seed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	if !ok || err != nil {
		stop()
		os.Exit(1)
	}
}

// soak does everything and reports whether all went well. What can be told of a soak that was interrupted, it tells.
func soak(ctx context.Context, out io.Writer, budget time.Duration, seed int64) (bool, error) {
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return false, fmt.Errorf("make a directory for logs: %w", err)
	}
	suite := filepath.Join(logs, "faults.test")
	fmt.Fprintln(out, "Compiling test/faults with the race detector")
	if err := command(ctx, "build", "go", "test", "-race", "-c", "-o", suite, "./test/faults"); err != nil {
		return false, err
	}
	began, t := time.Now(), newTable()
	for n := 1; n == 1 || time.Since(began) < budget && ctx.Err() == nil; n++ {
		r := round{number: n, seed: seed + int64(n) - 1, suite: suite, until: began.Add(budget)}
		if n > 1 {
			r.focus = "Random"
		}
		report, err := r.run(ctx, out)
		if err != nil {
			return false, errors.Join(err, t.print(out))
		}
		t.add(report)
	}
	took := time.Since(began).Round(time.Second)
	ok := check(ctx, out) && t.violations() == 0
	fmt.Fprintf(out, "\nFaults for %s, beginning with seed %d:\n\n", took, seed)
	err := t.print(out)
	if t.untimely > 0 {
		fmt.Fprintf(out, "\nNo time was left for %d specs, which take too long for every day; they need more than %s.\n", t.untimely, budget)
	}
	return ok, err
}

// check runs what is not about faults, and reports whether all went well.
func check(ctx context.Context, out io.Writer) bool {
	ok := true
	for _, c := range []struct{ title, target string }{
		{"Fuzzing each target for 10 seconds", "fuzz"},
		{"Building the programs twice", "reproducible"},
		{"Looking for known vulnerabilities", "vulncheck"},
	} {
		fmt.Fprintf(out, "%s: ", c.title)
		if err := command(ctx, c.target, "make", "--no-print-directory", c.target, "FUZZTIME=10s"); err != nil {
			fmt.Fprintln(out, "FAILED:", err)
			ok = false
			continue
		}
		said, err := os.ReadFile(logOf(c.target))
		if err != nil {
			fmt.Fprintln(out, "FAILED:", err)
			ok = false
			continue
		}
		fmt.Fprintln(out, verdict(c.target, string(said)))
	}
	return ok
}

// verdict returns what to say of a target that did not fail: that it was skipped is no more than that.
func verdict(target, output string) string {
	for line := range strings.Lines(output) {
		if rest, ok := strings.CutPrefix(line, target+": SKIPPED"); ok {
			return "SKIPPED" + strings.TrimSpace(rest)
		}
	}
	return "ok, see " + logOf(target)
}

func logOf(name string) string { return filepath.Join(logs, name+".log") }

// command runs a program, whose output goes to a log of its own.
func command(ctx context.Context, name, program string, args ...string) error {
	log, err := os.Create(logOf(name))
	if err != nil {
		return fmt.Errorf("keep the output of %s: %w", name, err)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	err = errors.Join(cmd.Run(), log.Close())
	if err != nil {
		return fmt.Errorf("%s, see %s: %w", name, logOf(name), err)
	}
	return nil
}
