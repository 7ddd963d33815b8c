package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/test/bench/figures"
	"firebreak.dev/firebreak/test/bench/rounds"
	"firebreak.dev/firebreak/test/harness"
)

// restartsEach is how often each side starts in a turn, which takes a second or so.
const restartsEach = 5

// restarts lets the operator start where everything is as it should be, against bare informers of the same kinds.
func (b *bench) restarts(ctx context.Context) (out []figures.Figure, err error) {
	size := b.of(5000)
	b.say("Starting again in %d namespaces", size)
	err = b.standing(ctx, placeOptions{}, size, func(ctx context.Context, r *rollOut) error {
		c, err := rounds.Compare(ctx, b.rounds, rounds.Repeated(restartsEach, r.bySync), rounds.Repeated(restartsEach, r.byRestart), b.tell)
		if err != nil {
			return err
		}
		out = []figures.Figure{ratio("restart-examined", c)}
		return nil
	})
	return out, err
}

// bySync returns how long bare informers take to know everything that the operator watches.
func (r *rollOut) bySync(ctx context.Context) ([]time.Duration, error) {
	bare, err := r.startBare(ctx, "sync")
	if err != nil {
		return nil, err
	}
	took, err := bare.finish()
	return []time.Duration{took}, err
}

// byRestart returns how long the operator takes, from when it has the lease, to look at every namespace.
func (r *rollOut) byRestart(ctx context.Context) (took []time.Duration, err error) {
	manager, err := r.launchOperator(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	var examined time.Time
	err = r.shown.while(ctx, manager, func(ctx context.Context) error {
		examined, err = r.untilExamined(ctx, manager, len(r.namespaces))
		return err
	})
	if err != nil {
		return nil, err
	}
	lease := &coordinationv1.Lease{}
	if err := r.admin.Get(ctx, client.ObjectKey{Namespace: harness.ManagerNamespace, Name: "controller-manager.firebreak.dev"}, lease); err != nil {
		return nil, err
	}
	if lease.Spec.AcquireTime == nil {
		return nil, errors.New("nobody has acquired the lease")
	}
	return []time.Duration{examined.Sub(lease.Spec.AcquireTime.Time)}, nil
}

// untilExamined waits until the operator has looked at so many namespaces, and there are no others, as its metrics say, and
// returns when it said so.
func (r *rollOut) untilExamined(ctx context.Context, manager *harness.Manager, namespaces int) (time.Time, error) {
	var examined time.Time
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, rolledOutWithin, true, func(ctx context.Context) (bool, error) {
		if err := manager.Failure(); err != nil {
			return false, err
		}
		states, err := r.scrape(ctx, manager, "firebreak_namespaces")
		examined = time.Now()
		total := 0.0
		for _, n := range states {
			total += n
		}
		// An error says that the metrics are not served yet.
		return err == nil && total == float64(namespaces) && states["pending"] == 0, nil
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("wait until everything is examined: %w\n%s", err, manager.Tail())
	}
	return examined, nil
}

// firstWrite deletes the policies and returns how long it takes from the start of the operator until there is one.
func (r *rollOut) firstWrite(ctx context.Context) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, rolledOutWithin)
	defer cancel()
	for _, namespace := range r.namespaces {
		if err := r.admin.DeleteAllOf(ctx, &networkingv1.NetworkPolicy{}, client.InNamespace(namespace)); err != nil {
			return 0, err
		}
	}
	events, err := r.watchFromNow(ctx)
	if err != nil {
		return 0, err
	}
	defer events.Stop()
	began := time.Now()
	manager, err := r.launchOperator(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, manager.Stop()) }()
	for {
		select {
		case <-manager.Exited():
			return 0, fmt.Errorf("wait for the first write: the operator has ended\n%s", manager.Tail())
		case event, ok := <-events.ResultChan():
			if !ok {
				return 0, fmt.Errorf("wait for the first write: the watch ended: %w\n%s", ctx.Err(), manager.Tail())
			}
			if event.Type == watch.Added {
				took = time.Since(began)
				_, err := r.untilExamined(ctx, manager, len(r.namespaces))
				return took, err
			}
		}
	}
}
