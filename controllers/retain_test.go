package controllers_test

import (
	"context"
	"fmt"
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

const retain = "deletionPolicy: Retain\n" + twoTiers

// expectRetained waits until every policy of a namespace is bound to a profile by annotation, and by nothing else.
func expectRetained(ctx context.Context, namespace string, by client.Object, kind v1alpha1.Kind) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		for name, p := range policies(ctx, namespace) {
			g.Expect(p.OwnerReferences).To(BeEmpty(), name)
			g.Expect(p.Annotations).To(And(HaveKeyWithValue(v1alpha1.AnnotationRetainedFor, string(kind)+"/"+by.GetName()),
				HaveKeyWithValue(v1alpha1.AnnotationProfileUID, string(by.GetUID()))), name)
		}
	}).Should(Succeed())
}

// expectOwned waits until every policy of a namespace has a profile for a controller, and no annotation in place of it.
func expectOwned(ctx context.Context, namespace string, by client.Object) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		for name, p := range policies(ctx, namespace) {
			g.Expect(metav1.IsControlledBy(&p, by)).To(BeTrue(), name)
			g.Expect(p.Annotations).NotTo(HaveKey(v1alpha1.AnnotationRetainedFor), name)
		}
	}).Should(Succeed())
}

// specs returns UID and generation of every policy of a namespace: what changes when its spec does, or it is made anew.
func specs(ctx context.Context, namespace string) map[string]string {
	GinkgoHelper()
	out := map[string]string{}
	for name, p := range policies(ctx, namespace) {
		out[name] = fmt.Sprint(p.UID, p.Generation)
	}
	return out
}

