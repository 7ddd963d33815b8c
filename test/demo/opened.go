package main

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"firebreak.dev/firebreak/test/dataplane/testbed"
)

const (
	// attemptEvery is how often a forbidden connection is tried, and attemptPatience how long each is waited for.
	attemptEvery    = 2 * time.Millisecond
	attemptPatience = 300 * time.Millisecond
	// quiet is how many in a row must be blocked until a hole counts as closed.
	quiet = 150
)

// openHole opens the default deny while forbidden connections are tried without pause, and says for how long they pass.
func (w *wire) openHole(ctx context.Context) error {
	policies, err := w.livePolicies(ctx)
	if err != nil {
		return err
	}
	deny, err := policyOf(policies, denyTier)
	if err != nil {
		return err
	}
	w.say("The api sends mail to the internet, or tries to, five hundred times a second. Then an empty egress rule in the " +
		"default deny opens every pod's way out.")
	before, err := w.cluster.Judged()
	if err != nil {
		return err
	}
	stream := testbed.StartStream(ctx, w.mail(), attemptEvery, attemptPatience)
	attempts, err := w.attemptsAround(ctx, stream, func() error {
		_, err := w.kubectl(ctx, "patch", "networkpolicy", deny.Name, "-n", namespace, "--type=merge", "-p", `{"spec":{"egress":[{}]}}`)
		return err
	})
	if err != nil {
		return err
	}
	after, err := w.cluster.Judged()
	if err != nil {
		return err
	}
	if after.Lost != before.Lost {
		return errors.New("packets were lost before the network plugin saw them")
	}
	w.sayPassed(attempts)
	if _, err := w.kubectl(ctx, "wait", "--for=jsonpath={.status.drift.corrections}=1", "--timeout=30s", "segp/shop", "-n", namespace); err != nil {
		return err
	}
	if err := w.untilEvents(ctx, 1); err != nil {
		return err
	}
	events, err := w.kubectl(ctx, "events", "-n", namespace, "--for=segmentationprofile/shop", "--types=Warning")
	if err != nil {
		return err
	}
	return expect(events, "DriftCorrected", "1 egress rule added")
}

// attemptsAround stops a stream when, after something was done to the policies, they are put right and the last connections were
// all blocked. It fails when one passed before.
func (w *wire) attemptsAround(ctx context.Context, stream *testbed.Stream, tamper func() error) ([]testbed.Attempt, error) {
	err := untilAttempts(ctx, stream, quiet)
	if _, passed := testbed.Span(stream.SoFar()); err == nil && passed > 0 {
		err = errors.New("what the profile forbids passed before the hole was there")
	}
	if err == nil {
		err = tamper()
	}
	if err == nil {
		err = wait.PollUntilContextTimeout(ctx, attemptEvery, watchTimeout, true, func(ctx context.Context) (bool, error) {
			policies, err := w.livePolicies(ctx)
			if err != nil {
				return false, err
			}
			deny, err := policyOf(policies, denyTier)
			return err == nil && len(deny.Spec.Egress) == 0, err
		})
	}
	if err == nil {
		err = untilAttempts(ctx, stream, len(stream.SoFar())+2*quiet)
	}
	attempts, streamErr := stream.Stop()
	if err := errors.Join(err, streamErr); err != nil {
		return nil, err
	}
	if _, passed := testbed.Span(attempts[len(attempts)-quiet:]); passed > 0 {
		return nil, errors.New("forbidden connections still pass")
	}
	return attempts, nil
}

// untilAttempts waits until so many attempts of a stream have ended.
func untilAttempts(ctx context.Context, stream *testbed.Stream, count int) error {
	return wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, watchTimeout, true, func(context.Context) (bool, error) {
		return len(stream.SoFar()) >= count, nil
	})
}

// sayPassed says what the hole was worth.
func (w *wire) sayPassed(attempts []testbed.Attempt) {
	span, passed := testbed.Span(attempts)
	if passed == 0 {
		w.proved("Of %d connections, none passed: Firebreak had closed the hole before the network plugin knew of it.", len(attempts))
		return
	}
	w.proved("Forbidden connections passed for %s, until Firebreak had closed the hole: %d of %d. Before and after, none.",
		milliseconds(span+attemptEvery), passed, len(attempts))
}
