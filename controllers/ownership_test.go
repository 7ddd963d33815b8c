package controllers_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("a policy of a name that a profile needs", func() {
	// conflicting returns the db policy that the profile shop would write in a namespace, for a spec to change.
	conflicting := func(ctx SpecContext, ns string) *networkingv1.NetworkPolicy {
		GinkgoHelper()
		template := newNamespace(ctx, nil)
		p := newProfile(ctx, template, "shop", twoTiers)
		expectReady(ctx, p)
		policy := policyOf(ctx, template, "db")
		policy.ObjectMeta = metav1.ObjectMeta{Name: policy.Name, Namespace: ns, Labels: policy.Labels}
		policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		return &policy
	}
	owner := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: kind, Name: name, UID: types.UID("11111111-2222-3333-4444-555555555555"), Controller: new(true),
		}}
	}
	expectUntouched := func(ctx SpecContext, ns string, policy *networkingv1.NetworkPolicy) {
		GinkgoHelper()
		Expect(k8s.Create(ctx, policy)).To(Succeed())
		before := policy.DeepCopy()
		p := newProfile(ctx, ns, "shop", twoTiers)
		Eventually(func() string { return condition(ctx, p, "Stalled") }).Should(Equal("True/NameConflict"))
		Expect(message(ctx, p, "Ready")).To(ContainSubstring("NetworkPolicy " + ns + "/" + policy.Name + " is not Firebreak's"))
		Expect(status(ctx, p).Findings).To(ContainElement(And(HaveField("Code", v1alpha1.CodeNameConflict), HaveField("Severity", v1alpha1.SeverityError))))
		Consistently(func() []string { return tiersOf(ctx, ns) }).ShouldNot(ContainElement("shop.default-deny"),
			"the default-deny would cut the tier off that has no policy")
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(policy), policy)).To(Succeed())
		Expect(policy).To(Equal(before), "byte for byte")

		Expect(k8s.Delete(ctx, policy)).To(Succeed())
		expectReady(ctx, p)
		Expect(tiersOf(ctx, ns)).To(Equal([]string{"shop.db", "shop.default-deny", "shop.web"}))
	}

	It("is never touched when it has no labels of ours, until it is gone", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		policy := conflicting(ctx, ns)
		policy.Labels = nil
		expectUntouched(ctx, ns, policy)
	})

	It("is never touched when it belongs to another profile, whatever its labels say", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		policy := conflicting(ctx, ns)
		policy.OwnerReferences = owner("SegmentationProfile", "another")
		expectUntouched(ctx, ns, policy)
	})

	It("is never touched when something else controls it", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		policy := conflicting(ctx, ns)
		policy.OwnerReferences = owner("SegmentationProfile", "shop")
		policy.OwnerReferences[0].APIVersion = "example.com/v1"
		expectUntouched(ctx, ns, policy)
	})

	It("is adopted when it comes from a former profile of the same name", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		policy := conflicting(ctx, ns)
		policy.OwnerReferences = owner("SegmentationProfile", "shop")
		Expect(k8s.Create(ctx, policy)).To(Succeed())
		former := policy.UID
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		adopted := policyOf(ctx, ns, "db")
		Expect(metav1.IsControlledBy(&adopted, p)).To(BeTrue())
		Expect(adopted.OwnerReferences).To(HaveLen(1))
		Expect(adopted.UID == former || former == "").To(BeTrue())
		Expect(adopted.Spec.Egress).To(BeEmpty())
	})

	It("keeps labels and annotations that others put on ours", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		policy := policyOf(ctx, ns, "db")
		policy.Labels["team"] = "blue"
		policy.Annotations["note"] = "mine"
		delete(policy.Labels, v1alpha1.LabelTier)
		policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		Expect(k8s.Update(ctx, &policy)).To(Succeed())
		Eventually(func() []networkingv1.NetworkPolicyEgressRule { return policyOf(ctx, ns, "db").Spec.Egress }).Should(BeEmpty())
		policy = policyOf(ctx, ns, "db")
		Expect(policy.Labels).To(And(HaveKeyWithValue("team", "blue"), HaveKeyWithValue(v1alpha1.LabelTier, "db")))
		Expect(policy.Annotations).To(HaveKeyWithValue("note", "mine"))
	})
})
