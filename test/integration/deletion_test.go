package integration_test

import (
	"context"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/audit"
)

var _ = Describe("Deleting a namespaced profile", func() {
	It("takes its policies along and nobody else's", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		theirs := newForeignPolicy(ctx, namespace, "theirs")
		profile, other := newProfile(ctx, namespace, "shop", twoTiers), newProfile(ctx, namespace, "shop.two", twoTiers)
		expectReady(ctx, profile)
		expectReady(ctx, other)
		Expect(policies(ctx, namespace)).To(HaveLen(7))
		kubectl(ctx, "delete", "segp", "shop", "-n", namespace, "--timeout=30s")
		Eventually(func() int { return len(policies(ctx, namespace)) }).Should(Equal(4))
		expectReady(ctx, other)
		expectSame(ctx, theirs)
	})

	It("with --cascade=orphan leaves the policies, and a profile created again adopts them", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, profile)
		before := policies(ctx, namespace)
		kubectl(ctx, "delete", "segp", "shop", "-n", namespace, "--cascade=orphan", "--timeout=60s")
		expectOrphans(ctx, namespace, before)

		again := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, again)
		expectAdopted(ctx, namespace, before, again)
		Expect(corrections(ctx, again)).To(BeZero(), "adoption is no drift")
	})

	It("works when the operator is away", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", twoTiers)
		expectReady(ctx, profile)
		stopOperator()
		kubectl(ctx, "delete", "segp", "shop", "-n", namespace, "--timeout=30s")
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(BeEmpty())
	})
})

var _ = Describe("Deleting a cluster profile", func() {
	var (
		profile    *v1alpha1.ClusterSegmentationProfile
		namespaces []string
	)
	BeforeEach(func(ctx SpecContext) {
		key := newName("segment")
		namespaces = nil
		for range 3 {
			namespaces = append(namespaces, newNamespace(ctx, map[string]string{key: "yes"}))
		}
		profile = newClusterProfile(ctx, "namespaceSelector: {matchLabels: {"+key+": \"yes\"}}\n"+twoTiers)
		Eventually(func() int32 { return status(ctx, profile).Policies }).Should(BeEquivalentTo(9))
		expectReady(ctx, profile)
	})

	It("takes the default-deny of each namespace away first, then the tiers, then goes", func(ctx SpecContext) {
		Expect(profile.Finalizers).To(ContainElement(v1alpha1.Finalizer))
		kubectl(ctx, "delete", "csegp", profile.Name, "--timeout=30s")
		for _, namespace := range namespaces {
			Expect(policies(ctx, namespace)).To(BeEmpty())
			deleted := slices.DeleteFunc(policyWrites(namespace), func(r audit.Request) bool { return r.Verb != "delete" })
			Expect(deleted).To(HaveLen(3), "all by the operator: %v", deleted)
			Expect(deleted[0].Object.Name).To(ContainSubstring(".default-deny-"))
		}
	})

	It("waits for the operator when that is away", func(ctx SpecContext) {
		stopOperator()
		remove(ctx, profile)
		Consistently(func() int { return len(policies(ctx, namespaces[0])) }).Should(Equal(3), "nothing is taken away in no order")
		resumeOperator(ctx)
		expectGone(ctx, profile)
		Expect(policies(ctx, namespaces[0])).To(BeEmpty())
	})

	It("with --cascade=foreground ends too", func(ctx SpecContext) {
		kubectl(ctx, "delete", "csegp", profile.Name, "--cascade=foreground", "--timeout=60s")
		Expect(policies(ctx, namespaces[0])).To(BeEmpty())
	})

	It("with --cascade=orphan leaves the policies, and a profile created again adopts them", func(ctx SpecContext) {
		namespace := namespaces[1]
		before := policies(ctx, namespace)
		kubectl(ctx, "delete", "csegp", profile.Name, "--cascade=orphan", "--timeout=60s")
		expectOrphans(ctx, namespace, before)

		again := profile.DeepCopy()
		again.ObjectMeta = metav1.ObjectMeta{Name: profile.Name}
		Expect(k8s.Create(ctx, again)).To(Succeed())
		expectReady(ctx, again)
		expectAdopted(ctx, namespace, before, again)
	})

	It("ends when one of its namespaces cannot go", func(ctx SpecContext) {
		stuck := deleteNamespaceButKeep(ctx, namespaces[2])
		kubectl(ctx, "delete", "csegp", profile.Name, "--timeout=30s")
		patchObject(ctx, stuck, map[string]any{"metadata": map[string]any{"finalizers": nil}})
	})
})

// expectOrphans expects the policies to be as before but for their owner, and to stay so.
func expectOrphans(ctx context.Context, namespace string, before map[string]networkingv1.NetworkPolicy) {
	GinkgoHelper()
	Consistently(func(g Gomega) {
		after := policies(ctx, namespace)
		g.Expect(after).To(HaveLen(len(before)))
		for name, p := range after {
			g.Expect(p.UID).To(Equal(before[name].UID), name)
			g.Expect(p.Spec).To(Equal(before[name].Spec), name)
			g.Expect(p.OwnerReferences).To(BeEmpty(), name)
		}
	}).Should(Succeed())
}

// expectAdopted expects the very same policies, owned by a profile.
func expectAdopted(ctx context.Context, namespace string, before map[string]networkingv1.NetworkPolicy, owner client.Object) {
	GinkgoHelper()
	after := policies(ctx, namespace)
	Expect(after).To(HaveLen(len(before)))
	for name, p := range after {
		Expect(p.UID).To(Equal(before[name].UID), name)
		Expect(p.Spec).To(Equal(before[name].Spec), name)
		Expect(metav1.IsControlledBy(&p, owner)).To(BeTrue(), name)
		Expect(strings.Contains(p.Annotations[v1alpha1.AnnotationProfileUID], string(owner.GetUID()))).To(BeTrue(), name)
	}
}
