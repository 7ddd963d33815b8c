package integration_test

import (
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/audit"
)

var _ = Describe("Somebody who reverts a policy every 100 ms", func() {
	It("is met with about one write a second, a finding, and few words", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile, other := newProfile(ctx, namespace, "shop", twoTiers), newProfile(ctx, namespace, "other", twoTiers)
		expectReady(ctx, profile)
		expectReady(ctx, other)
		target := policyOf(ctx, namespace, "shop.db")
		before, began := len(requests()), time.Now()
		stop := revert(target)

		expectStalled(ctx, profile, "Contested")
		contested := int(time.Since(began).Seconds()) + 1
		Expect(message(ctx, profile, "Ready")).To(And(ContainSubstring("NetworkPolicy "+namespace+"/"+target.Name), ContainSubstring("rival"), ContainSubstring("1 egress rule added")))
		Expect(codes(ctx, profile)).To(ContainElement(v1alpha1.CodeContested))
		Eventually(func() time.Duration { return time.Since(began) }, "20s").Should(BeNumerically(">", 10*time.Second))
		stop()
		seconds := int(time.Since(began).Seconds()) + 1

		made := requests()[before:]
		concerning := func(resource, subresource, name string) []audit.Request {
			return slices.DeleteFunc(slices.Clone(made), func(r audit.Request) bool {
				return r.Object.Resource != resource || r.Object.Subresource != subresource || (name != "" && r.Object.Name != name) || r.Object.Namespace != namespace
			})
		}
		writes := concerning("networkpolicies", "", target.Name)
		Expect(len(writes)).To(And(BeNumerically(">=", 15), BeNumerically("<=", 10+seconds+2)), "%v", writes)
		Expect(len(concerning("networkpolicies", "", ""))).To(BeNumerically("<=", len(writes)+3), "besides, it is looked up a few times who that is")
		Expect(len(concerning("segmentationprofiles", "status", ""))).To(BeNumerically("<=", 15), "writes of the status")
		// One for each correction until there is a fight, of which there are more where the machine is too slow for a quick one,
		// and two requests for those that are counted as a series.
		Expect(len(concerning("events", "", ""))).To(BeNumerically("<=", 2*(10+contested)+2), "events")
		AddReportEntry("in seconds, writes, status, events", []int{seconds, len(writes), len(concerning("segmentationprofiles", "status", "")), len(concerning("events", "", ""))}, ReportEntryVisibilityAlways)
		Expect(condition(ctx, other, "Ready")).To(Equal("True/Applied"))

		Eventually(func() []networkingv1.NetworkPolicyEgressRule { return policyOf(ctx, namespace, "shop.db").Spec.Egress }, "3s").Should(BeEmpty())
		Expect(condition(ctx, profile, "Ready")).To(Equal("False/Contested"), "until it has been calm for a minute")
	})
})

// revert makes a hole in a policy every 100 ms until it is told to stop.
func revert(policy *networkingv1.NetworkPolicy) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer GinkgoRecover()
		defer close(done)
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		for {
			hole := mergePatch(map[string]any{"spec": map[string]any{"egress": []any{map[string]any{}}}})
			err := k8s.Patch(ctx, policy.DeepCopy(), hole, client.FieldOwner("rival"))
			if ctx.Err() == nil {
				Expect(err).NotTo(HaveOccurred())
			}
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
	stop = func() { cancel(); <-done }
	DeferCleanup(stop)
	return stop
}
