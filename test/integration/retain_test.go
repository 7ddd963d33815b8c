package integration_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/audit"
)

// retain is twoTiers for a profile whose policies outlive it.
const retain = "deletionPolicy: Retain\n" + twoTiers

// cascades are the ways to delete an object that has dependents.
func cascades() []string { return []string{"background", "foreground", "orphan"} }

var _ = Describe("The garbage collector", func() {
	It("deletes dependents in the foreground although a finalizer holds their owner, so a finalizer cannot retain them", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner", Namespace: namespace, Finalizers: []string{"example.com/keep"}}}
		Expect(k8s.Create(ctx, owner)).To(Succeed())
		dependent := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "dependent", Namespace: namespace, OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID, Controller: new(true), BlockOwnerDeletion: new(true)},
		}}}
		Expect(k8s.Create(ctx, dependent)).To(Succeed())
		remove(ctx, owner, client.PropagationPolicy(metav1.DeletePropagationForeground))
		expectGone(ctx, dependent)
		Expect(get(ctx, owner)).To(Succeed())
		patchObject(ctx, owner, map[string]any{"metadata": map[string]any{"finalizers": nil}})
	})
})

var _ = Describe("A profile with deletionPolicy Retain", func() {
	It("leaves its policies however it is deleted, and adopts them with no write to any spec when it is created again", func(ctx SpecContext) {
		for _, cascade := range cascades() {
			By(cascade)
			namespace := newNamespace(ctx, nil)
			profile := newProfile(ctx, namespace, "shop", retain)
			expectReady(ctx, profile)
			before, bytes, writes := policies(ctx, namespace), bytesOf(ctx, namespace), len(policyWrites(namespace))
			Expect(before).To(HaveLen(3))
			kubectl(ctx, "delete", "segp", "shop", "-n", namespace, "--cascade="+cascade, "--timeout=60s")
			Consistently(func() map[string]string { return bytesOf(ctx, namespace) }).Should(Equal(bytes))
			Expect(policyWrites(namespace)).To(HaveLen(writes), "nothing is written")

			again := newProfile(ctx, namespace, "shop", retain)
			expectReady(ctx, again)
			expectRetained(ctx, namespace, before, again, "SegmentationProfile")
			Expect(verbs(policyWrites(namespace)[writes:])).To(Equal([]string{"update", "update", "update"}))
			Expect(corrections(ctx, again)).To(BeZero(), "adoption is no drift")
		}
	})

	It("leaves them with the operator away too, and adopts them when both are back", func(ctx SpecContext) {
		namespaces, before, bytes := map[string]string{}, map[string]map[string]networkingv1.NetworkPolicy{}, map[string]map[string]string{}
		for _, cascade := range cascades() {
			namespaces[cascade] = newNamespace(ctx, nil)
			expectReady(ctx, newProfile(ctx, namespaces[cascade], "shop", retain))
			before[cascade], bytes[cascade] = policies(ctx, namespaces[cascade]), bytesOf(ctx, namespaces[cascade])
		}
		stopOperator()
		for cascade, namespace := range namespaces {
			kubectl(ctx, "delete", "segp", "shop", "-n", namespace, "--cascade="+cascade, "--timeout=60s")
			Consistently(func() map[string]string { return bytesOf(ctx, namespace) }).Should(Equal(bytes[cascade]))
		}
		resumeOperator(ctx)
		for cascade, namespace := range namespaces {
			Expect(bytesOf(ctx, namespace)).To(Equal(bytes[cascade]))
			again := newProfile(ctx, namespace, "shop", retain)
			expectReady(ctx, again)
			expectRetained(ctx, namespace, before[cascade], again, "SegmentationProfile")
		}
	})

	It("gives its policies an owner when it is switched to Delete, and takes it away when it is switched back", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", retain)
		expectReady(ctx, profile)
		before := policies(ctx, namespace)
		patchSpec(ctx, profile, "deletionPolicy: Delete")
		expectReady(ctx, profile)
		expectAdopted(ctx, namespace, before, profile)
		patchSpec(ctx, profile, "deletionPolicy: Retain")
		expectReady(ctx, profile)
		expectRetained(ctx, namespace, before, profile, "SegmentationProfile")
		Expect(corrections(ctx, profile)).To(BeZero())

		patchSpec(ctx, profile, "deletionPolicy: Delete")
		expectReady(ctx, profile)
		kubectl(ctx, "delete", "segp", "shop", "-n", namespace, "--timeout=30s")
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(BeEmpty())
	})

	It("still takes along the policy of a tier that is removed", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile := newProfile(ctx, namespace, "shop", retain)
		expectReady(ctx, profile)
		patchSpec(ctx, profile, "tiers: []\nallow: []")
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(ConsistOf("default-deny"))
		expectReady(ctx, profile)
	})
})

