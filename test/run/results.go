package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// counts are numbers of tests.
type counts struct{ passed, failed, skipped int }

func (c counts) String() string {
	if c.skipped == 0 {
		return fmt.Sprintf("%d passed, %d failed", c.passed, c.failed)
	}
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

func (c *counts) add(other counts) {
	c.passed += other.passed
	c.failed += other.failed
	c.skipped += other.skipped
}

// test is a test or subtest that has begun.
type test struct {
	output []string
	// result is pass, fail or skip, or empty while the test runs.
	result string
	// children says whether the test has subtests, and failedChild whether one of them failed.
	children, failedChild bool
}

// results are the tests of one package by name. The empty name stands for what the package prints outside of its tests.
type results map[string]*test

// begin returns a test, which it adds if it is new.
func (r results) begin(name string) *test {
	if t := r[name]; t != nil {
		return t
	}
	t := &test{}
	r[name] = t
	if parent := r.parent(name); parent != nil {
		parent.children = true
	}
	return t
}

// end notes how a test ended.
func (r results) end(name, result string) {
	t := r.begin(name)
	t.result = result
	if parent := r.parent(name); parent != nil && result == "fail" {
		parent.failedChild = true
	}
}

// parent returns the test of which this is a subtest, or nil. A subtest's own name may contain slashes, so it is the
// longest prefix that is a test.
func (r results) parent(name string) *test {
	for {
		i := strings.LastIndex(name, "/")
		if i < 0 {
			return nil
		}
		name = name[:i]
		if t := r[name]; t != nil {
			return t
		}
	}
}

// sum counts the tests of the package.
func (r results) sum() counts {
	var sum counts
	for name, t := range r {
		if name != "" {
			sum.add(t.count())
		}
	}
	return sum
}

// skips returns a line for each skipped test and spec, with the reason that it gave.
func (r results) skips() []string {
	var skips []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		t := r[name]
		if t.result == "skip" {
			skips = append(skips, name+": "+t.reason())
		}
		skips = append(skips, skippedSpecs(strings.Join(t.output, ""))...)
	}
	return skips
}

// measurements returns what the tests have measured.
func (r results) measurements() []string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(r)) {
		texts = append(texts, measurements(strings.Join(r[name].output, ""))...)
	}
	return texts
}

// count counts a test: a Ginkgo suite as its specs, a test with subtests not at all unless it failed on its own, and any
// other as one.
func (t *test) count() counts {
	if specs, ok := specTotals(strings.Join(t.output, "")); ok {
		if t.failed() && specs.failed == 0 {
			specs.failed = 1
		}
		return specs
	}
	switch {
	case t.failed() && t.failedChild, t.result == "pass" && t.children:
		return counts{}
	case t.failed():
		return counts{failed: 1}
	case t.result == "skip":
		return counts{skipped: 1}
	default:
		return counts{passed: 1}
	}
}

// failed says whether a test failed. One that never ended, because the process did before, has failed.
func (t *test) failed() bool {
	return t.result == "fail" || t.result == ""
}

// reason returns what a skipped test said, on one line.
func (t *test) reason() string {
	var said []string
	for _, line := range t.output {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}
