package cli

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/internal/overview"
)

const (
	// settleFor is how long a change is let to settle, so that changes that come together are shown together.
	settleFor = 200 * time.Millisecond
	// restFactor is how many times as long as the last look took to wait before the next one, so that a large cluster that never
	// rests does not keep this machine busy.
	restFactor = 4
	// lookAgain is how often to look when nothing changes: ages grow, and a lease runs out.
	lookAgain = 20 * time.Second
)

// statusView shows an overview, and again what changed in it.
type statusView interface {
	// show shows an overview. Failing says why it may not be current; nil when it is.
	show(seen *overview.Overview, failing error) error
	// close ends it.
	close()
}

// follow shows an overview, and what changes in it, until the context ends.
func (o *statusCommand) follow(ctx context.Context, c client.WithWatch, namespace string) error {
	f := &statusFollower{changed: make(chan struct{}, 1)}
	f.statusLook = o.newLook(c, namespace, f.signal)
	seen, err := f.overview(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	case len(seen.Missing) > 0:
		return notFound(seen)
	}
	view, resized := o.newView(ctx)
	defer view.close()
	for failing := f.sight.Failing(); ; {
		if err := view.show(seen, failing); err != nil {
			return err
		}
		if !f.wait(ctx, resized) {
			return nil
		}
		next, err := f.overview(ctx)
		if failing = err; err == nil {
			seen, failing = next, f.sight.Failing()
		}
	}
}

// statusFollower looks again when something changed.
type statusFollower struct {
	*statusLook
	// changed holds one token while something changed that was not looked at.
	changed chan struct{}
	// lasted is how long the last look took.
	lasted time.Duration
}

func (f *statusFollower) signal() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// overview is that of the look, and measures it. What changed before is in it.
func (f *statusFollower) overview(ctx context.Context) (*overview.Overview, error) {
	select {
	case <-f.changed:
	default:
	}
	started := time.Now()
	seen, err := f.statusLook.overview(ctx)
	f.lasted = time.Since(started)
	return seen, err
}

// wait waits until it is time to look again; false when the context has ended.
func (f *statusFollower) wait(ctx context.Context, resized <-chan struct{}) bool {
	again := time.NewTimer(lookAgain)
	defer again.Stop()
	select {
	case <-ctx.Done():
	case <-resized:
	case <-again.C:
	case <-f.changed:
		settled := time.NewTimer(max(settleFor, restFactor*f.lasted))
		defer settled.Stop()
		select {
		case <-ctx.Done():
		case <-settled.C:
		}
	}
	return ctx.Err() == nil
}

// newView returns the view for where the output goes, and what tells that it should be drawn anew.
func (o *statusCommand) newView(ctx context.Context) (statusView, <-chan struct{}) {
	if file, ok := isTerminal(o.streams.Out); ok && o.isTable() {
		return newStatusScreen(o, file), windowResized(ctx)
	}
	return newStatusLines(o), nil
}

// notCurrent says that what was seen may not be current.
func notCurrent(err error) string {
	return fmt.Sprintf("What is shown may not be current; trying again: %v", err)
}
