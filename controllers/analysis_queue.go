package controllers

import (
	"sync"
	"time"

	"firebreak.dev/firebreak/internal/snapshot"
)

// analysisQueue leads from whatever changed to the work queue of the analysis. Before that runs, changes are dropped: each
// namespace is judged after it has been reconciled for the first time.
type analysisQueue struct {
	mu sync.Mutex
	to queue
	// dirty are the namespaces that changed since those that look at them were last woken.
	dirty []snapshot.Namespace
}

func (a *analysisQueue) set(to queue) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.to = to
}

// add has a namespace judged after a while.
func (a *analysisQueue) add(namespace string, after time.Duration) {
	a.mu.Lock()
	to := a.to
	a.mu.Unlock()
	if to != nil {
		enqueueAfter(to, 0, after, namespace)
	}
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
