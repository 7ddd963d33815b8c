package ledger

import (
	"slices"
	"sync"
	"testing"
	"time"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

func key(name string) snapshot.ProfileKey {
	return snapshot.ProfileKey{Kind: v1alpha1.KindClusterSegmentationProfile, Name: name}
}

// in is what a ledger knows of a profile in these namespaces.
func in(l *Ledger, profile string, namespaces ...string) []report.NamespaceFacts {
	facts := make([]report.NamespaceFacts, len(namespaces))
	for i, name := range namespaces {
		facts[i].Namespace.Name = name
	}
	l.Fill(key(profile), facts)
	return facts
}

// told collects who was told of a change, and checks that no lock is held meanwhile.
type told struct {
	ledger *Ledger
	names  []string
}

func newTold() *told {
	tell := &told{}
	tell.ledger = New(func(profile snapshot.ProfileKey) {
		tell.ledger.Fill(profile, nil) // would stand still for ever under a lock
		tell.names = append(tell.names, profile.Name)
	})
	return tell
}

func TestProfilesAreToldOfChangesOnly(t *testing.T) {
	applied := func(policies int) report.Outcome {
		return report.Outcome{UID: "u", Generation: 1, State: report.Applied, Policies: policies, Findings: []v1alpha1.Finding{{Code: "x"}}}
	}
	for name, c := range map[string]struct {
		do   func(*Ledger)
		want []string
	}{
		"nothing new":                    {func(l *Ledger) { l.Record(key("a"), "one", applied(1)) }, nil},
		"something new":                  {func(l *Ledger) { l.Record(key("a"), "one", applied(2)) }, []string{"a"}},
		"another namespace":              {func(l *Ledger) { l.Record(key("a"), "three", applied(1)) }, []string{"a"}},
		"another profile":                {func(l *Ledger) { l.Record(key("c"), "one", applied(1)) }, []string{"c"}},
		"a namespace forgotten":          {func(l *Ledger) { l.Forget(key("a"), "one") }, []string{"a"}},
		"one forgotten that was unknown": {func(l *Ledger) { l.Forget(key("a"), "nine"); l.Forget(key("z"), "one") }, nil},
		"a namespace that is gone":       {func(l *Ledger) { l.ForgetNamespace("one") }, []string{"a", "b"}},
		"one gone that was unknown":      {func(l *Ledger) { l.ForgetNamespace("nine") }, nil},
		"a profile that is gone":         {func(l *Ledger) { l.ForgetProfile(key("a")) }, nil},
		"a correction":                   {func(l *Ledger) { l.RecordDrift(key("b"), time.Unix(1, 0), "one/x", "deleted") }, []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			tell := newTold()
			tell.ledger.Record(key("a"), "one", applied(1))
			tell.ledger.Record(key("a"), "two", applied(1))
			tell.ledger.Record(key("b"), "one", applied(1))
			tell.names = nil
			c.do(tell.ledger)
			slices.Sort(tell.names)
			if !slices.Equal(tell.names, c.want) {
				t.Errorf("told %v, want %v", tell.names, c.want)
			}
		})
	}
}

func TestWhatFailedStandsWhileItIsTriedAgain(t *testing.T) {
	outcome := func(state report.State, generation int64) report.Outcome {
		return report.Outcome{UID: "u", Generation: generation, State: state}
	}
	for name, c := range map[string]struct {
		before, begun report.Outcome
		want          report.State
	}{
		"what failed":                 {outcome(report.Failed, 1), outcome(report.Applying, 1), report.Failed},
		"what failed for another one": {outcome(report.Failed, 1), outcome(report.Applying, 2), report.Applying},
		"what failed before a fight":  {outcome(report.Failed, 1), outcome(report.Contested, 1), report.Failed},
		"what was right":              {outcome(report.Applied, 1), outcome(report.Applying, 1), report.Applying},
		"what was nothing":            {report.Outcome{}, outcome(report.Applying, 1), report.Applying},
	} {
		t.Run(name, func(t *testing.T) {
			l := New(func(snapshot.ProfileKey) {})
			l.Record(key("a"), "one", c.before)
			l.Begin(key("a"), "one", c.begun)
			if got := in(l, "a", "one")[0].Outcome.State; got != c.want {
				t.Errorf("it is %s, want %s", got, c.want)
			}
		})
	}
}

func TestWhatIsKnownOfAProfile(t *testing.T) {
	l := New(func(snapshot.ProfileKey) {})
	l.Record(key("a"), "one", report.Outcome{Policies: 1})
	l.Record(key("a"), "two", report.Outcome{Policies: 2})
	l.Record(key("b"), "one", report.Outcome{Policies: 9})
	got := in(l, "a", "one", "three", "two")
	if got[0].Outcome.Policies != 1 || got[1].Outcome != nil || got[2].Outcome.Policies != 2 {
		t.Errorf("got %+v", got)
	}
	if got := l.Namespaces(key("a")); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"one", "two"}) {
		t.Errorf("namespaces %v", got)
	}
	l.ForgetNamespace("one")
	l.ForgetProfile(key("b"))
	if got := in(l, "a", "one", "two"); got[0].Outcome != nil || got[1].Outcome == nil {
		t.Errorf("left is %+v", got)
	}
	if left := l.Namespaces(key("b")); len(left) > 0 || in(l, "b", "one")[0].Outcome != nil {
		t.Errorf("of a profile that is gone there is left %v", left)
	}
}

func TestDriftStaysPendingUntilReported(t *testing.T) {
	l := New(func(snapshot.ProfileKey) {})
	if got := l.PendingDrift(key("a")); got != (report.Drift{}) {
		t.Errorf("nothing was corrected, and pending is %+v", got)
	}
	l.RecordDrift(key("a"), time.Unix(1, 0), "one/x", "deleted")
	l.RecordDrift(key("a"), time.Unix(2, 0), "one/y", "1 egress rule added")
	pending := l.PendingDrift(key("a"))
	if want := (report.Drift{Corrections: 2, LastTime: time.Unix(2, 0), LastPolicy: "one/y", LastChange: "1 egress rule added"}); pending != want {
		t.Errorf("got %+v, want %+v", pending, want)
	}
	// A status that could not be written reports nothing; one more correction comes while another is being written.
	l.RecordDrift(key("a"), time.Unix(3, 0), "one/z", "deleted")
	l.DriftReported(key("a"), pending)
	if got := l.PendingDrift(key("a")); got.Corrections != 1 || got.LastPolicy != "one/z" {
		t.Errorf("after the report: %+v", got)
	}
	l.DriftReported(key("b"), pending)
	l.ForgetProfile(key("a"))
	if got := l.PendingDrift(key("a")); got.Corrections != 0 {
		t.Errorf("of a profile that is gone: %+v", got)
	}
}

func TestLedgerFromManySides(t *testing.T) {
	var mu sync.Mutex
	notified := 0
	l := New(func(snapshot.ProfileKey) {
		mu.Lock()
		defer mu.Unlock()
		notified++
	})
	var wait sync.WaitGroup
	for worker := range 4 {
		wait.Go(func() {
			for i := range 200 {
				l.Record(key("a"), "one", report.Outcome{Policies: worker*1000 + i})
				l.RecordDrift(key("a"), time.Unix(1, 0), "one/x", "deleted")
				l.DriftReported(key("a"), report.Drift{Corrections: 1})
				in(l, "a", "one", "two")
				l.ForgetNamespace("two")
			}
		})
	}
	wait.Wait()
	if got := l.PendingDrift(key("a")); got.Corrections != 0 || notified < 800 {
		t.Errorf("pending %+v, %d notices", got, notified)
	}
}
