package controllers_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("a profile whose writes the API server refuses for good", func() {
	It("does not hold back the other profiles of the namespace", func(ctx SpecContext) {
		label := newName("label")
		ns := newNamespace(ctx, map[string]string{"refusal": label})
		platform := newClusterProfile(ctx, newName("platform"), fmt.Sprintf("namespaceSelector: {matchLabels: {refusal: %s}}\ndns: None\ntiers: []\n", label))
		expectReady(ctx, platform)

		var tried atomic.Int32
		faults.set(func(verb string, policy *networkingv1.NetworkPolicy) error {
			if verb == "create" && policy.Namespace == ns && policy.Labels[v1alpha1.LabelProfile] == "shop" {
				tried.Add(1)
				// Long enough for a status to be written meanwhile.
				<-time.After(100 * time.Millisecond)
				return apierrors.NewForbidden(schema.GroupResource{Group: "networking.k8s.io", Resource: "networkpolicies"}, policy.Name, errors.New("exceeded quota"))
			}
			return nil
		})
		team := newProfile(ctx, ns, "shop", twoTiers)
		Eventually(func() string { return condition(ctx, team, "Ready") }).Should(Equal("False/ApplyFailed"))
		Expect(message(ctx, team, "Ready")).To(ContainSubstring("exceeded quota"))

		By("being tried again, of which the status says nothing new")
		// Each attempt comes twice as long after the last one: the next are more than a second apart.
		Eventually(tried.Load).Should(BeNumerically(">=", 12))
		Eventually(func() string { return condition(ctx, team, "Isolated") }).Should(Equal("Unknown/Pending"))
		tried.Store(0)
		Eventually(tried.Load).Should(BeNumerically(">=", 2))
		Consistently(func() string { return condition(ctx, team, "Ready") }).Should(Equal("False/ApplyFailed"))

		By("opening a hole in the other profile's default-deny")
		policy := policyOf(ctx, ns, "default-deny")
		policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		Expect(k8s.Update(ctx, &policy)).To(Succeed())
		Eventually(func() []networkingv1.NetworkPolicyEgressRule { return policyOf(ctx, ns, "default-deny").Spec.Egress }).Should(BeEmpty())

		By("deleting the other profile")
		remove(ctx, platform)
		Eventually(func() []string { return tiersOf(ctx, ns) }).Should(BeEmpty())
	})
})
