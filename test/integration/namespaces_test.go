package integration_test

import (
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// protected are the namespaces in which nothing is ever written.
func protected() []string {
	return []string{"firebreak-system", "kube-node-lease", "kube-public", "kube-system"}
}

// selecting is a cluster profile of one tier for the namespaces with a label.
func selecting(key string) string {
	return fmt.Sprintf(`
namespaceSelector: {matchLabels: {%s: "yes"}}
dns: None
tiers: [{name: all, podSelector: {}}]
`, key)
}

var _ = Describe("A cluster profile", func() {
	It("follows namespaces that appear, and that are relabelled in and out", func(ctx SpecContext) {
		key := newName("segment")
		profile := newClusterProfile(ctx, selecting(key))
		expectReady(ctx, profile)
		Expect(status(ctx, profile).Namespaces.Selected).To(BeZero())

		appeared := newNamespace(ctx, map[string]string{key: "yes"})
		other := newNamespace(ctx, nil)
		Eventually(func() []string { return tiers(ctx, appeared) }).Should(ConsistOf("all", "default-deny"))
		Eventually(func() v1alpha1.NamespaceCounts { return *status(ctx, profile).Namespaces }).
			Should(Equal(v1alpha1.NamespaceCounts{Selected: 1, Applied: 1}))
		Expect(tiers(ctx, other)).To(BeEmpty())

		relabel(ctx, other, map[string]any{key: "yes"})
		Eventually(func() []string { return tiers(ctx, other) }).Should(ConsistOf("all", "default-deny"))
		relabel(ctx, appeared, map[string]any{key: "no"})
		Eventually(func() []string { return tiers(ctx, appeared) }).Should(BeEmpty())
		Eventually(func() v1alpha1.NamespaceCounts { return *status(ctx, profile).Namespaces }).
			Should(Equal(v1alpha1.NamespaceCounts{Selected: 1, Applied: 1}))
		expectReady(ctx, profile)
		Expect(status(ctx, profile).Policies).To(BeEquivalentTo(2))
	})

	It("writes nothing in a namespace that is terminating, and is ready without it", func(ctx SpecContext) {
		key := newName("segment")
		profile := newClusterProfile(ctx, selecting(key))
		namespace := newNamespace(ctx, map[string]string{key: "yes"})
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(ConsistOf("all", "default-deny"))

		keeper := deleteNamespaceButKeep(ctx, namespace)
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(BeEmpty())
		Eventually(func() int32 { return status(ctx, profile).Namespaces.Selected }).Should(BeZero())
		expectReady(ctx, profile)
		Consistently(func() []string { return tiers(ctx, namespace) }).Should(BeEmpty())
		Expect(len(refusedWrites(namespace))).To(BeNumerically("<=", 2), "writes that the API server refused: %v", refusedWrites(namespace))

		patchObject(ctx, keeper, map[string]any{"metadata": map[string]any{"finalizers": nil}})
		expectGone(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		expectReady(ctx, profile)
	})

	It("passes over protected namespaces when it selects all, and says so", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newClusterProfile(ctx, "namespaceSelector: {}\ndns: None\ntiers: []")
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(ConsistOf("default-deny"))
		expectReady(ctx, profile)
		Eventually(func() []string { return tiers(ctx, "default") }).Should(ConsistOf("default-deny"))
		Expect(status(ctx, profile).Namespaces.Refused).To(BeEquivalentTo(len(protected())))
		Expect(status(ctx, profile).Findings).To(ConsistOf(SatisfyAll(
			HaveField("Code", v1alpha1.CodeProtectedNamespace),
			HaveField("Severity", v1alpha1.SeverityInfo),
			HaveField("Message", ContainSubstring("kube-system")),
		)))
		for _, name := range protected() {
			Expect(profilesIn(ctx, name)).To(BeEmpty(), name)
		}
	})

	It("passes over a protected namespace that is labelled later, and says so within five seconds", func(ctx SpecContext) {
		key := newName("segment")
		profile := newClusterProfile(ctx, selecting(key))
		expectReady(ctx, profile)
		for _, name := range protected() {
			relabel(ctx, name, map[string]any{key: "yes"})
			DeferCleanup(func(ctx SpecContext) { relabel(ctx, name, map[string]any{key: nil}) })
		}
		Eventually(func() int32 { return status(ctx, profile).Namespaces.Refused }, "5s").Should(BeEquivalentTo(len(protected())))
		Expect(codes(ctx, profile)).To(ContainElement(v1alpha1.CodeProtectedNamespace))
		expectReady(ctx, profile)
		for _, name := range protected() {
			Expect(profilesIn(ctx, name)).To(BeEmpty(), name)
		}
	})

	It("gives each tier to the namespaces that the tier selects, and lets tiers talk across them", func(ctx SpecContext) {
		profile := &v1alpha1.ClusterSegmentationProfile{}
		readSample("app-over-namespaces.yaml", profile)
		Expect(k8s.Create(ctx, profile)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) {
			remove(ctx, profile)
			expectGone(ctx, profile)
		})
		layer := func(name string) string {
			return newNamespace(ctx, map[string]string{"example.com/application": "webshop", "example.com/layer": name})
		}
		web, logic := layer("web"), layer("logic")
		Eventually(func() []string { return tiers(ctx, web) }).Should(ConsistOf("web", "default-deny"))
		Eventually(func() []string { return tiers(ctx, logic) }).Should(ConsistOf("logic", "default-deny"))
		from := policyOf(ctx, logic, "logic").Spec.Ingress[0].From
		Expect(from).To(HaveLen(1))
		Expect(from[0].PodSelector.MatchLabels).To(Equal(map[string]string{"app": "storefront"}))
		Expect(from[0].NamespaceSelector).NotTo(BeNil())

		relabel(ctx, logic, map[string]any{"example.com/layer": "data"})
		Eventually(func() []string { return tiers(ctx, logic) }).Should(ConsistOf("data", "default-deny"))
		expectReady(ctx, profile)
	})
})

var _ = Describe("A namespaced profile", func() {
	It("is refused in a protected namespace", func(ctx SpecContext) {
		profile := newProfile(ctx, "kube-public", newName("shop"), twoTiers)
		expectStalled(ctx, profile, "ProtectedNamespace")
		Expect(policies(ctx, "kube-public")).To(BeEmpty())
	})

	It("does not keep its namespace from going", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, profile)
		remove(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		Eventually(func() error { return get(ctx, profile) }, "60s").Should(Satisfy(apierrors.IsNotFound))
		expectGone(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
		Expect(len(refusedWrites(namespace))).To(BeNumerically("<=", 3), "writes that the API server refused: %v", refusedWrites(namespace))
	})
})
