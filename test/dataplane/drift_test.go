package dataplane_test

import (
	"context"
	"fmt"
	"slices"
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
	driftTeams = 8
	// A forbidden packet is sent every driftPace, and is answered within driftPatience or never.
	driftPace     = time.Millisecond
	driftPatience = 60 * time.Millisecond
	// closedAfter is how many packets in a row must be denied until a hole counts as closed.
	closedAfter = 25
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
		var holes []hole
		var flows []testbed.Flow
		outsider := runPod(ctx, newNamespace(ctx, "outsiders", nil), "outsider", nil)
		internet := outside(ctx, "internet", "203.0.113.10", driftPort)
		for range driftTeams {
			holes = append(holes, holesOf(ctx, outsider, internet)...)
		}
		for _, h := range holes {
			flows = append(flows, h.forbidden)
		}
		expectTraffic(ctx, flows)

		before, err := cluster.Judged()
		Expect(err).NotTo(HaveOccurred())
		passed := make([]time.Duration, holesOpened)
		var ending sync.WaitGroup
		for i := range passed {
			stream := holes[i%len(holes)].try(ctx)
			ending.Go(func() {
				defer GinkgoRecover()
				attempts, err := stream.Stop()
				Expect(err).NotTo(HaveOccurred())
				passed[i] = openFor(attempts)
			})
		}
		ending.Wait()
		after, err := cluster.Judged()
		Expect(err).NotTo(HaveOccurred())
		Expect(after.Lost).To(Equal(before.Lost), "packets that look denied, though the enforcer never saw them")

		byKind := map[string][]time.Duration{}
		for i, duration := range passed {
			kind := holes[i%len(holes)].kind
			byKind[kind] = append(byKind[kind], duration)
		}
		for _, kind := range []string{edited, deleted, widened} {
			AddReportEntry("measured", fmt.Sprintf("%s: %s", kind, spread(byKind[kind])))
		}
		AddReportEntry("measured", "any hole: "+spread(passed))
	})
})

// The kinds of holes.
const (
	edited  = "a policy was edited"
	deleted = "a policy was deleted"
	widened = "the default deny was given egress to everywhere"
)

// holesOf sets a team up, with a hole of each kind. Its namespace is closed but for a deleted tier's, whose profile isolates its
// tiers alone: where there is a default deny, a policy that is missing opens nothing.
func holesOf(ctx context.Context, outsider, internet *testbed.Host) []hole {
	GinkgoHelper()
	closed, tiersOnly := newNamespace(ctx, "closed", nil), newNamespace(ctx, "tiers", nil)
	db := runPod(ctx, closed, "db", map[string]string{"app": "db"}, driftPort)
	cache := runPod(ctx, tiersOnly, "cache", map[string]string{"app": "cache"}, driftPort)
	debug := runPod(ctx, closed, "debug", nil)
	newProfile(ctx, closed, "shop", "dns: None\ntiers: [{name: db, podSelector: {matchLabels: {app: db}}}]")
	newProfile(ctx, tiersOnly, "shop", "dns: None\nisolation: Tiers\ntiers: [{name: cache, podSelector: {matchLabels: {app: cache}}}]")
	return []hole{
		{edited, testbed.Flow{From: outsider, To: db, Port: driftPort}, policyOf(ctx, closed, "db"), func(ctx context.Context, p *networkingv1.NetworkPolicy) error {
			return patchPolicy(ctx, p, `{"spec":{"ingress":[{}]}}`)
		}},
		{deleted, testbed.Flow{From: outsider, To: cache, Port: driftPort}, policyOf(ctx, tiersOnly, "cache"), func(ctx context.Context, p *networkingv1.NetworkPolicy) error {
			return cluster.Client.Delete(ctx, p)
		}},
		{widened, testbed.Flow{From: debug, To: internet, Port: driftPort}, policyOf(ctx, closed, "default-deny"), func(ctx context.Context, p *networkingv1.NetworkPolicy) error {
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

// try opens the hole while forbidden packets come without pause, and returns when it is closed.
func (h hole) try(ctx context.Context) *testbed.Stream {
	GinkgoHelper()
	stream := testbed.StartStream(ctx, h.forbidden, driftPace, driftPatience)
	Expect(h.open(ctx, h.policy)).To(Succeed())
	Eventually(func(g Gomega) {
		live := &networkingv1.NetworkPolicy{}
		g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(h.policy), live)).To(Succeed())
		g.Expect(equality.Semantic.DeepEqual(live.Spec, h.policy.Spec)).To(BeTrue(), "the policy is as it was")
	}).WithPolling(2 * time.Millisecond).Should(Succeed())
	corrected := time.Now()
	Eventually(func() int { return deniedSince(corrected, stream.SoFar()) }).WithPolling(10*time.Millisecond).
		Should(BeNumerically(">=", closedAfter), "packets that were denied in a row")
	return stream
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

// openFor returns for how long attempts passed, from when the first was begun until after the last was; zero when none did.
func openFor(attempts []testbed.Attempt) time.Duration {
	var first, last time.Time
	for _, a := range attempts {
		if !a.Passed {
			continue
		}
		if first.IsZero() || a.At.Before(first) {
			first = a.At
		}
		if a.At.After(last) {
			last = a.At
		}
	}
	if first.IsZero() {
		return 0
	}
	return last.Sub(first) + driftPace
}

// spread says what there is to know of some durations.
func spread(list []time.Duration) string {
	slices.Sort(list)
	passed := slices.IndexFunc(list, func(d time.Duration) bool { return d > 0 })
	if passed < 0 {
		passed = len(list)
	}
	milliseconds := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("forbidden packets passed for %.0f ms in the median of %d tries, %.0f ms at worst; in %d tries none did",
		milliseconds(list[len(list)/2]), len(list), milliseconds(list[len(list)-1]), passed)
}
