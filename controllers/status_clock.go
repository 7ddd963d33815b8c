package controllers

import (
	"sync"
	"time"

	"firebreak.dev/firebreak/internal/snapshot"
)

// statusClock remembers when each profile's status was written last.
type statusClock struct {
	mu   sync.Mutex
	last map[snapshot.ProfileKey]time.Time
}

func newStatusClock() *statusClock { return &statusClock{last: map[snapshot.ProfileKey]time.Time{}} }

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

func (c *statusClock) forget(key snapshot.ProfileKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.last, key)
}
