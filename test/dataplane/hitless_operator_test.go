package dataplane_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/test/dataplane/testbed"
	"firebreak.dev/firebreak/test/harness"
)

var _ = Describe("Connections go on as the profile says", func() {
	// Whatever becomes of a spec, the next one finds the operator at work.
	BeforeEach(func() { DeferCleanup(resumeOperator) })

	It("when the operator is killed and started again", func(ctx SpecContext) {
		s := newShop(ctx)
		profile := s.newProfile(ctx)
		during(ctx, "the operator is killed and started again", traffic{kept: s.allowed(), denied: s.denied()}, func() {}, func() {
			killOperator(ctx)
			resumeOperator(ctx)
			expectAtWork(ctx, profile)
		})
	})

	It("when the operator is killed in the middle of a change", func(ctx SpecContext) {
		s := newShop(ctx)
		before, after := s.serving(8081, 9001), s.serving(8082, 9002)
		// Much changes at once: selectors, so that policies are created and deleted, ports, and entries.
		after = strings.NewReplacer("{app: web}", "{role: front}", "{app: api}", "{role: back}", "name: web-api", "name: pages").Replace(after)
		profile := newProfile(ctx, s.namespace, "shop", before)
		s.expectInForce(ctx)
		old, next := s.extra(8081, 9001), s.extra(8082, 9002)
		for writes := 1; writes <= 3; writes++ {
			killedAfter(ctx, writes, profile, traffic{s.allowed(), s.denied(), old, next},
				func() { change(ctx, profile, before) }, func() { patchSpec(ctx, profile, after) })
			before, after, old, next = after, before, next, old
		}
	})

	It("when the previous version of the operator is replaced by this one", func(ctx SpecContext) {
		previous := os.Getenv(previousOperatorVariable)
		if previous == "" {
			Skip("this is a shallow clone, without commit " + harness.PreviousVersion + " to upgrade from, and it could not be fetched")
		}
		s := newShop(ctx)
		Expect(operator.Stop()).To(Succeed())
		// It knows of no node-local DNS cache, so that this version has something to write.
		startPrevious(ctx, previous)
		profile := s.newProfile(ctx)
		during(ctx, "the operator is upgraded", traffic{kept: s.allowed(), denied: s.denied()},
			func() {
				Expect(operator.Stop()).To(Succeed())
				startPrevious(ctx, previous)
				Eventually(func() bool { return knowNodeLocalDNS(policiesOf(ctx, profile)) }).Should(BeFalse())
			},
			func() {
				Expect(operator.Stop()).To(Succeed())
				resumeOperator(ctx)
				Eventually(func() bool { return knowNodeLocalDNS(policiesOf(ctx, profile)) }).Should(BeTrue())
				expectAtWork(ctx, profile)
			})
	})

	It("again soon after somebody has deleted a policy", func(ctx SpecContext) {
		s := newShop(ctx)
		profile := s.newProfile(ctx)
		web := slices.DeleteFunc(policiesOf(ctx, profile), func(p networkingv1.NetworkPolicy) bool { return !strings.Contains(p.Name, ".web-") })
		Expect(web).To(HaveLen(1))
		r := proved(ctx, "somebody deletes a policy that allows", traffic{kept: s.allowed(), denied: s.denied()}, func() {}, func() {
			Expect(cluster.Client.Delete(ctx, &web[0])).To(Succeed())
			Eventually(func() int { return len(policiesOf(ctx, profile)) }).Should(Equal(3))
			expectReady(ctx, profile)
		})
		Expect(r.since(r.complete.Add(allowance)).faults()).To(BeEmpty(), "what goes wrong once the policy is back")
	})
})

// since returns the record of what was begun after a time, as if the change had been then.
func (r record) since(t time.Time) record {
	out := record{begun: r.begun, complete: t.Add(-allowance), unjudged: r.unjudged}
	for _, o := range r.flows {
		o.attempts = slices.DeleteFunc(slices.Clone(o.attempts), func(a testbed.Attempt) bool { return a.At.After(r.begun) && a.At.Before(t) })
		out.flows = append(out.flows, o)
	}
	return out
}