var _ = Describe("a profile with deletionPolicy Retain", func() {
	var ns string
	BeforeEach(func(ctx SpecContext) { ns = newNamespace(ctx, nil) })

	// setPolicy changes the deletionPolicy of a profile.
	setPolicy := func(ctx SpecContext, p client.Object, policy v1alpha1.DeletionPolicy) {
		GinkgoHelper()
		patch := fmt.Sprintf(`{"spec":{"deletionPolicy":%q}}`, policy)
		Expect(k8s.Patch(ctx, p, client.RawPatch("application/merge-patch+json", []byte(patch)))).To(Succeed())
	}

	It("leaves its policies untouched when it goes, and one created again adopts them without a change of any spec", func(ctx SpecContext) {
		p := newProfile(ctx, ns, "shop", retain)
		expectReady(ctx, p)
		expectRetained(ctx, ns, p, v1alpha1.KindSegmentationProfile)
		before, byVersion := specs(ctx, ns), versions(ctx, ns)
		Expect(before).To(HaveLen(3))
		Expect(k8s.Delete(ctx, p)).To(Succeed())
		Consistently(func() map[string]string { return versions(ctx, ns) }).Should(Equal(byVersion))

		again := newProfile(ctx, ns, "shop", retain)
		expectReady(ctx, again)
		expectRetained(ctx, ns, again, v1alpha1.KindSegmentationProfile)
		Expect(specs(ctx, ns)).To(Equal(before))
		Expect(status(ctx, again).Drift.Corrections).To(BeZero(), "adopting is no correction")
	})

	It("takes the policy of a tier that is removed along, also when a new profile does not have it", func(ctx SpecContext) {
		p := newProfile(ctx, ns, "shop", retain)
		expectReady(ctx, p)
		setSpec(ctx, p, "deletionPolicy: Retain\ndns: None\ntiers: [{name: web, podSelector: {matchLabels: {app: web}}}]")
		Eventually(func() []string { return tiersOf(ctx, ns) }).Should(Equal([]string{"shop.default-deny", "shop.web"}))
		expectReady(ctx, p)
		Expect(k8s.Delete(ctx, p)).To(Succeed())
		again := newProfile(ctx, ns, "shop", "tiers: []")
		Eventually(func() []string { return tiersOf(ctx, ns) }).Should(Equal([]string{"shop.default-deny"}))
		expectReady(ctx, again)
		expectOwned(ctx, ns, again)
	})

	It("is switched to and from by metadata alone, which is no drift", func(ctx SpecContext) {
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		before := specs(ctx, ns)
		setPolicy(ctx, p, v1alpha1.DeletionPolicyRetain)
		expectReady(ctx, p)
		expectRetained(ctx, ns, p, v1alpha1.KindSegmentationProfile)
		setPolicy(ctx, p, v1alpha1.DeletionPolicyDelete)
		expectReady(ctx, p)
		expectOwned(ctx, ns, p)
		Expect(specs(ctx, ns)).To(Equal(before))
		Expect(status(ctx, p).Drift.Corrections).To(BeZero())
	})

	It("takes its policies along when it was switched to Delete just before it goes", func(ctx SpecContext) {
		p := newProfile(ctx, ns, "shop", retain)
		expectReady(ctx, p)
		faults.set(func(verb string, policy *networkingv1.NetworkPolicy) error {
			if verb == "update" && policy.Namespace == ns {
				return apierrors.NewServiceUnavailable("by this test")
			}
			return nil
		})
		setPolicy(ctx, p, v1alpha1.DeletionPolicyDelete)
		Eventually(func() string { return condition(ctx, p, "Ready") }).Should(Equal("False/ApplyFailed"))
		Expect(k8s.Delete(ctx, p)).To(Succeed())
		Eventually(func() []string { return tiersOf(ctx, ns) }).Should(BeEmpty())
	})

	It("releases what still has an owner when it goes", func(ctx SpecContext) {
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		before := specs(ctx, ns)
		faults.set(unavailableIn(ns))
		setPolicy(ctx, p, v1alpha1.DeletionPolicyRetain)
		Eventually(func() string { return condition(ctx, p, "Ready") }).Should(Equal("False/ApplyFailed"))
		Expect(k8s.Delete(ctx, p)).To(Succeed())
		faults.clear()
		expectRetained(ctx, ns, p, v1alpha1.KindSegmentationProfile)
		Expect(specs(ctx, ns)).To(Equal(before))
	})

	It("has its policies put right, whatever part of what marks them somebody took", func(ctx SpecContext) {
		p := newProfile(ctx, ns, "shop", retain)
		expectReady(ctx, p)
		for i, strip := range []func(*networkingv1.NetworkPolicy){
			func(p *networkingv1.NetworkPolicy) { p.Labels = nil },
			func(p *networkingv1.NetworkPolicy) { delete(p.Annotations, v1alpha1.AnnotationRetainedFor) },
			func(p *networkingv1.NetworkPolicy) { delete(p.Annotations, v1alpha1.AnnotationProfileUID) },
		} {
			policy := policyOf(ctx, ns, "db")
			strip(&policy)
			Expect(k8s.Update(ctx, &policy)).To(Succeed())
			Eventually(func() int64 { return status(ctx, p).Drift.Corrections }).Should(BeEquivalentTo(i + 1))
			expectRetained(ctx, ns, p, v1alpha1.KindSegmentationProfile)
			Expect(tiersOf(ctx, ns)).To(HaveLen(3))
		}
	})

	It("touches no policy that bears a name it needs and nothing else", func(ctx SpecContext) {
		p := newProfile(ctx, ns, "shop", retain)
		expectReady(ctx, p)
		Expect(k8s.Delete(ctx, p)).To(Succeed())
		policy := policyOf(ctx, ns, "db")
		policy.Labels = nil
		policy.Annotations[v1alpha1.AnnotationProfileUID] = "somebody's"
		Expect(k8s.Update(ctx, &policy)).To(Succeed())
		again := newProfile(ctx, ns, "shop", retain)
		Eventually(func() string { return condition(ctx, again, "Stalled") }).Should(Equal("True/NameConflict"))
		Expect(policyOf(ctx, ns, "db")).To(Equal(policy), "byte for byte")
	})

	It("of the cluster kind goes at once, takes nothing along, and adopts or takes away all that it left when it comes again", func(ctx SpecContext) {
		key := newName("segment")
		other := newNamespace(ctx, map[string]string{key: "yes"})
		ns = newNamespace(ctx, map[string]string{key: "yes"})
		deselected := newNamespace(ctx, map[string]string{key: "yes"})
		spec := fmt.Sprintf("namespaceSelector: {matchExpressions: [{key: %s, operator: Exists}]}\n", key) + retain
		p := newClusterProfile(ctx, newName("platform"), spec)
		Eventually(func() int32 { return status(ctx, p).Policies }).Should(BeEquivalentTo(9))
		expectReady(ctx, p)

		By("deselecting a namespace, whose policies go")
		Expect(k8s.Patch(ctx, namespaceObject(deselected), client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"labels":{%q:null}}}`, key)))).To(Succeed())
		Eventually(func() []string { return tiersOf(ctx, deselected) }).Should(BeEmpty())

		before := versions(ctx, ns)
		maps.Copy(before, versions(ctx, other))
		Expect(k8s.Delete(ctx, p)).To(Succeed())
		Eventually(func() error {
			return k8s.Get(ctx, client.ObjectKeyFromObject(p), &v1alpha1.ClusterSegmentationProfile{})
		}).Should(Satisfy(apierrors.IsNotFound))
		after := versions(ctx, ns)
		maps.Copy(after, versions(ctx, other))
		Expect(after).To(Equal(before))

		By("creating it again for one of the namespaces")
		unchanged := specs(ctx, ns)
		again := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: p.Name}}
		Expect(yaml.UnmarshalStrict([]byte("namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: "+ns+"}}\n"+retain), &again.Spec)).To(Succeed())
		Expect(k8s.Create(ctx, again)).To(Succeed())
		Eventually(func() []string { return tiersOf(ctx, other) }).Should(BeEmpty())
		expectReady(ctx, again)
		expectRetained(ctx, ns, again, v1alpha1.KindClusterSegmentationProfile)
		Expect(specs(ctx, ns)).To(Equal(unchanged))
		Expect(slices.Collect(maps.Keys(unchanged))).To(HaveLen(3))
	})

	It("of the cluster kind waits with its going until nothing has it for an owner", func(ctx SpecContext) {
		key := newName("segment")
		ns = newNamespace(ctx, map[string]string{key: "yes"})
		p := newClusterProfile(ctx, newName("platform"), fmt.Sprintf("namespaceSelector: {matchLabels: {%s: \"yes\"}}\n", key)+twoTiers)
		Eventually(func() int32 { return status(ctx, p).Policies }).Should(BeEquivalentTo(3))
		expectReady(ctx, p)
		before := specs(ctx, ns)
		faults.set(unavailableIn(ns))
		setPolicy(ctx, p, v1alpha1.DeletionPolicyRetain)
		Expect(k8s.Delete(ctx, p)).To(Succeed())
		Eventually(func() string { return message(ctx, p, "Ready") }).Should(Equal("Being deleted: 3 policies will stay, because deletionPolicy is Retain."))
		Consistently(func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(p), p) }).Should(Succeed())
		faults.clear()
		Eventually(func() error {
			return k8s.Get(ctx, client.ObjectKeyFromObject(p), &v1alpha1.ClusterSegmentationProfile{})
		}, "30s").Should(Satisfy(apierrors.IsNotFound))
		expectRetained(ctx, ns, p, v1alpha1.KindClusterSegmentationProfile)
		Expect(specs(ctx, ns)).To(Equal(before))
	})
})

// unavailableIn makes every write in a namespace fail.
func unavailableIn(namespace string) func(string, *networkingv1.NetworkPolicy) error {
	return func(_ string, policy *networkingv1.NetworkPolicy) error {
		if policy.Namespace == namespace {
			return apierrors.NewServiceUnavailable("by this test")
		}
		return nil
	}
}
