package dataplane_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

const (
	// holesOpened is how often somebody opens a hole.
	holesOpened = 200
	// Each policy is tampered with less often than ten times: after that the operator takes it for a fight, and corrects it once a
	// second.
	driftTeams, triesAtMost = 8, 216
	// holesAtOnce is how many may not be known to be closed yet when the next is opened.
	holesAtOnce = 3
	// A forbidden packet is sent every driftPace, and is answered within driftPatience or never.
	driftPace     = 2 * time.Millisecond
	driftPatience = 300 * time.Millisecond
	// closedAfter is how many packets in a row must be denied until a hole counts as closed, and closedWithin how long that may
	// take.
	closedAfter  = 25
	closedWithin = 5 * time.Second
)

// driftPort is the port of everybody here.
var driftPort = testbed.UDP(9999)

// hole is a way to open what a profile keeps closed, and a forbidden flow that then passes.
type hole struct {
	kind      string
	forbidden testbed.Flow
	policy    *networkingv1.NetworkPolicy
	open      func(context.Context, *networkingv1.NetworkPolicy) error
}

var _ = Describe("A hole that somebody opens by hand", func() {
	It("lets packets through only until the operator has seen it", func(ctx SpecContext) {
		teams := runTeams(ctx)
		var holes []hole
		var flows []testbed.Flow
		for _, t := range teams {
			holes = append(holes, t.holes(ctx)...)
		}
		for _, h := range holes {
			flows = append(flows, h.forbidden)
		}
		expectTraffic(ctx, flows)

		passed := openHoles(ctx, holes)
		for _, t := range teams {
			expectReady(ctx, t.shop) // Nothing is contested.
			expectReady(ctx, t.tiersOnly)
		}
		var all []time.Duration
		for _, kind := range []string{edited, deleted, widened} {
			AddReportEntry("measured", fmt.Sprintf("%s: %s", kind, spread(passed[kind])))
			Expect(median(passed[kind])).To(BeNumerically(">", 0), "%s: most holes are there", kind)
			all = append(all, passed[kind]...)
		}
		AddReportEntry("measured", "any hole: "+spread(all))
	})
})

// openHoles opens holes one after the other, and returns for how long each let packets through, by kind. One during which packets
// were judged by nobody is opened once more.
func openHoles(ctx context.Context, holes []hole) map[string][]time.Duration {
	GinkgoHelper()
	passed := map[string][]time.Duration{}
	var mu sync.Mutex
	counted := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(passed[edited]) + len(passed[deleted]) + len(passed[widened])
	}
	room := make(chan struct{}, holesAtOnce)
	var closing sync.WaitGroup
	for i := range triesAtMost {
		room <- struct{}{}
		if counted() >= holesOpened {
			break
		}
		h := holes[i%len(holes)]
		open := h.try(ctx)
		closing.Go(func() {
			defer GinkgoRecover()
			defer func() { <-room }()
			if duration, judged := open.untilClosed(); judged {
				mu.Lock()
				defer mu.Unlock()
				passed[h.kind] = append(passed[h.kind], duration)
			}
		})
	}
	closing.Wait()
	Expect(counted()).To(BeNumerically(">=", holesOpened), "holes of which every packet was judged")
	return passed
}

// The kinds of holes.
const (
	edited  = "a policy was edited"
	deleted = "a policy was deleted"
	widened = "the default deny was given egress to everywhere"
)

// team has two namespaces, each with a profile. One is closed but for its tiers. In the other, only the tier is isolated: where there is
// a default deny, a policy that is missing opens nothing.
type team struct {
	outsider, db, debug, cache, internet *testbed.Host
	shop, tiersOnly                      *v1alpha1.SegmentationProfile
}

// runTeams runs the pods of all teams, which can all be reached, and then creates their profiles.
func runTeams(ctx context.Context) []*team {
	GinkgoHelper()
	outsider := runPod(ctx, newNamespace(ctx, "outsiders", nil), "outsider", nil)
	internet := outside(ctx, "internet", "203.0.113.10", driftPort)
	var teams []*team
	var flows []testbed.Flow
	for range driftTeams {
		closed, tiersOnly := newNamespace(ctx, "closed", nil), newNamespace(ctx, "tiers", nil)
		t := &team{
			outsider: outsider, internet: internet,
			db:    runPod(ctx, closed, "db", map[string]string{"app": "db"}, driftPort),
			debug: runPod(ctx, closed, "debug", nil),
			cache: runPod(ctx, tiersOnly, "cache", map[string]string{"app": "cache"}, driftPort),
		}
		teams = append(teams, t)
		flows = append(flows, t.forbidden()...)
	}
	expectOpen(ctx, flows)
	for _, t := range teams {
		t.shop = newProfile(ctx, namespaceOf(t.db), "shop", "dns: None\ntiers: [{name: db, podSelector: {matchLabels: {app: db}}}]")
		t.tiersOnly = newProfile(ctx, namespaceOf(t.cache), "shop", "dns: None\nisolation: Tiers\ntiers: [{name: cache, podSelector: {matchLabels: {app: cache}}}]")
	}
	return teams
}

