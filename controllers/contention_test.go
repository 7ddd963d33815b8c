package controllers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

var fightLimits = ContentionLimits{Burst: 3, Interval: time.Second, Calm: time.Minute}

// corrected is the correction of a policy of profile a.
func corrected(name string) plan.Change {
	return plan.Change{
		Profile: snapshot.ProfileKey{Name: "a"}, Drift: "1 egress rule added", Correction: true,
		Desired: &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}},
	}
}

func made(changes ...plan.Change) plan.Result {
	var out plan.Result
	for _, c := range changes {
		out.Written = append(out.Written, plan.Written{Change: c})
	}
	return out
}

// tooLate is what becomes of a correction when somebody writes in between.
func tooLate(name string) plan.Result {
	err := fmt.Errorf("update NetworkPolicy: %w", apierrors.NewConflict(schema.GroupResource{Resource: "networkpolicies"}, name, errors.New("modified")))
	return plan.Result{Failures: []plan.Failure{{Change: corrected(name), Err: err}}}
}

func TestAFightCostsABurstAndThenOneWriteAnInterval(t *testing.T) {
	c, writes := newContention(fightLimits), 0
	start := time.Unix(1000, 0)
	for now := start; now.Before(start.Add(10 * time.Second)); now = now.Add(100 * time.Millisecond) {
		if c.waiting("shop", now)["x"] {
			continue
		}
		writes++
		c.note("shop", made(corrected("x")), now)
		if w := c.waiting("shop", now); w["y"] || len(c.waiting("other", now)) > 0 {
			t.Fatalf("others wait too: %v", w)
		}
	}
	if want := fightLimits.Burst + 9; writes != want {
		t.Errorf("%d writes in 10 seconds, want %d", writes, want)
	}
	if got := c.contests("shop", start.Add(10*time.Second)); len(got) != 1 || got[0].Corrections != writes || got[0].Policy != "x" || !got[0].Since.Equal(start) {
		t.Errorf("reported: %+v", got)
	}
}

