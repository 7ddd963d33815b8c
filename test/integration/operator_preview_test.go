package integration_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("The operator with --mode=Preview", func() {
	It("writes no policy and no finalizer, says so, and previews every profile", func(ctx SpecContext) {
		runOperatorWith(ctx, "--mode=Preview")
		key := newName("segment")
		namespace := newNamespace(ctx, map[string]string{key: "yes"})
		asked := len(requests())
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		platform := newClusterProfile(ctx, selecting(key))
		for _, p := range []client.Object{profile, platform} {
			expectReady(ctx, p)
			Expect(condition(ctx, p, "Ready")).To(Equal("True/Previewed"))
			Expect(status(ctx, p).Preview.Create).To(BeNumerically(">", 0))
			Expect(codes(ctx, p)).To(ContainElement(v1alpha1.CodeOperatorPreview))
			Expect(p.GetFinalizers()).To(BeEmpty())
		}
		Expect(status(ctx, profile).Preview).To(Equal(&v1alpha1.PreviewStatus{Create: 3, Connections: &v1alpha1.PreviewConnections{}}))
		remove(ctx, platform)
		expectGone(ctx, platform)
		for _, r := range requests()[asked:] {
			Expect(r.Object.Resource == "networkpolicies" && r.Verb != "list" && r.Verb != "watch").To(BeFalse(), "%s", r)
		}
		Expect(policies(ctx, namespace)).To(BeEmpty())
	})

	It("leaves policies of an earlier time as they are, whatever is done to their profiles, until it enforces again", func(ctx SpecContext) {
		key := newName("segment")
		namespace, left := newNamespace(ctx, map[string]string{key: "yes"}), newNamespace(ctx, map[string]string{key: "yes"})
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		platform := newClusterProfile(ctx, selecting(key))
		expectReady(ctx, profile)
		expectReady(ctx, platform)

		runOperatorWith(ctx, "--mode=Preview")
		Eventually(func() string { return condition(ctx, profile, "Ready") }).Should(Equal("True/Previewed"))
		Eventually(func() string { return condition(ctx, platform, "Ready") }).Should(Equal("True/Previewed"))
		Expect(status(ctx, profile).Preview).To(Equal(&v1alpha1.PreviewStatus{Connections: &v1alpha1.PreviewConnections{}}), "everything is as Enforce would have it")
		patchObject(ctx, policyOf(ctx, namespace, "web"), map[string]any{"spec": map[string]any{"egress": []any{map[string]any{}}}})
		relabel(ctx, left, map[string]any{key: nil})
		remove(ctx, platform)
		Eventually(func() []v1alpha1.FindingCode { return codes(ctx, profile) }).Should(ContainElement(v1alpha1.CodeFrozenPolicies))
		Eventually(func() string { return message(ctx, platform, "Ready") }).Should(ContainSubstring("--mode=Preview"))
		before := bytesOf(ctx, namespace)
		elsewhere := bytesOf(ctx, left)
		Consistently(func() map[string]string { return bytesOf(ctx, namespace) }, "1s").Should(Equal(before))
		Expect(bytesOf(ctx, left)).To(Equal(elsewhere))
		Expect(elsewhere).NotTo(BeEmpty())

		Expect(operator.Stop()).To(Succeed())
		resumeOperator(ctx)
		expectGone(ctx, platform)
		Eventually(func() int { return len(policyOf(ctx, namespace, "web").Spec.Egress) }).Should(Equal(1))
		Eventually(func() []string { return tiers(ctx, left) }).Should(BeEmpty())
		expectReady(ctx, profile)
		Eventually(func() []v1alpha1.FindingCode { return codes(ctx, profile) }).ShouldNot(ContainElement(v1alpha1.CodeOperatorPreview))
	})
})
