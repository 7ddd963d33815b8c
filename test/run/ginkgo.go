package main

import (
	"regexp"
	"strconv"
	"strings"
)

// A Ginkgo suite is one test to `go test`, but many specs to a reader. What it prints with -ginkgo.v is read here.

// separator stands between the specs of a suite.
const separator = "------------------------------\n"

// specTotals finds the line that ends a suite.
func specTotals(output string) (counts, bool) {
	totals := regexp.MustCompile(`(?m)^(?:SUCCESS!|FAIL!) -- (\d+) Passed \| (\d+) Failed \| (\d+) Pending \| (\d+) Skipped`)
	m := totals.FindStringSubmatch(output)
	if m == nil {
		return counts{}, false
	}
	return counts{passed: number(m[1]), failed: number(m[2]), skipped: number(m[3]) + number(m[4])}, true
}

// failedSpecs leaves out the blocks of specs that passed or were skipped. Output that is not a suite's stays whole.
func failedSpecs(output string) string {
	failed := regexp.MustCompile(`\[(FAILED|PANICKED!?|TIMEDOUT|INTERRUPTED|ABORTED)\]`)
	blocks := strings.Split(output, separator)
	var kept []string
	for i, block := range blocks {
		if i == len(blocks)-1 || failed.MatchString(block) {
			kept = append(kept, block)
		}
	}
	return strings.Join(kept, separator)
}

// skippedSpecs returns a line for each skipped or pending spec: its name and the reason it gave.
func skippedSpecs(output string) []string {
	var skipped []string
	for block := range strings.SplitSeq(output, separator) {
		_, rest, ok := strings.Cut("\n"+block, "\nS [SKIPPED]")
		if !ok {
			_, rest, ok = strings.Cut("\n"+block, "\nP [PENDING]")
		}
		if !ok {
			continue
		}
		lines := strings.Split(rest, "\n")
		line := lines[min(1, len(lines)-1)]
		if _, reason, ok := strings.Cut(rest, "  [SKIPPED] "); ok {
			reason, _, _ = strings.Cut(reason, "\n  In [")
			line += ": " + strings.Join(strings.Fields(reason), " ")
		}
		skipped = append(skipped, line)
	}
	return skipped
}

// measurements returns what specs have measured: the texts of their report entries of this name, in order.
func measurements(output string) []string {
	entries := regexp.MustCompile(`(?m)^  measured - .* @ .*\n    (.+)$`)
	var texts []string
	for _, m := range entries.FindAllStringSubmatch(output, -1) {
		texts = append(texts, m[1])
	}
	return texts
}

func number(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}
