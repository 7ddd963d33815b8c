package integration_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("A profile in mode Preview", func() {
	It("writes nothing and counts what it would create", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", "mode: Preview\n"+twoTiers)
		expectReady(ctx, profile)
		Expect(condition(ctx, profile, "Ready")).To(Equal("True/Previewed"))
		Expect(status(ctx, profile).Preview).To(Equal(&v1alpha1.PreviewStatus{Create: 3, Connections: &v1alpha1.PreviewConnections{}}))
		Expect(message(ctx, profile, "Ready")).To(ContainSubstring("nothing is written"))
		Consistently(func() []string { return tiers(ctx, namespace) }).Should(BeEmpty())
		Expect(policyWrites(namespace)).To(BeEmpty())
	})

	It("counts the policies of the profile that it would replace as deleted", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		enforced := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, enforced)
		before := bytesOf(ctx, namespace)
		preview := newProfile(ctx, namespace, "next", "mode: Preview\npreviewOf: shop\ntiers: [{name: web, podSelector: {}}]")
		expectReady(ctx, preview)
		Expect(status(ctx, preview).Preview).To(Equal(&v1alpha1.PreviewStatus{Create: 2, Delete: 3, Connections: &v1alpha1.PreviewConnections{}}))
		Expect(bytesOf(ctx, namespace)).To(Equal(before))

		// What is put right at once was never away.
		remove(ctx, policyOf(ctx, namespace, "db"))
		Eventually(func() int64 { return corrections(ctx, enforced) }).Should(BeEquivalentTo(1))
		Consistently(func() *v1alpha1.PreviewStatus { return status(ctx, preview).Preview }, "1500ms").Should(HaveField("Delete", BeEquivalentTo(3)))
	})

	It("counts over all the namespaces of a cluster profile", func(ctx SpecContext) {
		key := newName("segment")
		one, two := newNamespace(ctx, map[string]string{key: "yes"}), newNamespace(ctx, map[string]string{key: "yes"})
		profile := newClusterProfile(ctx, "mode: Preview"+selecting(key))
		Eventually(func() *v1alpha1.PreviewStatus { return status(ctx, profile).Preview }).Should(HaveField("Create", BeEquivalentTo(4)))
		expectReady(ctx, profile)
		Expect(status(ctx, profile).Preview).To(Equal(&v1alpha1.PreviewStatus{Create: 4, Connections: &v1alpha1.PreviewConnections{}}))
		Expect(append(tiers(ctx, one), tiers(ctx, two)...)).To(BeEmpty())
	})

	It("acts when it is switched to Enforce", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", "mode: Preview\n"+twoTiers)
		expectReady(ctx, profile)
		patchSpec(ctx, profile, "mode: Enforce")
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(ConsistOf("web", "db", "default-deny"))
		Eventually(func() string { return condition(ctx, profile, "Ready") }).Should(Equal("True/Applied"))
		Expect(status(ctx, profile).Preview).To(BeNil())
	})

	It("freezes what it applied before, reports changes, and corrects none until it acts again", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, profile)
		before := bytesOf(ctx, namespace)
		// A tier less: two policies would stay and one would go.
		patchSpec(ctx, profile, "mode: Preview\ntiers: [{name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}]\nallow: []")
		expectReady(ctx, profile)
		Expect(condition(ctx, profile, "Ready")).To(Equal("True/Previewed"))
		Expect(status(ctx, profile).Preview).To(Equal(&v1alpha1.PreviewStatus{Update: 1, Delete: 1, Connections: &v1alpha1.PreviewConnections{}}))
		Expect(codes(ctx, profile)).To(ContainElement(v1alpha1.CodeFrozenPolicies))
		Expect(bytesOf(ctx, namespace)).To(Equal(before))

		open := policyOf(ctx, namespace, "default-deny")
		patchObject(ctx, open, map[string]any{"spec": map[string]any{"egress": []any{map[string]any{}}}})
		Eventually(func() []v1alpha1.Finding { return status(ctx, profile).Findings }).Should(ContainElement(SatisfyAll(
			HaveField("Code", v1alpha1.CodeFrozenPolicies), HaveField("Place", "NetworkPolicy "+open.Name))))
		Consistently(func() int { return len(policyOf(ctx, namespace, "default-deny").Spec.Egress) }).Should(Equal(1))

		patchSpec(ctx, profile, "mode: Enforce")
		Eventually(func() int { return len(policyOf(ctx, namespace, "default-deny").Spec.Egress) }, correctedWithin).Should(BeZero())
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(ConsistOf("web", "default-deny"))
		expectReady(ctx, profile)
		Expect(codes(ctx, profile)).NotTo(ContainElement(v1alpha1.CodeFrozenPolicies))
	})
})
