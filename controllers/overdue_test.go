package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"

	"firebreak.dev/firebreak/internal/cluster"
)

// shown is a cache that shows these policies in every namespace, or fails.
type shown struct {
	client.Reader
	policies []*networkingv1.NetworkPolicy
	err      error
}

// List implements client.Reader.
func (s *shown) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	if list, ok := into.(*networkingv1.NetworkPolicyList); ok {
		for _, policy := range s.policies {
			list.Items = append(list.Items, *policy)
		}
	}
	return s.err
}

// broughtBack returns the namespaces that are brought back after a time, those first that have waited for longest.
func broughtBack(t *testing.T, w *ownWrites, cache *shown, after time.Duration) []string {
	t.Helper()
	q := priorityqueue.New[ctrl.Request]("test")
	defer q.ShutDown()
	r := &NamespaceReconciler{writes: w, reader: &cluster.Reader{Cache: cache}}
	r.enqueueOverdue(t.Context(), q, noon.Add(after))
	var out []string
	for range q.Len() {
		request, _ := q.Get()
		q.Done(request)
		out = append(out, request.Name)
	}
	return out
}

func TestANamespaceIsBroughtBackUntilTheCacheShowsWhatWasWrittenOrReadLive(t *testing.T) {
	late, there := &shown{}, &shown{policies: list(policyAt("10", "u"))}
	for name, c := range map[string]struct {
		before func(*ownWrites)
		cache  *shown
		after  time.Duration
		want   []string
	}{
		"nothing was written":                   {func(*ownWrites) {}, late, patience, nil},
		"the cache has time yet":                {func(w *ownWrites) { w.remember("shop", wrote("10"), noon) }, late, patience - 1, nil},
		"it does not show what was written":     {func(w *ownWrites) { w.remember("shop", wrote("10"), noon) }, late, patience, []string{"shop"}},
		"it shows what was written":             {func(w *ownWrites) { w.remember("shop", wrote("10"), noon) }, there, patience, nil},
		"it shows what was deleted":             {func(w *ownWrites) { w.remember("shop", deleted("u"), noon) }, there, patience, []string{"shop"}},
		"it does not show what a live list did": {func(w *ownWrites) { w.readAnew("shop", nil, there.policies, noon) }, late, patience, []string{"shop"}},
		"it has time after a live list":         {func(w *ownWrites) { w.readAnew("shop", nil, there.policies, noon) }, late, patience - 1, nil},
		"it shows what a live list did":         {func(w *ownWrites) { w.readAnew("shop", nil, there.policies, noon) }, there, 2 * patience, nil},
		"it showed all to a live list":          {func(w *ownWrites) { w.readAnew("shop", there.policies, there.policies, noon) }, late, 2 * patience, nil},
		"it cannot be read":                     {func(w *ownWrites) { w.remember("shop", wrote("10"), noon) }, &shown{err: errors.New("no")}, patience, nil},
		"the API server contradicted the cache": {func(w *ownWrites) { w.remember("shop", wrote("10"), noon); w.distrust("shop") }, there, patience, []string{"shop"}},
		"the namespace goes":                    {func(w *ownWrites) { w.remember("shop", wrote("10"), noon); w.forgive("shop") }, late, patience, nil},
		"the namespace was forgotten":           {func(w *ownWrites) { w.remember("shop", wrote("10"), noon); w.forget("shop") }, late, patience, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newOwnWrites()
			c.before(w)
			if got := broughtBack(t, w, c.cache, c.after); !slices.Equal(got, c.want) {
				t.Errorf("brought back are %v, want %v", got, c.want)
			}
		})
	}
}

func TestANamespaceIsBroughtBackLaterAndLaterForAsLongAsTheCacheIsBehind(t *testing.T) {
	w, late := newOwnWrites(), &shown{}
	w.remember("shop", wrote("10"), noon)
	var pauses []time.Duration
	last := time.Duration(0)
	for after := time.Duration(0); len(pauses) < 6; after += patience / 2 {
		if broughtBack(t, w, late, after) != nil {
			pauses = append(pauses, after-last)
			last = after
			w.readAnew("shop", nil, list(policyAt("10", "u")), noon.Add(after))
		}
	}
	if want := []time.Duration{patience, 2 * patience, 4 * patience, 8 * patience, 8 * patience, 8 * patience}; !slices.Equal(pauses, want) {
		t.Errorf("it is brought back after %v, want %v", pauses, want)
	}
	w.trust("shop", list(policyAt("10", "u")), noon.Add(last), patience)
	w.remember("shop", wrote("11"), noon.Add(last))
	if got := broughtBack(t, w, late, last+patience); !slices.Equal(got, []string{"shop"}) {
		t.Errorf("when the cache had caught up in between: %v", got)
	}
}

func TestOnlySoManyNamespacesAreBroughtBackAtATime(t *testing.T) {
	w, late := newOwnWrites(), &shown{}
	const all = 2*mostOverdue + 1
	for i := range all {
		w.remember(fmt.Sprint(i), wrote("10"), noon)
	}
	seen := map[string]bool{}
	for _, want := range []int{mostOverdue, mostOverdue, 1, 0} {
		got := broughtBack(t, w, late, patience)
		for _, namespace := range got {
			seen[namespace] = true
		}
		if len(got) != want {
			t.Errorf("%d come back at once, want %d", len(got), want)
		}
	}
	if len(seen) != all {
		t.Errorf("%d came back, want %d", len(seen), all)
	}
}
