package integration_test

import (
	"context"
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("A policy that is somebody else's", func() {
	It("is never touched when it bears the name of one that is needed; the profile says so, and heals when it is gone", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		theirs := newForeignPolicy(ctx, namespace, nameOfPolicy(ctx, "web"))
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectStalled(ctx, profile, "NameConflict")
		Expect(message(ctx, profile, "Ready")).To(ContainSubstring(namespace + "/" + theirs.Name))
		Expect(status(ctx, profile).Findings).To(ContainElement(SatisfyAll(
			HaveField("Code", v1alpha1.CodeNameConflict), HaveField("Severity", v1alpha1.SeverityError), HaveField("Namespace", namespace))))
		Expect(tiers(ctx, namespace)).NotTo(ContainElement("default-deny"), "it would cut off what the missing policy is to allow")
		expectSame(ctx, theirs)

		remove(ctx, theirs)
		expectReady(ctx, profile)
		Expect(tiers(ctx, namespace)).To(ConsistOf("web", "db", "default-deny"))
		Expect(codes(ctx, profile)).NotTo(ContainElement(v1alpha1.CodeNameConflict))
	})

	It("is foreseen by a preview, which stands all the same", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		theirs := newForeignPolicy(ctx, namespace, nameOfPolicy(ctx, "web"))
		profile := newProfile(ctx, namespace, "shop", "mode: Preview"+twoTiers)
		expectReady(ctx, profile)
		Expect(status(ctx, profile).Findings).To(ContainElement(SatisfyAll(
			HaveField("Code", v1alpha1.CodeNameConflict), HaveField("Namespace", namespace), HaveField("Place", "NetworkPolicy "+theirs.Name))))
		expectSame(ctx, theirs)
	})

	It("is not taken for ours because of forged labels when it has an owner of its own", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner", Namespace: namespace}}
		Expect(k8s.Create(ctx, owner)).To(Succeed())
		theirs := foreignPolicy(namespace, nameOfPolicy(ctx, "web"))
		theirs.Labels = map[string]string{
			v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelProfileKind: "SegmentationProfile",
			v1alpha1.LabelProfile: "shop", v1alpha1.LabelTier: "web",
		}
		Expect(controllerutil.SetControllerReference(owner, theirs, k8s.Scheme())).To(Succeed())
		Expect(k8s.Create(ctx, theirs)).To(Succeed())
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectStalled(ctx, profile, "NameConflict")
		expectSame(ctx, theirs)
	})

	It("stays as it is, to the last byte, whatever happens beside it", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		theirs := newForeignPolicy(ctx, namespace, "allow-all")
		// One that looks like ours and is of no profile.
		lookalike := newForeignPolicy(ctx, namespace, "segp.shop.other-00000000")
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, profile)
		remove(ctx, policyOf(ctx, namespace, "db"))
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(ContainElement("db"))
		patchSpec(ctx, profile, "tiers: []\nallow: []")
		expectReady(ctx, profile)
		remove(ctx, profile)
		Eventually(func() int { return len(policies(ctx, namespace)) }).Should(Equal(2))
		expectSame(ctx, theirs)
		expectSame(ctx, lookalike)
	})
})

// nameOfPolicy returns the name that the policy of a tier of a profile "shop" bears in every namespace.
func nameOfPolicy(ctx context.Context, tier string) string {
	GinkgoHelper()
	namespace := newNamespace(ctx, nil)
	expectReady(ctx, newProfile(ctx, namespace, "shop", twoTiers))
	return policyOf(ctx, namespace, tier).Name
}

func foreignPolicy(namespace, name string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{}}},
	}
}

// newForeignPolicy creates a policy that has nothing to do with a profile.
func newForeignPolicy(ctx context.Context, namespace, name string) *networkingv1.NetworkPolicy {
	GinkgoHelper()
	policy := foreignPolicy(namespace, name)
	Expect(k8s.Create(ctx, policy)).To(Succeed())
	return policy
}

// expectSame expects a policy to be what it was, to the last byte.
func expectSame(ctx context.Context, before *networkingv1.NetworkPolicy) {
	GinkgoHelper()
	after := &networkingv1.NetworkPolicy{}
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(before), after)).To(Succeed())
	want, err := json.Marshal(before)
	Expect(err).NotTo(HaveOccurred())
	got, err := json.Marshal(after)
	Expect(err).NotTo(HaveOccurred())
	Expect(string(got)).To(Equal(string(want)))
}
