package controllers

import (
	"errors"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
		"attempts that fail count":                   {plan.Result{Failures: []plan.Failure{{Change: corrected("x"), Err: errors.New("x")}}}, []float64{0, 0, 0}, 0, true},
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
	if c.unnamed("shop", waiting, start) {
		t.Error("nothing is known of it")
	}
	c.note("shop", made(corrected("x")), start)
	if c.unnamed("shop", waiting, start) {
		t.Error("one correction is no fight")
	}
	c.note("shop", made(corrected("x"), corrected("x")), start)
	asked := 0
	for range 10 {
		if c.unnamed("shop", waiting, start) {
			asked++
			c.name("shop", map[string]string{"x": "", "y": "kubectl-edit"})
		}
	}
	if asked != maxAsked {
		t.Errorf("asked %d times", asked)
	}
	c.name("shop", map[string]string{"x": "kubectl-edit"})
	if got := c.contests("shop", start); got[0].By != "kubectl-edit" || c.unnamed("shop", waiting, start) {
		t.Errorf("%+v", got)
	}
}

func TestTheLastWriterIsNeverOurselves(t *testing.T) {
	at := func(second int64) *metav1.Time { return &metav1.Time{Time: time.Unix(second, 0)} }
	for want, fields := range map[string][]metav1.ManagedFieldsEntry{
		"":             {{Manager: fieldOwner, Time: at(3)}},
		"kubectl-edit": {{Manager: "argocd", Time: at(1)}, {Manager: "kubectl-edit", Time: at(2)}, {Manager: fieldOwner, Time: at(3)}},
		"argocd":       {{Manager: "argocd", Time: at(2)}, {Manager: "old", Time: nil}},
	} {
		if got := lastWriter(&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{ManagedFields: fields}}); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
