package integration_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("Bad input", func() {
	// Each entry: the fields of a valid profile that somebody changes for the worse, and what the answer must name.
	DescribeTable("is refused by the API server with a message that names field and entry, and changes nothing",
		func(ctx SpecContext, fields string, named ...string) {
			namespace := newNamespace(ctx, nil)
			profile := newProfile(ctx, namespace, "shop", twoTiers)
			expectReady(ctx, profile)
			before := bytesOf(ctx, namespace)
			generation := profile.Generation

			err := tryPatchSpec(ctx, profile, fields)
			Expect(apierrors.IsInvalid(err)).To(BeTrue(), "got %v", err)
			for _, name := range named {
				Expect(err.Error()).To(ContainSubstring(name))
			}
			Consistently(func() map[string]string { return bytesOf(ctx, namespace) }, "300ms").Should(Equal(before))
			expectReady(ctx, profile)
			Expect(profile.Generation).To(Equal(generation))
		},
		Entry("a tier that does not exist", `allow: [{name: typo, from: [{tier: wbe}], to: [{tier: db}]}]`, "spec.allow", `"typo"`, `"wbe"`),
		Entry("an entry between strangers", `allow: [{name: strangers, from: [{anywhere: {}}], to: [{anywhere: {}}], ports: [{port: 1}]}]`, "spec.allow", `"strangers"`),
		Entry("no ports, which is not every port", `allow: [{name: all, from: [{tier: web}], to: [{internet: {}}]}]`, "spec.allow", `"all"`, "ports"),
		Entry("an address range with host bits", `allow: [{name: block, from: [{tier: web}], to: [{ipBlocks: {cidrs: [10.1.2.3/8]}}], ports: [{port: 1}]}]`, "cidrs", "10.0.0.0/8"),
		Entry("a port out of range", `tiers: [{name: web, podSelector: {}, ports: [{port: 70000}]}]`, "spec.tiers[0].ports[0].port"),
		Entry("a reserved name", `tiers: [{name: default-deny, podSelector: {}}]`, "spec.tiers[0].name", "default-deny"),
		Entry("no tiers at all", `tiers: null`, "spec.tiers", "Required"),
		Entry("an unknown mode", `mode: Audit`, "spec.mode", `"Audit"`),
	)

	DescribeTable("that this version cannot carry out is accepted, said to be so, and freezes what was applied",
		func(ctx SpecContext, fields, named string) {
			namespace := newNamespace(ctx, nil)
			profile := newProfile(ctx, namespace, "shop", twoTiers)
			expectReady(ctx, profile)
			before := bytesOf(ctx, namespace)

			patchSpec(ctx, profile, fields)
			expectStalled(ctx, profile, "NotSupported")
			Expect(condition(ctx, profile, "Accepted")).To(Equal("False/NotSupported"))
			Expect(message(ctx, profile, "Accepted")).To(ContainSubstring(named))
			Eventually(func() []v1alpha1.FindingCode { return codes(ctx, profile) }).Should(ContainElement(v1alpha1.CodeFrozenPolicies))
			Consistently(func() map[string]string { return bytesOf(ctx, namespace) }, "300ms").Should(Equal(before))
		},
		Entry("a tier of another team", `allow: [{name: peer, from: [{tier: web}], to: [{remoteTier: {namespace: other, profile: shop, tier: web}}], ports: [{port: 1}]}]`,
			`spec.allow[peer].to[0].remoteTier`),
		Entry("a Service", `allow: [{name: peer, from: [{tier: web}], to: [{service: {name: web}}], ports: [{port: 1}]}]`, `spec.allow[peer].to[0].service`),
		Entry("the API server", `allow: [{name: peer, from: [{tier: web}], to: [{kubeAPIServer: {}}]}]`, `spec.allow[peer].to[0].kubeAPIServer`),
		Entry("nodes", `allow: [{name: peer, from: [{nodes: {}}], to: [{tier: web}]}]`, `spec.allow[peer].from[0].nodes`),
	)

	It("of one profile leaves the other profiles of the namespace alone", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		bad := newProfile(ctx, namespace, "bad", twoTiers+"- {name: peer, from: [{tier: web}], to: [{kubeAPIServer: {}}]}")
		good := newProfile(ctx, namespace, "good", twoTiers)
		expectReady(ctx, good)
		expectStalled(ctx, bad, "NotSupported")
		Expect(policies(ctx, namespace)).To(HaveLen(3))
		patchSpec(ctx, good, "tiers: []\nallow: []")
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(ConsistOf("default-deny"))
		expectReady(ctx, good)
	})
})
