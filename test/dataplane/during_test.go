package dataplane_test

import (
	"context"
	"fmt"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/test/dataplane/testbed"
)

// How many connections are opened in a second: of all flows that a change leaves open together, and of all others.
const keptPerSecond, othersPerSecond = 400, 100

const (
	// keptPatience is long enough to see that a packet was sent again, which TCP does after a second.
	keptPatience = 2 * time.Second
	// othersPatience is too short for that, so that a connection is judged once, when it is begun.
	othersPatience = 700 * time.Millisecond
	// warmUp is how long connections are opened before a change begins.
	warmUp = 200 * time.Millisecond
	// proofs is how often a change is made when the enforcer could not keep up with the packets.
	proofs = 3
)

// traffic are the flows of which connections are opened all the time while something changes, by what the change means to them:
// one is allowed before and after, denied before and after, allowed before, or allowed after.
type traffic struct{ kept, denied, closing, opening []testbed.Flow }

// during makes a change while connections are opened. It expects that none is lost of a flow that is allowed before and after, that
// none passes of one that is denied before and after, and that each other flow is switched once, and no later than the change
// has returned: then the change must be complete.
func during(ctx context.Context, what string, t traffic, prepare, change func()) {
	GinkgoHelper()
	Expect(proved(ctx, what, t, prepare, change).faults()).To(BeEmpty(), what)
}

// proved makes a change while connections are opened, and returns what became of them.
//
// Where packets were judged by nobody, nothing is proved. Then it is prepared and made again, so prepare brings about the state
// before the change from that after it.
func proved(ctx context.Context, what string, t traffic, prepare, change func()) record {
	GinkgoHelper()
	for try := range proofs {
		if try > 0 {
			prepare()
			t.expectBefore(ctx, what)
		}
		r := observe(ctx, t, change)
		AddReportEntry("measured", what+": "+r.figures())
		if r.unjudged == 0 {
			return r
		}
	}
	Fail(fmt.Sprintf("%s: nothing is proved, for packets were judged by nobody %d times", what, proofs))
	return record{}
}

// expectBefore waits until the flows pass that pass before the change, and no others.
func (t traffic) expectBefore(ctx context.Context, what string) {
	GinkgoHelper()
	Eventually(func() ([]string, error) { return cluster.Passing(ctx, t.all()) }).WithTimeout(enforcementTimeout).
		Should(ConsistOf(texts(slices.Concat(t.kept, t.closing))), "%s: the state before", what)
}

func (t traffic) all() []testbed.Flow { return slices.Concat(t.kept, t.denied, t.closing, t.opening) }

// observe opens connections before, during and after a change, and returns what became of them.
func observe(ctx context.Context, t traffic, change func()) record {
	GinkgoHelper()
	before, err := cluster.Judged()
	Expect(err).NotTo(HaveOccurred())
	keptStreams := startStreams(ctx, t.kept, keptPerSecond, keptPatience)
	streams := slices.Concat(keptStreams, startStreams(ctx, slices.Concat(t.denied, t.closing, t.opening), othersPerSecond, othersPatience))

	untilTried(streams, time.Time{})
	untilTried(keptStreams, time.Now().Add(warmUp))
	r := record{begun: time.Now()}
	change()
	r.complete = time.Now()
	untilTried(keptStreams, r.complete.Add(allowance+warmUp))
	untilTried(streams, r.complete.Add(allowance))

	fates := slices.Concat(slices.Repeat([]fate{kept}, len(t.kept)), slices.Repeat([]fate{denied}, len(t.denied)),
		slices.Repeat([]fate{closing}, len(t.closing)), slices.Repeat([]fate{opening}, len(t.opening)))
	var opened uint64
	for i, attempts := range stopAll(streams) {
		opened += uint64(len(attempts))
		r.flows = append(r.flows, observed{flow: streams[i].Flow.String(), fate: fates[i], attempts: attempts})
	}
	after, err := cluster.Judged()
	Expect(err).NotTo(HaveOccurred())
	r.unjudged = after.Lost - before.Lost
	// The first packet of each connection goes to the enforcer, if the rules say so that send it there.
	if wanted := before.Packets + opened + after.Waiting; after.Packets < wanted {
		r.unjudged += wanted - after.Packets
	}
	return r
}

// startStreams starts a stream of each flow. They take turns: each begins its first connection after that of the one before it, and
// all of them begin theirs before any begins its second.
func startStreams(ctx context.Context, flows []testbed.Flow, perSecond int, patience time.Duration) []*testbed.Stream {
	turn := time.NewTicker(time.Second / time.Duration(perSecond))
	defer turn.Stop()
	var out []*testbed.Stream
	for _, f := range flows {
		<-turn.C
		s := testbed.StartStream(ctx, f, time.Duration(len(flows))*time.Second/time.Duration(perSecond), patience)
		// When the change fails, nobody else stops it.
		DeferCleanup(func() { _, _ = s.Stop() })
		out = append(out, s)
	}
	return out
}

// untilTried waits until a connection of each stream that was begun after a time has ended.
func untilTried(streams []*testbed.Stream, after time.Time) {
	GinkgoHelper()
	for _, s := range streams {
		Eventually(func() time.Time {
			attempts := s.SoFar()
			if len(attempts) == 0 {
				return time.Time{}
			}
			return attempts[len(attempts)-1].At
		}).Should(BeTemporally(">", after), "a connection is tried: %s", s.Flow)
	}
}

// stopAll stops the streams together, for each waits for its last connections, and returns the attempts of each.
func stopAll(streams []*testbed.Stream) [][]testbed.Attempt {
	GinkgoHelper()
	out, errs := make([][]testbed.Attempt, len(streams)), make([]error, len(streams))
	finished := make(chan struct{})
	for i, s := range streams {
		go func() {
			out[i], errs[i] = s.Stop()
			finished <- struct{}{}
		}()
	}
	for range streams {
		<-finished
	}
	for i, err := range errs {
		Expect(err).NotTo(HaveOccurred(), "%s", streams[i].Flow)
	}
	return out
}
