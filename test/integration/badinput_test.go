package integration_test

import (
	"fmt"
	"strings"

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

	It("that only arithmetic can tell is accepted, said to be so, and freezes what was applied", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, profile)
		before := bytesOf(ctx, namespace)

		patchSpec(ctx, profile, tooLarge())
		expectStalled(ctx, profile, "Invalid")
		Expect(condition(ctx, profile, "Accepted")).To(Equal("False/Invalid"))
		Expect(message(ctx, profile, "Accepted")).To(ContainSubstring("spec.tiers[0].name"))
		Eventually(func() []v1alpha1.FindingCode { return codes(ctx, profile) }).Should(ContainElement(v1alpha1.CodeFrozenPolicies))
		Consistently(func() map[string]string { return bytesOf(ctx, namespace) }, "300ms").Should(Equal(before))
	})

	It("of one profile leaves the other profiles of the namespace alone", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		bad := newProfile(ctx, namespace, "bad", tooLarge())
		good := newProfile(ctx, namespace, "good", twoTiers)
		expectReady(ctx, good)
		expectStalled(ctx, bad, "Invalid")
		Expect(policies(ctx, namespace)).To(HaveLen(3))
		patchSpec(ctx, good, "tiers: []\nallow: []")
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(ConsistOf("default-deny"))
		expectReady(ctx, good)
	})
})

// tooLarge returns a spec of which every part is within bounds, and whose policies could not be stored: tiers with large
// selectors, each of which may talk to each.
func tooLarge() string {
	var spec strings.Builder
	spec.WriteString("tiers:\n")
	var names []string
	for tier := range 8 {
		names = append(names, fmt.Sprintf("{tier: tier-%d}", tier))
		fmt.Fprintf(&spec, "- name: tier-%d\n  podSelector:\n    matchExpressions:\n", tier)
		for key := range 16 {
			fmt.Fprintf(&spec, "    - {key: key-%d, operator: In, values: [", key)
			for value := range 32 {
				fmt.Fprintf(&spec, "%s-%d-%d, ", strings.Repeat("x", 50), tier, value)
			}
			spec.WriteString("]}\n")
		}
	}
	spec.WriteString("allow:\n")
	for entry := range 8 {
		all := strings.Join(names, ", ")
		fmt.Fprintf(&spec, "- {name: entry-%d, from: [%s], to: [%s], ports: [{port: %d}]}\n", entry, all, all, 1000+entry)
	}
	return spec.String()
}
