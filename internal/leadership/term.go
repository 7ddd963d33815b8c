// Package leadership lets a replica write only for as long as no other can have taken its lease over.
//
// A leader that cannot renew its lease gives up only after a while: client-go's LeaderElector tries for RenewDeadline, then tries
// to give the lease back, and each request may hang for as long as its client waits. Meanwhile another may have taken over, after
// LeaseDuration. So who leads bounds its writes itself, by the time that the last renewal which succeeded says of itself: whoever
// wants the lease cannot have seen that renewal earlier, and waits for LeaseDuration from when it saw it.
package leadership

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrOver says that the lease may be another's by now.
var ErrOver = errors.New("the lease was given back, or not renewed in time and may be another replica's by now")

// margin is how long before a lease runs out its holder stops to write: a second for what is on its way by then, and one because
// a lease counts whole seconds to those who look whether it was renewed.
const margin = 2 * time.Second

// Term is for how long this replica may write. It is safe for concurrent use. A nil term never ends: that of an operator without
// leader election.
type Term struct {
	now func() time.Time

	mu sync.Mutex
	// until is when it ends unless the lease is renewed; zero before it begins, and when the lease was given back.
	until time.Time
	// changed is closed when until changes.
	changed chan struct{}
}

// NewTerm returns a term that has not begun, by this clock.
func NewTerm(now func() time.Time) *Term { return &Term{now: now, changed: make(chan struct{})} }

// extend says that the lease was renewed at a time for so long.
func (t *Term) extend(renewed time.Time, lasts time.Duration) { t.set(renewed.Add(lasts - margin)) }

// end says that the lease is given back, or another's.
func (t *Term) end() { t.set(time.Time{}) }

func (t *Term) set(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = until
	close(t.changed)
	t.changed = make(chan struct{})
}

// left returns how long the term lasts as things are, nothing or less when it is not or no more; and what is closed when that
// changes.
func (t *Term) left() (time.Duration, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until.Sub(t.now()), t.changed
}

// During writes something, with a context that ends with the term. Before the term and after it, it writes nothing and returns
// ErrOver.
func (t *Term) During(ctx context.Context, write func(context.Context) error) error {
	if t == nil {
		return write(ctx)
	}
	if left, _ := t.left(); left <= 0 {
		return fmt.Errorf("nothing is written: %w", ErrOver)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		t.wait(ctx)
		cancel(ErrOver)
	}()
	err := write(ctx)
	if errors.Is(err, context.Canceled) && errors.Is(context.Cause(ctx), ErrOver) {
		return fmt.Errorf("broken off, and perhaps made all the same: %w: %w", ErrOver, err)
	}
	return err
}

// wait returns when the term is over, or the context.
func (t *Term) wait(ctx context.Context) {
	for {
		left, changed := t.left()
		if left <= 0 {
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}
