package controllers_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// reconciles returns how often a namespace was reconciled so far, over all namespaces.
func reconciles() float64 {
	GinkgoHelper()
	return reconcilesOf(func(controller string) bool { return controller == "namespace" })
}

// looks returns how often anything was reconciled so far.
func looks() float64 {
	GinkgoHelper()
	return reconcilesOf(func(string) bool { return true })
}

// whenAtRest waits until nothing is added to a count for longer than a status waits for its turn while work is done, and returns the count.
func whenAtRest(count func() float64) float64 {
	GinkgoHelper()
	const longest = 3 * time.Second
	last, since := -1.0, time.Now()
	Eventually(func() bool {
		if now := count(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > longest
	}, "1m", "250ms").Should(BeTrue(), "it never comes to rest")
	return last
}

func reconcilesOf(counts func(controller string) bool) float64 {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	total := 0.0
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, label := range m.GetLabel() {
				if label.GetName() == "controller" && counts(label.GetValue()) {
					total += m.GetCounter().GetValue()
				}
			}
		}
	}
	return total
}

var _ = Describe("a cluster profile over 500 namespaces", Ordered, func() {
	const count = 500
	var (
		profile    *v1alpha1.ClusterSegmentationProfile
		namespaces []string
		label      map[string]string
	)
	allVersions := func(ctx SpecContext) map[string]string {
		GinkgoHelper()
		var list networkingv1.NetworkPolicyList
		Expect(k8s.List(ctx, &list, client.MatchingLabels{v1alpha1.LabelProfile: profile.Name})).To(Succeed())
		out := map[string]string{}
		for _, p := range list.Items {
			out[p.Namespace+"/"+p.Name] = p.ResourceVersion
		}
		return out
	}

	BeforeAll(func(ctx SpecContext) {
		label = map[string]string{"scale": newName("label")}
		for range count {
			namespaces = append(namespaces, newNamespace(ctx, label))
		}
		profile = newClusterProfile(ctx, newName("platform"), fmt.Sprintf("namespaceSelector: {matchLabels: {scale: %s}}%s", label["scale"], twoTiers))
	})

	It("converges", func(ctx SpecContext) {
		expectReady(ctx, profile)
		Expect(status(ctx, profile).Namespaces).To(HaveValue(Equal(v1alpha1.NamespaceCounts{Selected: count, Applied: count})))
		Expect(status(ctx, profile).Policies).To(BeEquivalentTo(3 * count))
		Expect(allVersions(ctx)).To(HaveLen(3 * count))
		Eventually(isolated(ctx, profile)).WithTimeout(time.Minute).Should(Equal("True/Isolated"))
	})

	It("writes nothing at rest", func(ctx SpecContext) {
		looked := whenAtRest(reconciles)
		policiesBefore := allVersions(ctx)
		expectReady(ctx, profile)
		profileBefore := profile.ResourceVersion
		Consistently(reconciles, "3s").Should(Equal(looked))
		Expect(allVersions(ctx)).To(Equal(policiesBefore))
		expectReady(ctx, profile)
		Expect(profile.ResourceVersion).To(Equal(profileBefore))
	})

	It("does the work of one namespace when one policy is tampered with", func(ctx SpecContext) {
		before, looked := allVersions(ctx), reconciles()
		policy := policyOf(ctx, namespaces[count/2], "default-deny")
		policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		Expect(k8s.Update(ctx, &policy)).To(Succeed())
		Eventually(func() []networkingv1.NetworkPolicyEgressRule {
			return policyOf(ctx, namespaces[count/2], "default-deny").Spec.Egress
		}).Should(BeEmpty())
		Eventually(func() any { return status(ctx, profile).Drift }).Should(HaveValue(HaveField("Corrections", BeEquivalentTo(1))))
		Expect(status(ctx, profile).Drift.LastPolicy).To(Equal(policy.Namespace + "/" + policy.Name))
		Expect(status(ctx, profile).Drift.LastChange).To(Equal("1 egress rule added"))
		Consistently(reconciles).Should(Equal(looked+1), "one namespace, once")
		after := allVersions(ctx)
		delete(before, policy.Namespace+"/"+policy.Name)
		for name, version := range before {
			Expect(after).To(HaveKeyWithValue(name, version))
		}
	})

	It("does the work of one namespace when one appears", func(ctx SpecContext) {
		looked := reconciles()
		ns := newNamespace(ctx, label)
		Eventually(func() []string { return tiersOf(ctx, ns) }).Should(HaveLen(3))
		Eventually(func() any { return status(ctx, profile).Namespaces }).Should(HaveValue(HaveField("Applied", BeEquivalentTo(count+1))))
		Consistently(reconciles).Should(Equal(looked + 1))
	})
})
