package leadership

import (
	"context"
	"time"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Lock returns a lock that tells a term of the renewals that go through it.
func Lock(of resourcelock.Interface, term *Term) resourcelock.Interface {
	return lock{Interface: of, term: term}
}

type lock struct {
	resourcelock.Interface
	term *Term
}

// Get implements resourcelock.Interface. A lease that is another's ends the term.
func (l lock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil && record.HolderIdentity != l.Identity() {
		l.term.end()
	}
	return record, raw, err
}

// Create implements resourcelock.Interface.
func (l lock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.hold(record, func() error { return l.Interface.Create(ctx, record) })
}

// Update implements resourcelock.Interface.
func (l lock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.hold(record, func() error { return l.Interface.Update(ctx, record) })
}

// hold writes a record. One without this holder gives the lease back, whatever the answer is. One that is written a second time,
// because the first answer did not come, is no news to those who saw the first: so what counts is when it says it was renewed.
func (l lock) hold(record resourcelock.LeaderElectionRecord, write func() error) error {
	if record.HolderIdentity != l.Identity() {
		l.term.end()
		return write()
	}
	if err := write(); err != nil {
		return err
	}
	l.term.extend(record.RenewTime.Time, time.Duration(record.LeaseDurationSeconds)*time.Second)
	return nil
}
