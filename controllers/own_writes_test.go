package controllers

import (
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/plan"
)

const patience = 2 * time.Second

// noon is when it all begins.
var noon = time.Unix(1000, 0)

// policyAt is policy x of namespace shop, as it is at a resourceVersion.
func policyAt(version string, uid types.UID) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{
		Name: "x", Namespace: "shop", UID: uid, ResourceVersion: version,
		OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: "SegmentationProfile", Name: "a", UID: "a", Controller: new(true)}},
	}}
}

func wrote(version string) []plan.Written {
	return []plan.Written{{Change: plan.Change{Desired: policyAt("", "u")}, ResourceVersion: version}}
}

func deleted(uid types.UID) []plan.Written {
	return []plan.Written{{Change: plan.Change{Live: policyAt("1", uid)}}}
}

func list(policies ...*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy { return policies }

func TestHowFarTheCacheIsTrusted(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*ownWrites)
		cached []*networkingv1.NetworkPolicy
		want   freshness
	}{
		"nothing was written":                       {func(*ownWrites) {}, nil, fresh},
		"our write is there":                        {func(w *ownWrites) { w.remember("shop", wrote("10"), noon) }, list(policyAt("10", "u")), fresh},
		"a later write is there":                    {func(w *ownWrites) { w.remember("shop", wrote("10"), noon) }, list(policyAt("11", "u")), fresh},
		"digits are compared as a number":           {func(w *ownWrites) { w.remember("shop", wrote("10"), noon) }, list(policyAt("9", "u")), awaitCache},
		"what we created is not there":              {func(w *ownWrites) { w.remember("shop", wrote("10"), noon) }, nil, awaitCache},
		"what we deleted is there":                  {func(w *ownWrites) { w.remember("shop", deleted("u"), noon) }, list(policyAt("1", "u")), awaitCache},
		"what we deleted is gone":                   {func(w *ownWrites) { w.remember("shop", deleted("u"), noon) }, nil, fresh},
		"another of the name is there":              {func(w *ownWrites) { w.remember("shop", deleted("u"), noon) }, list(policyAt("1", "v")), fresh},
		"we created it anew after deleting it":      {func(w *ownWrites) { w.remember("shop", deleted("u"), noon); w.remember("shop", wrote("10"), noon) }, list(policyAt("10", "v")), fresh},
		"we deleted it after writing it":            {func(w *ownWrites) { w.remember("shop", wrote("10"), noon); w.remember("shop", deleted("u"), noon) }, nil, fresh},
		"somebody deleted what we wrote":            {func(w *ownWrites) { w.remember("shop", wrote("10"), noon); w.sawDeletion(policyAt("11", "u")) }, nil, fresh},
		"an old deletion does not hide a new write": {func(w *ownWrites) { w.remember("shop", wrote("10"), noon); w.sawDeletion(policyAt("9", "u")) }, nil, awaitCache},
		"the API server contradicted the cache":     {func(w *ownWrites) { w.distrust("shop") }, nil, readLive},
		"another namespace does not matter":         {func(w *ownWrites) { w.remember("other", wrote("10"), noon); w.distrust("other") }, nil, fresh},
		"the namespace was forgotten":               {func(w *ownWrites) { w.remember("shop", wrote("10"), noon); w.forget("shop") }, nil, fresh},
	} {
		t.Run(name, func(t *testing.T) {
			w := newOwnWrites()
			c.before(w)
			if got := w.trust("shop", c.cached, noon, patience); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestPatienceWithTheCacheEnds(t *testing.T) {
	w := newOwnWrites()
	w.remember("shop", wrote("10"), noon)
	w.settled("shop", map[string]string{"x": "hash"})
	for _, c := range []struct {
		after time.Duration
		want  freshness
	}{{0, awaitCache}, {patience / 2, awaitCache}, {patience - 1, awaitCache}, {patience, readLive}, {patience + 1, readLive}} {
		if got := w.trust("shop", nil, noon.Add(c.after), patience); got != c.want {
			t.Errorf("after %s: got %d, want %d", c.after, got, c.want)
		}
	}
	w.readAnew("shop", nil, nil, noon.Add(patience))
	if got := w.trust("shop", nil, noon.Add(patience), patience); got != fresh {
		t.Errorf("when what was written is gone: got %d", got)
	}
	if w.applied("shop")["x"] != "hash" {
		t.Error("what was right is forgotten")
	}
}

func TestTheCacheIsBehindUntilItShowsWhatALiveListDid(t *testing.T) {
	foreign := policyAt("30", "f")
	foreign.Name, foreign.OwnerReferences = "theirs", nil
	for name, c := range map[string]struct {
		live, cached []*networkingv1.NetworkPolicy
		want         freshness
	}{
		"nothing new":            {list(policyAt("10", "u")), list(policyAt("10", "u")), fresh},
		"an old version":         {list(policyAt("20", "u")), list(policyAt("10", "u")), awaitCache},
		"a later version":        {list(policyAt("20", "u")), list(policyAt("21", "u")), fresh},
		"one that was deleted":   {nil, list(policyAt("10", "u")), awaitCache},
		"none that was deleted":  {nil, nil, fresh},
		"one that was exchanged": {list(policyAt("20", "v")), list(policyAt("10", "u")), awaitCache},
		"its successor":          {list(policyAt("20", "v")), list(policyAt("20", "v")), fresh},
		"nobody else's":          {list(policyAt("10", "u"), foreign), list(policyAt("10", "u")), fresh},
	} {
		t.Run(name, func(t *testing.T) {
			w := newOwnWrites()
			w.distrust("shop")
			w.readAnew("shop", list(policyAt("10", "u")), c.live, noon)
			if got := w.trust("shop", c.cached, noon, patience); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestPatienceBeginsWithTheWrite(t *testing.T) {
	w := newOwnWrites()
	w.remember("shop", wrote("10"), noon)
	for i, c := range []struct {
		after  time.Duration
		cached *networkingv1.NetworkPolicy
		want   freshness
	}{
		{patience - 1, policyAt("9", "u"), awaitCache},
		{patience, policyAt("9", "u"), readLive},
		{patience, policyAt("10", "u"), fresh},
		// A cache that goes back gets as much time as one that lags.
		{3 * patience, policyAt("9", "u"), awaitCache},
		{4 * patience, policyAt("9", "u"), readLive},
	} {
		if got := w.trust("shop", list(c.cached), noon.Add(c.after), patience); got != c.want {
			t.Errorf("look %d: got %d, want %d", i, got, c.want)
		}
	}
}

func TestDistrustHoldsUntilALiveListWasRead(t *testing.T) {
	w := newOwnWrites()
	w.distrust("shop")
	look := func() freshness { return w.trust("shop", nil, noon, patience) }
	for range 2 {
		if look() != readLive {
			t.Error("the cache is trusted although the API server has not been asked")
		}
	}
	w.readAnew("shop", nil, nil, noon)
	if got := look(); got != fresh {
		t.Errorf("afterwards: got %d", got)
	}
}

func TestEchoesOfOurOwnWrites(t *testing.T) {
	w := newOwnWrites()
	if w.isEcho(policyAt("10", "u")) {
		t.Error("nothing was written")
	}
	var set plan.ChangeSet
	set.Steps[plan.StepExtend] = []plan.Change{{Desired: policyAt("", "u")}}
	old := policyAt("1", "gone")
	old.Name = "old"
	set.Steps[plan.StepPrune] = []plan.Change{{Live: old}}
	w.begin("shop", set)
	changed := policyAt("10", "u")
	changed.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	if !w.isEcho(policyAt("10", "u")) || w.isEcho(changed) {
		t.Error("before the answer is in, what is as we asked for is ours, and nothing else")
	}
	if !w.sawDeletion(old) || w.sawDeletion(policyAt("2", "u")) {
		t.Error("before the answer is in, the deletion that we asked for is ours, and no other")
	}
	w.remember("shop", append(wrote("10"), plan.Written{Change: set.Steps[plan.StepPrune][0]}), noon)
	if !w.isEcho(policyAt("10", "u")) || w.isEcho(policyAt("11", "u")) {
		t.Error("then, the version that we wrote is")
	}
	if !w.isEcho(changed) {
		t.Error("the version alone says what was written")
	}
}

func TestWhatWasLastRight(t *testing.T) {
	w := newOwnWrites()
	if w.applied("shop") != nil {
		t.Error("nothing is remembered")
	}
	w.settled("shop", map[string]string{"x": "h1", "y": "h2"})
	w.remember("shop", deleted("u"), noon)
	if got := w.applied("shop"); len(got) != 1 || got["y"] != "h2" {
		t.Errorf("after our own deletion of x: %v", got)
	}
	w.forget("shop")
	if w.applied("shop") != nil {
		t.Error("a namespace that is gone is remembered")
	}
}
