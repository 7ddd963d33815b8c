package main

import (
	"testing"
	"time"

	"firebreak.dev/firebreak/test/audit"
)

func TestTheMiddleOfWhatBenchmarksPrintCounts(t *testing.T) {
	values, err := results("goos: linux\nBenchmarkCompile/three-tier \t 100\t 300 ns/op\t 5.5 policies/s\n" +
		"BenchmarkCompile/three-tier 1 100 ns/op 7 policies/s\nBenchmarkCompile/three-tier 1 200 ns/op 6 policies/s\nBenchmarkOther\nPASS\nok  \tx\t1.0s\n")
	if err != nil {
		t.Fatal(err)
	}
	got := medians(values)
	if len(got) != 1 || got["Compile/three-tier"]["ns/op"] != 200 || got["Compile/three-tier"]["policies/s"] != 6 {
		t.Errorf("got %v", got)
	}
	if _, err := results("BenchmarkCompile 1 many ns/op\n"); err == nil {
		t.Error("what is no number is read")
	}
}

func TestTheLeastTimeBetweenTwoWritesIsThatOfOneObject(t *testing.T) {
	began := time.Now()
	at := func(name string, after time.Duration) audit.Request {
		r := audit.Request{Time: began.Add(after)}
		r.Object.Name = name
		return r
	}
	asked := []audit.Request{at("a", 0), at("b", time.Second), at("a", 40*time.Second), at("b", 32*time.Second)}
	if got := leastBetween(asked, time.Minute); got != 31*time.Second {
		t.Errorf("got %s", got)
	}
	if got := leastBetween(asked[:2], time.Minute); got != time.Minute {
		t.Errorf("one write each: %s", got)
	}
}