// killedAfter kills the operator after some of the writes by which it follows a change of a profile, and starts it again to make
// the others. Where it was quicker, and had none to make, that is tried again. After more than two writes it may be so each time.
func killedAfter(ctx context.Context, writes int, profile client.Object, t traffic, prepare, change func()) {
	GinkgoHelper()
	const tries = 5
	what := fmt.Sprintf("the operator is killed after write %d of a change", writes)
	for try := range tries {
		if try > 0 {
			prepare()
			t.expectBefore(ctx, what)
		}
		var left int
		during(ctx, what, t, prepare, func() {
			afterWrites(ctx, profile.GetNamespace(), writes, change)
			killOperator(ctx)
			killed := policiesOf(ctx, profile)
			resumeOperator(ctx)
			expectReady(ctx, profile)
			left = differing(killed, policiesOf(ctx, profile))
		})
		AddReportEntry("measured", fmt.Sprintf("%s: %d policies were left to write", what, left))
		if left > 0 || writes > 2 {
			return
		}
	}
	Fail(fmt.Sprintf("%s: it had nothing left to write %d times, so was never in the middle", what, tries))
}

// differing counts the policies that are in one of two lists alone, or say something else in the other.
func differing(before, after []networkingv1.NetworkPolicy) int {
	versions := map[string]string{}
	for _, p := range before {
		versions[p.Name] = p.ResourceVersion
	}
	var count int
	for _, p := range after {
		if versions[p.Name] != p.ResourceVersion {
			count++
		}
		delete(versions, p.Name)
	}
	return count + len(versions)
}

// afterWrites does something that makes the operator write, and returns as soon as so many writes of policies have been seen.
func afterWrites(ctx context.Context, namespace string, writes int, do func()) {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	var now networkingv1.NetworkPolicyList
	Expect(cluster.Client.List(ctx, &now, client.InNamespace(namespace))).To(Succeed())
	watch, err := cluster.Client.Watch(ctx, &networkingv1.NetworkPolicyList{}, client.InNamespace(namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: now.ResourceVersion}})
	Expect(err).NotTo(HaveOccurred())
	defer watch.Stop()
	do()
	for range writes {
		// Eventually would look every so often, while the operator writes on.
		_, open := <-watch.ResultChan()
		Expect(open).To(BeTrue(), "the operator writes")
	}
}

// killOperator kills the operator as a crash would. Its lease is taken from it, which would otherwise run out after 15 seconds.
func killOperator(ctx context.Context) {
	GinkgoHelper()
	Expect(operator.Kill()).To(Succeed())
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: harness.ManagerNamespace, Name: "controller-manager.firebreak.dev"}}
	Expect(cluster.Client.Delete(ctx, lease)).To(Succeed())
}

// resumeOperator starts the operator if it, or this version of it, is not running.
func resumeOperator(ctx context.Context) {
	GinkgoHelper()
	if operator.Failure() != nil {
		startOperator(ctx, os.Getenv(operatorVariable))
	}
}

// startPrevious starts the previous version of the operator until the spec ends, or something else takes its place.
func startPrevious(ctx context.Context, binary string) {
	GinkgoHelper()
	var err error
	operator, err = cluster.Plane.StartManager(ctx, harness.ManagerOptions{
		Kubeconfig: operatorKubeconfig, Binary: binary, Args: []string{"--metrics-bind-address=0", "--node-local-dns="},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(operator.Kill)
}

// knowNodeLocalDNS says whether any of the policies lets pods ask the node-local DNS cache.
func knowNodeLocalDNS(policies []networkingv1.NetworkPolicy) bool {
	return slices.ContainsFunc(policies, func(p networkingv1.NetworkPolicy) bool {
		return strings.Contains(p.Spec.String(), "169.254.20.10/32")
	})
}

// expectAtWork waits until the operator has put something right that somebody does to the profile's policies: a label that it sets.
func expectAtWork(ctx context.Context, profile client.Object) {
	GinkgoHelper()
	policy := policiesOf(ctx, profile)[0]
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`))
	Expect(cluster.Client.Patch(ctx, &policy, patch)).To(Succeed())
	Eventually(func(g Gomega) {
		g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(&policy), &policy)).To(Succeed())
		g.Expect(policy.Labels).To(HaveKey("app.kubernetes.io/managed-by"))
	}).Should(Succeed(), "the operator puts a label back")
	expectReady(ctx, profile)
}
