package controllers

import (
	"sync"
	"time"

	"firebreak.dev/firebreak/internal/plan"
)

// pace spreads the writes of a roll-out over time, because network plugins give in before the API server does. Each
// namespace whose policies change gets a time of its own, and no worker waits for it.
type pace struct {
	// interval is the time between two writes; zero when they need not be spread.
	interval time.Duration

	mu sync.Mutex
	// next is when the next namespace may begin.
	next time.Time
	// slots are the times given to namespaces that were sent away.
	slots map[string]time.Time
}

// newPace returns a pace of at most so many writes a second; of any number when that is zero.
func newPace(writesPerSecond float64) *pace {
	p := &pace{slots: map[string]time.Time{}}
	if writesPerSecond > 0 {
		p.interval = time.Duration(float64(time.Second) / writesPerSecond)
	}
	return p
}

// wait returns how long a namespace must wait before it carries out a set of changes; zero for now. It says zero once for
// each set. What corrects drift never waits: it closes holes. It counts all the same.
func (p *pace) wait(namespace string, set plan.ChangeSet, now time.Time) time.Duration {
	if p.interval == 0 || set.Len() == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	slot, given := p.slots[namespace]
	if !given {
		slot = now
		if p.next.After(now) {
			slot = p.next
		}
		p.next = slot.Add(time.Duration(set.Len()) * p.interval)
	}
	if slot.After(now) && !set.CorrectsDrift() {
		p.slots[namespace] = slot
		return slot.Sub(now)
	}
	delete(p.slots, namespace)
	return 0
}

// forget drops the time that was given to a namespace.
func (p *pace) forget(namespace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.slots, namespace)
}
