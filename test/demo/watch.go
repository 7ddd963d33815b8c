package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
)

// watchTimeout bounds the wait for what should take milliseconds.
const watchTimeout = 30 * time.Second

// observation is a change of a policy, and when it arrived here.
type observation struct {
	kind   watch.EventType
	policy *networkingv1.NetworkPolicy
	at     time.Time
}

// observer watches the policies of the namespace from a known state on, so that nothing in between is missed. It notes
// when each change arrives, whether anybody waits for it or not.
type observer struct {
	watch watch.Interface
	seen  chan observation
}

// observedChanges is more than the changes in one step of the demo.
const observedChanges = 1000

// observe begins to watch the policies of the namespace, and returns them as they are now.
func (d *demo) observe(ctx context.Context) (*observer, []networkingv1.NetworkPolicy, error) {
	policies := d.client.NetworkingV1().NetworkPolicies(namespace)
	list, err := policies.List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, nil, fmt.Errorf("list policies: %w", err)
	}
	w, err := policies.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return nil, nil, fmt.Errorf("watch policies: %w", err)
	}
	o := &observer{watch: w, seen: make(chan observation, observedChanges)}
	go func() {
		defer close(o.seen)
		for event := range w.ResultChan() {
			if changed, ok := event.Object.(*networkingv1.NetworkPolicy); ok {
				o.seen <- observation{kind: event.Type, policy: changed, at: time.Now()}
			}
		}
	}()
	return o, list.Items, nil
}

func (o *observer) stop() { o.watch.Stop() }

// next returns the next change.
func (o *observer) next(ctx context.Context) (observation, error) {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	select {
	case <-ctx.Done():
		return observation{}, fmt.Errorf("wait for a policy to change: %w", ctx.Err())
	case seen, ok := <-o.seen:
		if !ok {
			return observation{}, errors.New("wait for a policy to change: the watch ended")
		}
		return seen, nil
	}
}

// untilEvents waits until the operator has announced so many corrections of drift; events are written in the background.
func (d *demo) untilEvents(ctx context.Context, corrections int) error {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	w, err := d.client.EventsV1().Events(namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("reason", "DriftCorrected").String(),
	})
	if err != nil {
		return fmt.Errorf("watch events: %w", err)
	}
	defer w.Stop()
	for range corrections {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d events: %w", corrections, ctx.Err())
		case _, ok := <-w.ResultChan():
			if !ok {
				return errors.New("the watch of events ended")
			}
		}
	}
	return nil
}
