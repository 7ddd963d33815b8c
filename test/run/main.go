// Command run runs Go tests and says in plain words what ran.
//
//	go run ./test/run [-plain] [package pattern ...]
//
// It runs `go test` with the race detector and in shuffled order: first, side by side, the packages whose tests need
// nothing but Go; then two at a time those that start a control plane, so that they do not starve each other. Which are
// which it sees from what their tests import; -plain leaves the latter out. A pattern may lead into a module of its own, such
// as ./test/witness/...; then each group runs one module after the other. A failed test is shown in
// full, and so is what a spec has measured: its report entries named "measured". The last line reads "N passed, N failed", or
// "N passed, N failed, N skipped", and counts every subtest and every Ginkgo spec as one. The exit code is 0 only if something
// ran and nothing failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	plain := flag.Bool("plain", false, "leave out the packages whose tests start a control plane")
	flag.Parse()
	ok, err := run(ctx, os.Stdout, *plain, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	if !ok {
		stop()
		os.Exit(1)
	}
}

// run runs the tests of the packages and reports whether all went well.
func run(ctx context.Context, out io.Writer, plain bool, patterns []string) (bool, error) {
	groups, err := listGroups(ctx, patterns)
	if err != nil {
		return false, err
	}
	r := newReport(out)
	for _, g := range groups {
		if plain && g.onPlane {
			continue
		}
		for i, batch := range g.byModule {
			if i == 0 {
				fmt.Fprintf(out, "== %s\n", g.title)
			}
			err = errors.Join(err, goTest(ctx, r, g, batch))
		}
	}
	return r.summarize() && err == nil, err
}

// goTest runs `go test` over a batch of a group, side by side. A failure that the report knows of is no error.
func goTest(ctx context.Context, r *report, g *group, b batch) error {
	args := slices.Concat([]string{"test", "-json", "-race", "-shuffle=on"}, g.flags, b.packages, g.binaryFlags)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = b.module, os.Stderr
	// The report is read in files and on terminals alike.
	cmd.Env = append(os.Environ(), "GINKGO_NO_COLOR=TRUE")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	before := r.total.failed
	readErr := r.read(stdout)
	waitErr := cmd.Wait()
	if waitErr != nil && r.total.failed > before {
		waitErr = nil
	}
	return errors.Join(readErr, waitErr)
}
