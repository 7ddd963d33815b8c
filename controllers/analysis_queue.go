package controllers

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/handler"

	"firebreak.dev/firebreak/internal/snapshot"
)

// analysisQueue leads from whatever changed to the work queue of the analysis. Before that runs, changes are dropped: each
// namespace is judged after it has been reconciled for the first time.
type analysisQueue struct {
	mu sync.Mutex
	to queue
	// early are the namespaces that were reconciled before the analysis ran. Where nothing is reconciled there are none.
	early []string
	// dirty are the namespaces that changed since those that look at them were last woken.
	dirty []snapshot.Namespace
	// last is when a namespace was reconciled last.
	last time.Time
}

func (a *analysisQueue) set(to queue) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.to = to
	enqueueAfter(to, handler.LowPriority, policyDelay, a.early...)
	a.early = nil
}

// runs says whether the analysis does. While it does not, nothing may be read from the cache, either: see statusQueues.
func (a *analysisQueue) runs() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.to != nil
}

// add has a namespace judged after a while.
func (a *analysisQueue) add(namespace string, priority int, after time.Duration) {
	a.mu.Lock()
	to := a.to
	a.mu.Unlock()
	if to != nil {
		enqueueAfter(to, priority, after, namespace)
	}
}

// reconciled has a namespace judged that was reconciled.
func (a *analysisQueue) reconciled(namespace string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = time.Now()
	if a.to == nil {
		a.early = append(a.early, namespace)
		return
	}
	enqueueAfter(a.to, handler.LowPriority, policyDelay, namespace)
}

// sinceReconciled returns how long ago a namespace was reconciled last.
func (a *analysisQueue) sinceReconciled(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return now.Sub(a.last)
}

// changed gathers the namespaces that change within reachDelay, each with labels that it had, and then tells of them.
func (a *analysisQueue) changed(ns snapshot.Namespace, tell func(changed []snapshot.Namespace)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.to == nil {
		return
	}
	if len(a.dirty) == 0 {
		time.AfterFunc(reachDelay, func() {
			a.mu.Lock()
			changed := a.dirty
			a.dirty = nil
			a.mu.Unlock()
			tell(changed)
		})
	}
	if last := len(a.dirty) - 1; last >= 0 && ns.Labels == nil && a.dirty[last].Name == ns.Name {
		return // a burst, most often
	}
	a.dirty = append(a.dirty, ns)
}
