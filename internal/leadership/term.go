// Package leadership lets a replica write only while its lease can be nobody else's.
//
// A leader that cannot renew its lease gives up only after a while: client-go's LeaderElector tries for RenewDeadline, then tries
// to give the lease back, and each request may hang for as long as its client waits. Meanwhile another may have taken over, after
// LeaseDuration. So who leads bounds its writes itself, by when the last renewal that succeeded was sent: whoever wants the lease
// cannot have seen that renewal earlier, and waits for LeaseDuration from when it saw it.
package leadership

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrOver says that the lease may be another's by now.
var ErrOver = errors.New("the lease was not renewed in time and may be another replica's by now, so nothing is written")

// margin is how long before a lease runs out its holder stops to write, for what is on its way by then.
const margin = time.Second

// Term is for how long this replica may write. It is safe for concurrent use. A nil term never ends: that of an operator without
// leader election.
type Term struct {
	now func() time.Time

	mu sync.Mutex
	// until is when it ends unless the lease is renewed; zero before it begins, and when the lease was given back.
	until time.Time
}

// NewTerm returns a term that has not begun, by this clock.
func NewTerm(now func() time.Time) *Term { return &Term{now: now} }

// extend says that a renewal for some time, which was sent then, succeeded.
func (t *Term) extend(sent time.Time, lasts time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = sent.Add(lasts - margin)
}

// end says that the lease is given back.
func (t *Term) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = time.Time{}
}

// ends returns when the term ends as things are; ok is false when it has not begun or is over.
func (t *Term) ends() (until time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until, t.now().Before(t.until)
}

// During writes something, with a context that ends with the term as it is now. Before the term and after it, it returns ErrOver
// and writes nothing.
func (t *Term) During(ctx context.Context, write func(context.Context) error) error {
	if t == nil {
		return write(ctx)
	}
	until, ok := t.ends()
	if !ok {
		return ErrOver
	}
	ctx, cancel := context.WithDeadlineCause(ctx, until, ErrOver)
	defer cancel()
	err := write(ctx)
	if err != nil && errors.Is(context.Cause(ctx), ErrOver) {
		return fmt.Errorf("%w: %w", ErrOver, err)
	}
	return err
}
