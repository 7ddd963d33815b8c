package audit

import (
	"sync"
	"time"
)

// Excuses say which requests may be denied: a test that takes rights away on purpose excuses what this brings about, and nothing
// else. The zero value excuses nothing. Its methods may be used side by side.
type Excuses struct {
	mu         sync.Mutex
	namespaces map[string]bool
	times      []*span
}

// span is from a time until another; without the latter, for ever.
type span struct{ from, until time.Time }

// Namespace excuses requests about what is in a namespace, at any time.
func (e *Excuses) Namespace(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.namespaces == nil {
		e.namespaces = map[string]bool{}
	}
	e.namespaces[name] = true
}

// Begin excuses every request from now on, until the function that it returns is called for the first time. The API server's clock
// must be the caller's. It may learn of a right that was given back a moment later, so end when a request has succeeded.
func (e *Excuses) Begin() (end func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := &span{from: time.Now()}
	e.times = append(e.times, s)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if s.until.IsZero() {
			s.until = time.Now()
		}
	}
}

func (e *Excuses) cover(r Request) bool {
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.Object.Namespace != "" && e.namespaces[r.Object.Namespace] {
		return true
	}
	for _, s := range e.times {
		if !r.Time.Before(s.from) && (s.until.IsZero() || !r.Time.After(s.until)) {
			return true
		}
	}
	return false
}
