package controllers

import (
	"sync"
	"time"

	"firebreak.dev/firebreak/internal/snapshot"
)

// statusClock remembers when each profile's status was written last, and of which profiles everything is known.
type statusClock struct {
	mu   sync.Mutex
	last map[snapshot.ProfileKey]time.Time
	// complete are the profiles of which this process has seen every namespace.
	complete map[snapshot.ProfileKey]bool
}

func newStatusClock() *statusClock {
	return &statusClock{last: map[snapshot.ProfileKey]time.Time{}, complete: map[snapshot.ProfileKey]bool{}}
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

// inherited says whether not every namespace of a profile has been seen at any time since this process began.
func (c *statusClock) inherited(key snapshot.ProfileKey) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.complete[key]
}

func (c *statusClock) forget(key snapshot.ProfileKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.last, key)
	delete(c.complete, key)
}
