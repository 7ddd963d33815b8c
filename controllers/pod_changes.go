package controllers

import (
	"sync"
	"time"
)

const (
	// podDelay gathers the pods that come and go: in a large cluster some always do, and each by itself would have its profiles
	// looked up and the analysis woken.
	podDelay = 500 * time.Millisecond
	// podRest is how often a namespace is judged for its pods at most. Their numbers are not told more often either.
	podRest = 10 * time.Second
)

// podChanges gathers the namespaces in which pods changed, and tells of them after podDelay. It may be used side by side.
type podChanges struct {
	// counted tells of namespaces whose numbers of pods, or the labels of those, changed.
	counted func(namespaces map[string]bool)
	// judge has namespaces judged, and returns those that are to be named again the next time.
	judge func(namespaces map[string]bool) (later []string)

	// telling keeps one from being told while the former is.
	telling sync.Mutex
	mu      sync.Mutex
	// changed has true for namespaces that are new to counted; false for those that are for judge alone.
	changed map[string]bool
}

// add takes note of a change: of the numbers and labels of pods, or else of their addresses alone.
func (p *podChanges) add(namespace string, counts bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.changed) == 0 {
		p.changed = map[string]bool{}
		time.AfterFunc(podDelay, p.tell)
	}
	p.changed[namespace] = counts || p.changed[namespace]
}

func (p *podChanges) tell() {
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	changed := p.changed
	p.changed = nil
	p.mu.Unlock()
	counted := map[string]bool{}
	for namespace, counts := range changed {
		if counts {
			counted[namespace] = true
		}
	}
	if len(counted) > 0 {
		p.counted(counted)
	}
	for _, namespace := range p.judge(changed) {
		p.add(namespace, false)
	}
}

// turns say when something had its turn last, so that it has it again no sooner than a while later. They are for one goroutine.
type turns struct {
	last map[string]time.Time
}

// take says whether it is a thing's turn, and forgets those whose turn may come at any time.
func (t *turns) take(names map[string]bool, every time.Duration, now time.Time) (due, later []string) {
	for name, last := range t.last {
		if now.Sub(last) >= every {
			delete(t.last, name)
		}
	}
	if t.last == nil {
		t.last = map[string]time.Time{}
	}
	for name := range names {
		if _, had := t.last[name]; had {
			later = append(later, name)
			continue
		}
		t.last[name] = now
		due = append(due, name)
	}
	return due, later
}
