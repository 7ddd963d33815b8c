package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/onsi/ginkgo/v2/types"

	"firebreak.dev/firebreak/test/faults/account"
)

// line is what became of one test in all rounds.
type line struct {
	account.Account
	runs, violations int
}

// table is what became of every test, in the order in which they were first heard of.
type table struct {
	lines  []*line
	byTest map[string]*line
	// untimely is how many specs there was no time for.
	untimely int
	// failures say of each failed spec which it was and how it is run again.
	failures []string
}

func newTable() *table { return &table{byTest: map[string]*line{}} }

// add takes in the report of a round.
func (t *table) add(report types.Report) {
	for _, a := range account.Of(report) {
		l := t.line(a.Test)
		l.runs++
		l.Account = l.Add(a)
	}
	for i := range report.SpecReports {
		spec := &report.SpecReports[i]
		if spec.State.Is(types.SpecStateSkipped) && spec.FailureMessage() == account.NoTime {
			t.untimely++
		}
		if !spec.State.Is(types.SpecStateFailureStates) {
			continue
		}
		// A spec that failed gave no account, or not all of it.
		l := t.line(nameOf(spec))
		l.runs++
		l.violations++
		t.failures = append(t.failures, fmt.Sprintf("%s\n  %s\n  FIREBREAK_SOAK=1 go test -race -timeout=60m ./test/faults -ginkgo.seed=%d -ginkgo.focus=%s",
			spec.FullText(), firstLine(spec.FailureMessage()), report.SuiteConfig.RandomSeed, quoted(spec.LeafNodeText)))
	}
}

// quoted returns a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// nameOf returns the words of a spec, or of a node around the specs.
func nameOf(spec *types.SpecReport) string {
	if text := spec.FullText(); text != "" {
		return text
	}
	return spec.LeafNodeType.String()
}

func (t *table) line(test string) *line {
	l := t.byTest[test]
	if l == nil {
		l = &line{Account: account.Account{Test: test}}
		t.byTest[test] = l
		t.lines = append(t.lines, l)
	}
	return l
}

func (t *table) violations() int {
	sum := 0
	for _, l := range t.lines {
		sum += l.violations
	}
	return sum
}

// print writes the table, and below it what failed.
func (t *table) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "TEST\tRUNS\tFAULTS\tWRITES CHECKED\tVIOLATIONS\tMEDIAN RECOVERY\tWORST")
	sum := line{Account: account.Account{Test: "all"}}
	for _, l := range append(t.lines, &sum) {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%s\n", l.Test, l.runs, l.Faults, l.Writes, l.violations, seconds(l.Recoveries, l.Median()), seconds(l.Recoveries, l.Worst()))
		if l != &sum {
			sum.Account, sum.runs, sum.violations = sum.Add(l.Account), sum.runs+l.runs, sum.violations+l.violations
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, failure := range t.failures {
		fmt.Fprintf(out, "\nFAILED: %s\n", failure)
	}
	return nil
}

// seconds says how long something took; nothing took no time.
func seconds(of []time.Duration, d time.Duration) string {
	if len(of) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// firstLine returns the first line of a text, or as much of it as one reads.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(line); len(runes) > 200 {
		return string(runes[:200]) + " ..."
	}
	return line
}