var _ = Describe("A cluster profile with deletionPolicy Retain", func() {
	// start creates one that acts in two namespaces.
	start := func(ctx SpecContext) (*v1alpha1.ClusterSegmentationProfile, []string, string) {
		GinkgoHelper()
		key := newName("segment")
		namespaces := []string{newNamespace(ctx, map[string]string{key: "yes"}), newNamespace(ctx, map[string]string{key: "yes"})}
		profile := newClusterProfile(ctx, "namespaceSelector: {matchLabels: {"+key+": \"yes\"}}\n"+retain)
		Eventually(func() int32 { return status(ctx, profile).Policies }).Should(BeEquivalentTo(6))
		expectReady(ctx, profile)
		return profile, namespaces, key
	}
	again := func(ctx SpecContext, profile *v1alpha1.ClusterSegmentationProfile) *v1alpha1.ClusterSegmentationProfile {
		GinkgoHelper()
		out := profile.DeepCopy()
		out.ObjectMeta = metav1.ObjectMeta{Name: profile.Name}
		Expect(k8s.Create(ctx, out)).To(Succeed())
		expectReady(ctx, out)
		return out
	}

	It("leaves its policies however it is deleted, and adopts them when it is created again", func(ctx SpecContext) {
		for _, cascade := range cascades() {
			By(cascade)
			profile, namespaces, _ := start(ctx)
			before, bytes := policies(ctx, namespaces[1]), bytesOf(ctx, namespaces[1])
			kubectl(ctx, "delete", "csegp", profile.Name, "--cascade="+cascade, "--timeout=60s")
			Consistently(func() map[string]string { return bytesOf(ctx, namespaces[1]) }).Should(Equal(bytes))
			expectRetained(ctx, namespaces[1], before, again(ctx, profile), "ClusterSegmentationProfile")
		}
	})

	It("leaves them when it was deleted while the operator was away, and when its finalizer is removed by hand", func(ctx SpecContext) {
		first, firsts, _ := start(ctx)
		second, seconds, _ := start(ctx)
		before, bytes := policies(ctx, firsts[0]), bytesOf(ctx, firsts[0])
		bytesOfSecond := bytesOf(ctx, seconds[0])
		stopOperator()
		remove(ctx, first)
		remove(ctx, second, client.PropagationPolicy(metav1.DeletePropagationForeground))
		patchObject(ctx, second, map[string]any{"metadata": map[string]any{"finalizers": nil}})
		expectGone(ctx, second)
		Consistently(func() map[string]string { return bytesOf(ctx, firsts[0]) }).Should(Equal(bytes))
		resumeOperator(ctx)
		expectGone(ctx, first)
		Expect(bytesOf(ctx, firsts[0])).To(Equal(bytes))
		Expect(bytesOf(ctx, seconds[0])).To(Equal(bytesOfSecond))
		expectRetained(ctx, firsts[0], before, again(ctx, first), "ClusterSegmentationProfile")
	})

	It("takes its policies from a namespace that it does not select any more, also when only a new one of its name finds them there", func(ctx SpecContext) {
		profile, namespaces, key := start(ctx)
		relabel(ctx, namespaces[0], map[string]any{key: nil})
		Eventually(func() []string { return tiers(ctx, namespaces[0]) }).Should(BeEmpty())
		kubectl(ctx, "delete", "csegp", profile.Name, "--timeout=60s")
		relabel(ctx, namespaces[1], map[string]any{key: nil})
		Consistently(func() []string { return tiers(ctx, namespaces[1]) }).Should(HaveLen(3))
		again(ctx, profile)
		Eventually(func() []string { return tiers(ctx, namespaces[1]) }).Should(BeEmpty())
	})

	It("leaves policies that are found and removed as the operations guide says", func(ctx SpecContext) {
		profile, namespaces, _ := start(ctx)
		owned := newProfile(ctx, namespaces[0], "shop", twoTiers)
		expectReady(ctx, owned)
		kubectl(ctx, "delete", "csegp", profile.Name, "--timeout=60s")
		shown := kubectl(ctx, "get", "networkpolicies", "-A", "-l", "app.kubernetes.io/managed-by=firebreak", "-o",
			`custom-columns=NAMESPACE:.metadata.namespace,NAME:.metadata.name,OWNER:.metadata.ownerReferences[0].name,RETAINED-FOR:.metadata.annotations.firebreak\.dev/retained-for`)
		Expect(shown).To(MatchRegexp(`(?m)^%s +csegp\.%s\.web-\w+ +<none> +ClusterSegmentationProfile/%[2]s$`, namespaces[1], profile.Name))
		Expect(shown).To(MatchRegexp(`(?m)^%s +segp\.shop\.web-\w+ +shop +<none>$`, namespaces[0]))
		left := "firebreak.dev/profile-kind=ClusterSegmentationProfile,firebreak.dev/profile=" + profile.Name
		kubectl(ctx, "delete", "networkpolicies", "-A", "-l", left+",firebreak.dev/tier=default-deny")
		Expect(tiers(ctx, namespaces[1])).To(ConsistOf("web", "db"))
		kubectl(ctx, "delete", "networkpolicies", "-A", "-l", left)
		Expect(tiers(ctx, namespaces[1])).To(BeEmpty())
		Consistently(func() []string { return tiers(ctx, namespaces[0]) }).Should(ConsistOf("web", "db", "default-deny"))
	})

	It("is switched both ways without a change of any spec", func(ctx SpecContext) {
		profile, namespaces, _ := start(ctx)
		before := policies(ctx, namespaces[0])
		patchSpec(ctx, profile, "deletionPolicy: Delete")
		expectReady(ctx, profile)
		expectAdopted(ctx, namespaces[0], before, profile)
		patchSpec(ctx, profile, "deletionPolicy: Retain")
		expectReady(ctx, profile)
		expectRetained(ctx, namespaces[0], before, profile, "ClusterSegmentationProfile")
		Expect(corrections(ctx, profile)).To(BeZero())
	})

	It("switched to Delete just before it is deleted, takes its policies along", func(ctx SpecContext) {
		profile, namespaces, _ := start(ctx)
		patchSpec(ctx, profile, "deletionPolicy: Delete")
		kubectl(ctx, "delete", "csegp", profile.Name, "--timeout=60s")
		for _, namespace := range namespaces {
			Expect(policies(ctx, namespace)).To(BeEmpty())
		}
	})
})

// expectRetained expects the very same policies, bound to a profile by annotation and to nothing by owner reference.
func expectRetained(ctx context.Context, namespace string, before map[string]networkingv1.NetworkPolicy, by client.Object, kind string) {
	GinkgoHelper()
	after := policies(ctx, namespace)
	Expect(after).To(HaveLen(len(before)))
	for name, p := range after {
		Expect(p.UID).To(Equal(before[name].UID), name)
		Expect(p.Generation).To(Equal(before[name].Generation), "the spec of %s was written", name)
		Expect(p.Spec).To(Equal(before[name].Spec), name)
		Expect(p.OwnerReferences).To(BeEmpty(), name)
		Expect(p.Annotations).To(And(HaveKeyWithValue(v1alpha1.AnnotationRetainedFor, fmt.Sprintf("%s/%s", kind, by.GetName())),
			HaveKeyWithValue(v1alpha1.AnnotationProfileUID, string(by.GetUID()))), name)
	}
}

// verbs lists the verbs of requests.
func verbs(requests []audit.Request) []string {
	var out []string
	for _, r := range requests {
		out = append(out, r.Verb)
	}
	return out
}
