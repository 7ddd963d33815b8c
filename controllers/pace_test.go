package controllers

import (
	"fmt"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/plan"
)

// changes returns a set of n changes, the first of which corrects drift if that is said.
func changes(n int, drift string) plan.ChangeSet {
	var set plan.ChangeSet
	for range n {
		set.Steps[plan.StepExtend] = append(set.Steps[plan.StepExtend], plan.Change{Desired: &networkingv1.NetworkPolicy{}})
	}
	if n > 0 {
		set.Steps[plan.StepExtend][0].Drift = drift
	}
	return set
}

func TestWritesAreSpread(t *testing.T) {
	start := time.Unix(1000, 0)
	p := newPace(10)
	for i, want := range []time.Duration{0, 400 * time.Millisecond, 800 * time.Millisecond} {
		if got := p.wait(fmt.Sprint("ns", i), changes(4, ""), start); got != want {
			t.Errorf("namespace %d waits %s, want %s", i, got, want)
		}
	}
	if got := p.wait("ns1", changes(4, ""), start.Add(100*time.Millisecond)); got != 300*time.Millisecond {
		t.Errorf("one that is early waits %s, and keeps its time", got)
	}
	if got := p.wait("ns1", changes(4, ""), start.Add(400*time.Millisecond)); got != 0 {
		t.Errorf("at its time one waits %s", got)
	}
	if got := p.wait("ns1", changes(4, ""), start.Add(400*time.Millisecond)); got != 800*time.Millisecond {
		t.Errorf("more changes wait %s, after those of all others", got)
	}
	if got := p.wait("ns9", changes(4, ""), start.Add(time.Hour)); got != 0 {
		t.Errorf("when nothing is going on, one waits %s", got)
	}
	if got := p.wait("ns8", changes(4, ""), start.Add(time.Hour)); got != 400*time.Millisecond {
		t.Errorf("idle time was saved up: the second waits %s", got)
	}
}

func TestDriftIsCorrectedAtOnceAndCounts(t *testing.T) {
	start := time.Unix(1000, 0)
	p := newPace(1)
	p.wait("a", changes(3, ""), start)
	if got := p.wait("b", changes(2, "1 egress rule added"), start); got != 0 {
		t.Errorf("a hole stays open for %s", got)
	}
	if got := p.wait("c", changes(1, ""), start); got != 5*time.Second {
		t.Errorf("the next waits %s: what corrects drift must count", got)
	}
	if got := p.wait("c", changes(1, "deleted"), start); got != 0 {
		t.Errorf("one that waits is tampered with, and waits on for %s", got)
	}
}

func TestWithoutACapNothingWaits(t *testing.T) {
	p := newPace(0)
	for i := range 100 {
		if got := p.wait(fmt.Sprint(i), changes(64, ""), time.Unix(1000, 0)); got != 0 {
			t.Fatalf("waits %s", got)
		}
	}
	p = newPace(1)
	if got := p.wait("a", changes(0, ""), time.Unix(1000, 0)); got != 0 || p.wait("b", changes(1, ""), time.Unix(1000, 0)) != 0 {
		t.Error("nothing to do took somebody's time")
	}
	p.wait("c", changes(1, ""), time.Unix(1000, 0))
	p.forget("c")
	if len(p.slots) != 0 {
		t.Errorf("a namespace that is gone is remembered: %v", p.slots)
	}
}
