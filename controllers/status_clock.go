package controllers

import (
	"sync"
	"time"

	"firebreak.dev/firebreak/internal/snapshot"
)

// judgementPatience is how long the first status of a profile waits for the judgement of its namespaces, which most often comes
// soon after their policies. Nothing that is enforced waits longer.
const judgementPatience = time.Second

// inheritancePatience is how long the word of an earlier process may stand that is not contradicted. When not every namespace has been seen
// after that time, something is wrong, and what is known must be said.
const inheritancePatience = 5 * time.Minute

// blinkPatience is how long a profile that is ready may have something to write before it is said that it is not: a correction of
// drift is over in milliseconds, and a status that told of each that a look happens to see would flap.
const blinkPatience = 500 * time.Millisecond

// statusClock remembers when each profile's status was written last, and whose word it is.
type statusClock struct {
	mu   sync.Mutex
	last map[snapshot.ProfileKey]time.Time
	// complete are the profiles of which this process has seen every namespace.
	complete map[snapshot.ProfileKey]bool
	// contradicted is when this process first said otherwise of a profile than its status did.
	contradicted map[snapshot.ProfileKey]time.Time
	// inherits is when it was first asked whether the status of a profile is the word of an earlier process.
	inherits map[snapshot.ProfileKey]time.Time
	// working is since when there is something to write for a profile of which the status says that it is ready.
	working map[snapshot.ProfileKey]time.Time
}

func newStatusClock() *statusClock {
	return &statusClock{
		last: map[snapshot.ProfileKey]time.Time{}, complete: map[snapshot.ProfileKey]bool{},
		contradicted: map[snapshot.ProfileKey]time.Time{}, inherits: map[snapshot.ProfileKey]time.Time{}, working: map[snapshot.ProfileKey]time.Time{},
	}
}

// wait returns how long to wait until the interval since the last write is over; zero when it is.
func (c *statusClock) wait(key snapshot.ProfileKey, now time.Time, interval time.Duration) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, c.last[key].Add(interval).Sub(now))
}

func (c *statusClock) wrote(key snapshot.ProfileKey, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last[key] = now
}

// completed notes that every namespace of a profile has been seen.
func (c *statusClock) completed(key snapshot.ProfileKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.complete[key] = true
}

// contradict notes that what an earlier process said of a profile does not stand any more.
func (c *statusClock) contradict(key snapshot.ProfileKey, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.contradicted[key]; !ok {
		c.contradicted[key] = now
	}
}

// inherited says whether the status of a profile is the word of an earlier process, which stands while this one has not seen
// every namespace at any time. Once it was contradicted, what is known is said all the same after judgementPatience, and otherwise after
// inheritancePatience; again is how long that is from now, and zero when it is over.
func (c *statusClock) inherited(key snapshot.ProfileKey, now time.Time) (inherited bool, again time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.complete[key] {
		return false, 0
	}
	if _, ok := c.inherits[key]; !ok {
		c.inherits[key] = now
	}
	ends := c.inherits[key].Add(inheritancePatience)
	if since, ok := c.contradicted[key]; ok && since.Add(judgementPatience).Before(ends) {
		ends = since.Add(judgementPatience)
	}
	again = max(0, ends.Sub(now))
	return again > 0, again
}

// held returns how long it is yet held back that a profile is not ready any more, because something is being written for it; zero
// when nothing is, or for long enough.
func (c *statusClock) held(key snapshot.ProfileKey, now time.Time, works bool) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !works {
		delete(c.working, key)
		return 0
	}
	since, ok := c.working[key]
	if !ok {
		since = now
		c.working[key] = now
	}
	return max(0, since.Add(blinkPatience).Sub(now))
}

func (c *statusClock) forget(key snapshot.ProfileKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.last, key)
	delete(c.complete, key)
	delete(c.contradicted, key)
	delete(c.inherits, key)
	delete(c.working, key)
}
