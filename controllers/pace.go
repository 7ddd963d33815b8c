package controllers

import (
	"slices"
	"sync"
	"time"
)

const (
	// maxHaste is for how long roll-outs stand back at most for what could not wait.
	maxHaste = time.Second
	// turnPatience is how long a namespace whose turn it is may take to come before the next one goes ahead.
	turnPatience = 5 * time.Second
)

// pace spreads the writes of a roll-out over time, because network plugins give in before the API server does. Namespaces
// whose policies change take turns, in the order in which they came, and no worker waits for a turn.
type pace struct {
	// interval is the time between two writes; zero when they need not be spread.
	interval time.Duration

	mu sync.Mutex
	// free is when the writes of those whose turn it was are over; haste is how much longer the next one stands back for
	// what could not wait.
	free  time.Time
	haste time.Duration
	queue []turn
	// begun are the namespaces whose turn came and whose changes are not all made.
	begun map[string]bool
	// wake brings a namespace back after a while; nil before the controllers run.
	wake func(namespace string, after time.Duration)
}

// turn is a namespace that waits.
type turn struct {
	namespace string
	writes    int
	// due is when it is expected to come.
	due time.Time
}

// newPace returns a pace of at most so many writes a second; of any number when that is zero.
func newPace(writesPerSecond float64) *pace {
	p := &pace{begun: map[string]bool{}}
	if writesPerSecond > 0 {
		p.interval = time.Duration(float64(time.Second) / writesPerSecond)
	}
	return p
}

// wait returns how long a namespace must wait before it makes a number of writes; zero for now. None takes it out of the
// queue. What is urgent never waits; it counts, but others stand back for it for no longer than maxHaste.
func (p *pace) wait(namespace string, writes int, urgent bool, now time.Time) time.Duration {
	if p.interval == 0 {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case writes == 0:
		p.remove(namespace, now)
		delete(p.begun, namespace)
		return 0
	case urgent:
		if p.next().Before(now) {
			p.free, p.haste = now, 0
		}
		p.haste = min(p.haste+time.Duration(writes)*p.interval, maxHaste)
		p.remove(namespace, now)
		return 0
	case p.begun[namespace]:
		p.charge(writes, now)
		return 0
	}
	p.dropLost(now)
	i := p.index(namespace)
	if i < 0 {
		i = len(p.queue)
		p.queue = append(p.queue, turn{namespace: namespace})
	}
	p.queue[i].writes = writes
	if i == 0 && !p.next().After(now) {
		p.begun[namespace] = true
		p.charge(writes, now)
		p.remove(namespace, now)
		return 0
	}
	p.queue[i].due = p.dueOf(i, now)
	return max(p.queue[i].due.Sub(now), time.Millisecond)
}

// finished says that all changes of a namespace were made, or that it must take another turn for the rest.
func (p *pace) finished(namespace string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.begun, namespace)
}

// forget drops a namespace.
func (p *pace) forget(namespace string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(namespace, now)
	delete(p.begun, namespace)
}

// onTurn says how a namespace is brought back when its turn has come.
func (p *pace) onTurn(wake func(namespace string, after time.Duration)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake = wake
}

// next is when the next turn may begin.
func (p *pace) next() time.Time { return p.free.Add(p.haste) }

// charge moves the next turn behind these writes. Idle time is not saved up.
func (p *pace) charge(writes int, now time.Time) {
	p.free, p.haste = later(p.next(), now).Add(time.Duration(writes)*p.interval), 0
}

// dueOf returns when a namespace is expected to have its turn: when those before it have had theirs.
func (p *pace) dueOf(i int, now time.Time) time.Time {
	before := 0
	for _, t := range p.queue[:i] {
		before += t.writes
	}
	return later(p.next(), now).Add(time.Duration(before) * p.interval)
}

func (p *pace) index(namespace string) int {
	return slices.IndexFunc(p.queue, func(t turn) bool { return t.namespace == namespace })
}

// remove takes a namespace out of the queue. When another one comes to its head, that one is brought back in time.
func (p *pace) remove(namespace string, now time.Time) {
	i := p.index(namespace)
	if i < 0 {
		return
	}
	p.queue = slices.Delete(p.queue, i, i+1)
	if i > 0 || len(p.queue) == 0 {
		return
	}
	p.queue[0].due = p.dueOf(0, now)
	if p.wake != nil {
		p.wake(p.queue[0].namespace, p.queue[0].due.Sub(now))
	}
}

// dropLost passes over namespaces that did not come when it was their turn: something keeps them, and they will queue
// again.
func (p *pace) dropLost(now time.Time) {
	for len(p.queue) > 0 && p.queue[0].due.Add(turnPatience).Before(now) {
		p.remove(p.queue[0].namespace, now)
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
