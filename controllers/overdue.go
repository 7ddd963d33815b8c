package controllers

import (
	"cmp"
	"context"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// overduePoll is how often it is looked for what the cache should have shown by now.
	overduePoll = time.Second
	// mostOverdue is how many namespaces are brought back for that at a time, because each of them reads live.
	mostOverdue = 20
	// mostDoublings of cachePatience are how long it takes at most until a namespace is looked at again.
	mostDoublings = 3
)

// owe notes that the cache owes us something from now on.
func (w *ownWrites) owe(namespace string, ns *namespaceWrites, now time.Time) {
	ns.since = now
	w.putOff(namespace, ns, now)
}

// putOff lets a namespace be looked at later: twice as late after each look in vain, but for a limit.
func (w *ownWrites) putOff(namespace string, ns *namespaceWrites, now time.Time) {
	w.owed[namespace] = now.Add(cachePatience << min(ns.looks, mostDoublings))
}

// paid notes that the cache has shown all.
func (w *ownWrites) paid(namespace string, ns *namespaceWrites) {
	ns.since, ns.looks = time.Time{}, 0
	delete(w.owed, namespace)
}

// overdue returns the namespaces that are to be looked at by now, those first that have been for longest.
func (w *ownWrites) overdue(now time.Time) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for namespace, due := range w.owed {
		if !due.After(now) {
			out = append(out, namespace)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(w.owed[a].Compare(w.owed[b]), cmp.Compare(a, b)) })
	return out
}

// owes says whether these cached policies do not show all that they should, and when they do not, puts off the next look.
func (w *ownWrites) owes(namespace string, cached []*networkingv1.NetworkPolicy, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns, ok := w.namespaces[namespace]
	switch {
	case !ok:
		return false
	case ns.distrusted || ns.behind(cached):
		ns.looks++
		w.putOff(namespace, ns, now)
		return true
	}
	w.paid(namespace, ns)
	return false
}

// forgive notes that the cache owes nothing any more.
func (w *ownWrites) forgive(namespace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.owed, namespace)
}

// lookForOverdue brings namespaces back of which the cache still does not show what was written there, or read live: a watch
// that broke may have missed that it came and that it went, and then no event tells of it. It returns when ctx ends.
func (r *NamespaceReconciler) lookForOverdue(ctx context.Context, q queue) {
	wait.UntilWithContext(ctx, func(ctx context.Context) { r.enqueueOverdue(ctx, q, time.Now()) }, overduePoll)
}

func (r *NamespaceReconciler) enqueueOverdue(ctx context.Context, q queue, now time.Time) {
	left := mostOverdue
	for _, namespace := range r.writes.overdue(now) {
		cached, err := r.reader.Policies(ctx, namespace)
		if err != nil {
			log.FromContext(ctx).Error(err, "Look whether the cache shows what was written", "namespace", namespace)
			return
		}
		if !r.writes.owes(namespace, cached, now) {
			continue
		}
		enqueue(q, false, namespace)
		if left--; left == 0 {
			return
		}
	}
}
