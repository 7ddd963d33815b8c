package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// patience is how long the report stays silent about packages that are still running.
const patience = 30 * time.Second

// event is one line of `go test -json`; see `go doc test2json` and `go help buildjson`.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// report reads the events of one or more runs of `go test` and tells a reader about them.
type report struct {
	out      io.Writer
	packages map[string]results
	started  map[string]time.Time
	builds   map[string][]string
	skips    []string
	total    counts
	ran      int
}

func newReport(out io.Writer) *report {
	return &report{
		out:      out,
		packages: map[string]results{},
		started:  map[string]time.Time{},
		builds:   map[string][]string{},
	}
}

// read takes in events until the end of the stream. A line that is no event is passed on.
func (r *report) read(stream io.Reader) error {
	lines := make(chan string)
	var readErr error
	go func() {
		defer close(lines)
		for buffered := bufio.NewReader(stream); readErr == nil; {
			var line string
			line, readErr = buffered.ReadString('\n')
			lines <- line
		}
	}()
	ticks := time.NewTicker(patience)
	defer ticks.Stop()
	for {
		select {
		case now := <-ticks.C:
			r.sayWhatRuns(now)
		case line, more := <-lines:
			if !more && errors.Is(readErr, io.EOF) {
				return nil
			}
			if !more {
				return readErr
			}
			r.readLine(line)
		}
	}
}

func (r *report) readLine(line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) == nil && e.Action != "" {
		r.handle(e)
	} else {
		fmt.Fprint(r.out, line)
	}
}

func (r *report) handle(e event) {
	switch e.Action {
	case "build-output":
		r.builds[e.ImportPath] = append(r.builds[e.ImportPath], e.Output)
	case "start":
		r.started[e.Package] = time.Now()
		r.packages[e.Package] = results{"": {}}
	case "run":
		r.results(e.Package).begin(e.Test)
	case "output":
		t := r.results(e.Package).begin(e.Test)
		t.output = append(t.output, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.finish(e)
		} else {
			r.results(e.Package).end(e.Test, e.Action)
		}
	}
}

func (r *report) results(pkg string) results {
	if r.packages[pkg] == nil {
		r.packages[pkg] = results{"": {}}
	}
	return r.packages[pkg]
}

// finish counts the tests of a package, prints a line about it and, where something failed, all about that.
func (r *report) finish(e event) {
	tests := r.results(e.Package)
	sum := tests.sum()
	if e.Action == "fail" && sum.failed == 0 {
		sum.failed++ // It did not compile, or ended outside of any test.
	}
	r.total.add(sum)
	r.ran++
	for _, skip := range tests.skips() {
		r.skips = append(r.skips, short(e.Package)+": "+skip)
	}
	verdict := "ok"
	if sum.failed > 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(r.out, "%-4s %-40s %s in %.1f s\n", verdict, short(e.Package), sum, e.Elapsed)
	for _, text := range tests.measurements() {
		fmt.Fprintf(r.out, "     %s\n", text)
	}
	if sum.failed > 0 {
		r.printFailures(e, tests)
	}
	delete(r.packages, e.Package)
	delete(r.started, e.Package)
}

func (r *report) printFailures(e event, tests results) {
	for _, line := range r.builds[e.FailedBuild] {
		fmt.Fprint(r.out, line)
	}
	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t := tests[name]
		output := failedSpecs(strings.Join(t.output, ""))
		if name == "" || t.failed() {
			fmt.Fprintf(r.out, "---- %s %s\n%s", short(e.Package), name, output)
		}
	}
}

// sayWhatRuns keeps a reader of a quiet run from thinking that it hangs.
func (r *report) sayWhatRuns(now time.Time) {
	if len(r.started) == 0 {
		fmt.Fprintln(r.out, "     compiling")
	}
	for _, pkg := range slices.Sorted(maps.Keys(r.started)) {
		if took := now.Sub(r.started[pkg]); took >= patience {
			fmt.Fprintf(r.out, "     %s has been running for %.0f s\n", short(pkg), took.Seconds())
		}
	}
}

// summarize prints the totals, the count alone on the last line, and says whether tests ran and all passed.
func (r *report) summarize() bool {
	if len(r.skips) > 0 {
		fmt.Fprintf(r.out, "\nSkipped:\n  %s\n", strings.Join(r.skips, "\n  "))
	}
	fmt.Fprintf(r.out, "\nTests of %d packages, counting each subtest and each Ginkgo spec:\n", r.ran)
	if r.total == (counts{}) {
		fmt.Fprintln(r.out, "no test ran")
		return false
	}
	fmt.Fprintln(r.out, r.total)
	return r.total.failed == 0
}

func short(pkg string) string {
	return strings.TrimPrefix(pkg, "firebreak.dev/firebreak/")
}