func TestWhenThereIsAFight(t *testing.T) {
	start := time.Unix(1000, 0)
	second := func(n float64) time.Time { return start.Add(time.Duration(n * float64(time.Second))) }
	other := corrected("x")
	other.Drift, other.Correction = "", false
	gone := plan.Change{Live: other.Desired}
	for name, c := range map[string]struct {
		result plan.Result
		at     []float64
		look   float64
		want   bool
	}{
		"too many corrections at once are one":       {made(corrected("x")), []float64{0, 0, 0}, 0, true},
		"fewer are none":                             {made(corrected("x")), []float64{0, 0}, 0, false},
		"many in a longer time are none":             {made(corrected("x")), []float64{0, 1, 2, 3, 4, 5, 6, 7}, 7, false},
		"it lasts while it is not calm":              {made(corrected("x")), []float64{0, 0, 0}, 59.9, true},
		"it is over when it is":                      {made(corrected("x")), []float64{0, 0, 0}, 60, false},
		"each correction prolongs it":                {made(corrected("x")), []float64{0, 0, 0, 50}, 100, true},
		"another one begins anew":                    {made(corrected("x")), []float64{0, 0, 0, 100, 100}, 100, false},
		"what the profile asks for is no fight":      {made(other), []float64{0, 0, 0, 0}, 0, false},
		"policies that are made again and again are": {made(gone), []float64{0, 0, 0}, 0, true},
		"attempts that come too late count":          {tooLate("x"), []float64{0, 0, 0}, 0, true},
		"other failures are nobody's doing":          {plan.Result{Failures: []plan.Failure{{Change: corrected("x"), Err: errors.New("quota")}}}, []float64{0, 0, 0}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			tracker := newContention(fightLimits)
			for _, at := range c.at {
				tracker.note("shop", c.result, second(at))
			}
			if got := len(tracker.contests("shop", second(c.look))) > 0; got != c.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestWhatWaitsIsReportedAndLookedAtAgainForAsLongAsItTakes(t *testing.T) {
	c, start := newContention(fightLimits), time.Unix(1000, 0)
	for range fightLimits.Burst {
		c.note("shop", tooLate("x"), start)
	}
	for now := start; now.Before(start.Add(3 * fightLimits.Calm)); {
		var waiting []plan.Change
		if c.waiting("shop", now)["x"] {
			waiting = []plan.Change{corrected("x")}
		} else {
			c.note("shop", tooLate("x"), now)
		}
		next := c.next("shop", waiting, now)
		if got := c.contests("shop", now); len(got) != 1 || got[0].Corrections != 0 || got[0].LastChange == "" || next == 0 {
			t.Fatalf("after %s: reported %+v, looked at again in %s", now.Sub(start), got, next)
		}
		if len(waiting) == 0 {
			next = 20 * time.Millisecond
		}
		// The namespace is worked on somewhat late each time.
		now = now.Add(next + 3*time.Millisecond)
	}
}

func TestFightsOverPoliciesOfOneProfileAreFoughtTogether(t *testing.T) {
	const tick = 10 * time.Millisecond
	for name, c := range map[string]struct {
		// began is when each policy is changed for the first time; each is changed again at once when it is put right.
		began map[string]time.Duration
		// left is when x is left alone.
		left time.Duration
	}{
		"out of step":                 {began: map[string]time.Duration{"x": 0, "y": 450 * time.Millisecond}, left: time.Hour},
		"three":                       {began: map[string]time.Duration{"x": 0, "y": 300 * time.Millisecond, "z": 700 * time.Millisecond}, left: time.Hour},
		"one of which is over by now": {began: map[string]time.Duration{"x": 0, "y": 450 * time.Millisecond}, left: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			tracker, start, lasts := newContention(fightLimits), time.Unix(1000, 0), 40*time.Second
			writes, together := map[string]int{}, time.Duration(0)
			for at := time.Duration(0); at < lasts; at += tick {
				waiting, changes := tracker.waiting("shop", start.Add(at)), []plan.Change(nil)
				waits := false
				for _, policy := range slices.Sorted(maps.Keys(c.began)) {
					if at < c.began[policy] || (policy == "x" && at >= c.left) {
						continue
					}
					if waits = waits || waiting[policy]; !waiting[policy] {
						writes[policy]++
						changes = append(changes, corrected(policy))
					}
				}
				tracker.note("shop", made(changes...), start.Add(at))
				if !waits {
					together = at
				}
				if at-together > 2*fightLimits.Interval {
					t.Fatalf("after %s: something has waited all the time since %s", at, together)
				}
			}
			for policy, n := range writes {
				lasted := min(c.left, lasts) - c.began[policy]
				if policy != "x" {
					lasted = lasts - c.began[policy]
				}
				if most := fightLimits.Burst + 2 + int(lasted/fightLimits.Interval); n > most {
					t.Errorf("%s is written %d times in %s, want at most %d", policy, n, lasted, most)
				}
			}
		})
	}
}

func TestOtherProfilesDoNotFightTogether(t *testing.T) {
	c, now := newContention(fightLimits), time.Unix(1000, 0)
	other := corrected("y")
	other.Profile.Name = "b"
	for range fightLimits.Burst {
		c.note("shop", made(corrected("x")), now)
		c.note("shop", made(other), now.Add(500*time.Millisecond))
	}
	if got := c.waiting("shop", now.Add(time.Second)); got["x"] || !got["y"] {
		t.Errorf("waiting: %v", got)
	}
}

func TestOnlyWritesOfAFightAreOnes(t *testing.T) {
	c, now := newContention(fightLimits), time.Unix(1000, 0)
	for i, want := range []bool{false, false, true, true} {
		if got := c.note("shop", made(corrected("y"+string(rune('0'+i))), corrected("x")), now); got[0] || got[1] != want {
			t.Errorf("write %d: %v", i, got)
		}
	}
}

func TestWhenANamespaceIsLookedAtAgain(t *testing.T) {
	start := time.Unix(1000, 0)
	c := newContention(fightLimits)
	if got := c.next("shop", nil, start); got != 0 {
		t.Errorf("without a fight: %s", got)
	}
	c.note("shop", made(corrected("x"), corrected("x"), corrected("x")), start)
	for _, step := range []struct {
		waiting []plan.Change
		at      time.Duration
		want    time.Duration
	}{
		{nil, 0, time.Minute},
		{[]plan.Change{corrected("x")}, 0, time.Second},
		{[]plan.Change{corrected("x")}, 400 * time.Millisecond, 600 * time.Millisecond},
		{[]plan.Change{corrected("x")}, time.Second, time.Millisecond},
		{nil, 59 * time.Second, time.Second},
		{nil, 60 * time.Second, 0},
		{[]plan.Change{corrected("not known")}, 60 * time.Second, time.Second},
	} {
		if got := c.next("shop", step.waiting, start.Add(step.at)).Round(time.Microsecond); got != step.want {
			t.Errorf("after %s, %d waiting: %s, want %s", step.at, len(step.waiting), got, step.want)
		}
	}
}

func TestContentionRemembersNoMoreThanItMust(t *testing.T) {
	start := time.Unix(1000, 0)
	c := newContention(fightLimits)
	for range 3 {
		c.note("fought", made(corrected("x")), start)
	}
	c.note("shop", made(corrected("x"), corrected("y")), start)
	c.note("going", made(corrected("x")), start)
	c.forget("going")
	if len(c.policies) != 2 {
		t.Errorf("%d namespaces are remembered", len(c.policies))
	}
	c.note("later", made(corrected("x")), start.Add(5*time.Second))
	if _, ok := c.policies["shop"]; ok || len(c.policies["fought"]) != 1 {
		t.Errorf("five seconds later: %v", c.policies)
	}
	c.note("later", made(corrected("x")), start.Add(2*time.Minute))
	if len(c.policies) != 1 {
		t.Errorf("two minutes later: %v", c.policies)
	}
}

func TestWhoChangesAPolicyIsAskedFewTimes(t *testing.T) {
	start, waiting := time.Unix(1000, 0), []plan.Change{corrected("x"), {Desired: corrected("x").Desired}}
	c := newContention(fightLimits)
	if len(c.unnamed("shop", waiting, start)) > 0 {
		t.Error("nothing is known of it")
	}
	c.note("shop", made(corrected("x")), start)
	if len(c.unnamed("shop", waiting, start)) > 0 {
		t.Error("one correction is no fight")
	}
	c.note("shop", made(corrected("x"), corrected("x")), start)
	asked := 0
	for range 10 {
		if c.unnamed("shop", waiting, start)["x"] {
			asked++
			c.name("shop", map[string]string{"x": "", "y": "kubectl-edit"})
		}
	}
	if asked != maxAsked {
		t.Errorf("asked %d times", asked)
	}
	c.name("shop", map[string]string{"x": "kubectl-edit"})
	if got := c.contests("shop", start); got[0].By != "kubectl-edit" || len(c.unnamed("shop", waiting, start)) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestTheLastWriterIsNamedOnlyWhenItIsClear(t *testing.T) {
	at := func(second int64) *metav1.Time { return &metav1.Time{Time: time.Unix(second, 0)} }
	for name, c := range map[string]struct {
		fields []metav1.ManagedFieldsEntry
		want   string
	}{
		"nobody":                        {nil, ""},
		"only we":                       {[]metav1.ManagedFieldsEntry{{Manager: fieldOwner, Time: at(3)}}, ""},
		"we came last":                  {[]metav1.ManagedFieldsEntry{{Manager: "argocd", Time: at(1)}, {Manager: fieldOwner, Time: at(3)}}, ""},
		"one came last":                 {[]metav1.ManagedFieldsEntry{{Manager: "argocd", Time: at(1)}, {Manager: "kubectl-edit", Time: at(4)}, {Manager: fieldOwner, Time: at(3)}}, "kubectl-edit"},
		"in the same second as we":      {[]metav1.ManagedFieldsEntry{{Manager: "kubectl-edit", Time: at(3)}, {Manager: fieldOwner, Time: at(3)}}, "kubectl-edit"},
		"it writes in two ways":         {[]metav1.ManagedFieldsEntry{{Manager: "argocd", Operation: "Apply", Time: at(3)}, {Manager: "argocd", Operation: "Update", Time: at(3)}}, "argocd"},
		"two others in the same second": {[]metav1.ManagedFieldsEntry{{Manager: "argocd", Time: at(3)}, {Manager: "kubectl-edit", Time: at(3)}}, ""},
		"of some it is not known":       {[]metav1.ManagedFieldsEntry{{Manager: "argocd", Time: at(2)}, {Manager: "old"}}, "argocd"},
		"of none it is known":           {[]metav1.ManagedFieldsEntry{{Manager: "old"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := lastWriter(&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{ManagedFields: c.fields}}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