func namespaceOf(pod *testbed.Host) string {
	namespace, _, _ := strings.Cut(pod.Name, "/")
	return namespace
}

// forbidden are the flows that the profiles forbid, one for each kind of hole.
func (t *team) forbidden() []testbed.Flow {
	return []testbed.Flow{
		{From: t.outsider, To: t.db, Port: driftPort},
		{From: t.outsider, To: t.cache, Port: driftPort},
		{From: t.debug, To: t.internet, Port: driftPort},
	}
}

// holes returns a hole of each kind.
func (t *team) holes(ctx context.Context) []hole {
	GinkgoHelper()
	flows := t.forbidden()
	return []hole{
		{edited, flows[0], policyOf(ctx, t.shop.Namespace, "db"), func(ctx context.Context, p *networkingv1.NetworkPolicy) error {
			return patchPolicy(ctx, p, `{"spec":{"ingress":[{}]}}`)
		}},
		{deleted, flows[1], policyOf(ctx, t.tiersOnly.Namespace, "cache"), func(ctx context.Context, p *networkingv1.NetworkPolicy) error {
			return cluster.Client.Delete(ctx, p)
		}},
		{widened, flows[2], policyOf(ctx, t.shop.Namespace, "default-deny"), func(ctx context.Context, p *networkingv1.NetworkPolicy) error {
			return patchPolicy(ctx, p, `{"spec":{"egress":[{}]}}`)
		}},
	}
}

func patchPolicy(ctx context.Context, p *networkingv1.NetworkPolicy, patch string) error {
	return cluster.Client.Patch(ctx, p.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
}

// policyOf returns the one policy of a tier in a namespace.
func policyOf(ctx context.Context, namespace, tier string) *networkingv1.NetworkPolicy {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	Expect(cluster.Client.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelTier: tier})).To(Succeed())
	Expect(list.Items).To(HaveLen(1))
	return &list.Items[0]
}

// openHole is a hole that somebody has opened, and the policy of which is as it was again.
type openHole struct {
	stream *testbed.Stream
	before testbed.Judged
	// corrected is when the policy was seen to be as it was.
	corrected time.Time
}

// try opens the hole while forbidden packets come without pause, and waits until the policy is as it was.
func (h hole) try(ctx context.Context) openHole {
	GinkgoHelper()
	o := openHole{}
	var err error
	o.before, err = cluster.Judged()
	Expect(err).NotTo(HaveOccurred())
	o.stream = testbed.StartStream(ctx, h.forbidden, driftPace, driftPatience)
	DeferCleanup(func() { _, _ = o.stream.Stop() }) // When this fails, nobody else stops it.
	Expect(h.open(ctx, h.policy)).To(Succeed())
	Eventually(func(g Gomega) {
		live := &networkingv1.NetworkPolicy{}
		g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(h.policy), live)).To(Succeed())
		g.Expect(equality.Semantic.DeepEqual(live.Spec, h.policy.Spec)).To(BeTrue(), "the policy is as it was")
	}).WithPolling(driftPace).WithTimeout(closedWithin).Should(Succeed())
	o.corrected = time.Now()
	return o
}

// untilClosed waits until packets are denied again, and returns for how long they passed: zero when none did. They say nothing when
// some were judged by nobody.
func (o openHole) untilClosed() (duration time.Duration, judged bool) {
	Eventually(func() int { return deniedSince(o.corrected, o.stream.SoFar()) }).WithPolling(10*time.Millisecond).
		WithTimeout(closedWithin).Should(BeNumerically(">=", closedAfter), "packets that were denied in a row")
	attempts, err := o.stream.Stop()
	Expect(err).NotTo(HaveOccurred())
	after, err := cluster.Judged()
	Expect(err).NotTo(HaveOccurred())
	duration, passed := testbed.Span(attempts)
	if passed > 0 {
		duration += driftPace
	}
	return duration, after.Lost == o.before.Lost
}

// deniedSince counts the attempts that were begun after a moment, and after the last that passed.
func deniedSince(moment time.Time, attempts []testbed.Attempt) int {
	for _, a := range attempts {
		if a.Passed && a.At.After(moment) {
			moment = a.At
		}
	}
	n := 0
	for _, a := range attempts {
		if a.At.After(moment) {
			n++
		}
	}
	return n
}

func median(list []time.Duration) time.Duration {
	slices.Sort(list)
	return list[len(list)/2]
}

// spread says what there is to know of some durations.
func spread(list []time.Duration) string {
	middle := median(list)
	passed := slices.IndexFunc(list, func(d time.Duration) bool { return d > 0 })
	if passed < 0 {
		passed = len(list)
	}
	milliseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("forbidden packets passed for %.0f ms in the median of %d tries, %.0f ms at worst; in %d tries none did",
		milliseconds(middle), len(list), milliseconds(list[len(list)-1]), passed)
}
