package integration_test

import (
	"context"
	"encoding/json"
	"maps"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// correctedWithin is how long drift may last.
const correctedWithin = "5s"

// tamper is something that somebody does to a policy's spec: the fields that are replaced, as YAML.
type tamper struct {
	tier, what, spec string
}

// tampers change every field of a spec, on a policy that has all of them and on the default-deny, which has none.
func tampers() []tamper {
	return []tamper{
		{"api", "podSelector chooses other pods", `podSelector: {matchLabels: {tier: other}}`},
		{"api", "podSelector chooses every pod", `podSelector: {}`},
		{"api", "policyTypes without Egress", `policyTypes: [Ingress]`},
		{"api", "policyTypes without Ingress", `policyTypes: [Egress]`},
		{"api", "ingress from everybody", `ingress: [{ports: [{port: 8080, protocol: TCP}]}]`},
		{"api", "ingress from somebody else", `ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 8080, protocol: TCP}]}]`},
		{"api", "ingress on every port", `ingress: [{from: [{podSelector: {matchLabels: {tier: frontend}}}]}]`},
		{"api", "ingress on another port", `ingress: [{from: [{podSelector: {matchLabels: {tier: frontend}}}], ports: [{port: 22, protocol: TCP}]}]`},
		{"api", "ingress from nobody", `ingress: []`},
		{"api", "egress to everybody", `egress: [{ports: [{port: 443, protocol: TCP}]}]`},
		{"api", "egress to private addresses", `egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443, protocol: TCP}]}]`},
		{"api", "egress on every port", `egress: [{to: [{podSelector: {matchLabels: {tier: database}}}]}]`},
		{"api", "egress on a range of ports", `egress: [{to: [{podSelector: {matchLabels: {tier: database}}}], ports: [{port: 5432, endPort: 6000, protocol: TCP}]}]`},
		{"api", "egress to nobody", `egress: []`},
		{"default-deny", "podSelector chooses few pods", `podSelector: {matchLabels: {tier: other}}`},
		{"default-deny", "policyTypes without Egress", `policyTypes: [Ingress]`},
		{"default-deny", "ingress from everybody", `ingress: [{}]`},
		{"default-deny", "egress to everybody", `egress: [{}]`},
	}
}

// means is a way in which somebody can change some fields of a policy's spec.
type means struct {
	how string
	act func(ctx context.Context, live *networkingv1.NetworkPolicy, spec string)
}

func allMeans() []means {
	return []means{
		{"by an update", func(ctx context.Context, live *networkingv1.NetworkPolicy, spec string) {
			Expect(k8s.Update(ctx, changed(live, spec), client.FieldOwner("somebody"))).To(Succeed())
		}},
		{"by an update under the operator's own name", func(ctx context.Context, live *networkingv1.NetworkPolicy, spec string) {
			Expect(k8s.Update(ctx, changed(live, spec), client.FieldOwner("firebreak"))).To(Succeed())
		}},
		{"by an update that strips managedFields", func(ctx context.Context, live *networkingv1.NetworkPolicy, spec string) {
			stripped := changed(live, spec)
			stripped.ManagedFields = []metav1.ManagedFieldsEntry{{}}
			Expect(k8s.Update(ctx, stripped, client.FieldOwner("somebody"))).To(Succeed())
		}},
		{"by a merge patch", func(ctx context.Context, live *networkingv1.NetworkPolicy, spec string) {
			fields := specFields(spec)
			// A merge patch merges maps: what is to go must be named.
			if selector, ok := fields["podSelector"].(map[string]any); ok && selector["matchLabels"] == nil {
				selector["matchLabels"] = nil
			}
			Expect(k8s.Patch(ctx, live, mergePatch(map[string]any{"spec": fields}), client.FieldOwner("somebody"))).To(Succeed())
		}},
		{"by another manager's forced server-side apply", func(ctx context.Context, live *networkingv1.NetworkPolicy, spec string) {
			forceApply(ctx, live, spec, "somebody")
		}},
		{"by a forced server-side apply under the operator's own name", func(ctx context.Context, live *networkingv1.NetworkPolicy, spec string) {
			forceApply(ctx, live, spec, "firebreak")
		}},
	}
}

var _ = Describe("Drift", Ordered, ContinueOnFailure, func() {
	var (
		// Several alike, in turn: so many incidents in a row at one policy would be a fight, which is met with patience.
		profiles []*v1alpha1.SegmentationProfile
		// incidents is how often somebody changed something.
		incidents int
	)

	BeforeAll(func(ctx SpecContext) {
		incidents, profiles = 0, nil
		sample := &v1alpha1.SegmentationProfile{}
		readSample("three-tier.yaml", sample)
		text, err := yaml.Marshal(sample.Spec)
		Expect(err).NotTo(HaveOccurred())
		for range 10 {
			profiles = append(profiles, newProfile(ctx, newNamespace(ctx, nil), "shop", string(text)))
		}
		for _, p := range profiles {
			expectReady(ctx, p)
		}
	})

	// where is the namespace whose turn it is.
	where := func() string { return profiles[incidents%len(profiles)].Namespace }

	// corrected changes a policy and expects it to be as before, soon.
	corrected := func(ctx context.Context, tier string, change func(*networkingv1.NetworkPolicy)) {
		GinkgoHelper()
		before := policyOf(ctx, where(), tier)
		change(before.DeepCopy())
		incidents++
		Eventually(func(g Gomega) {
			after := &networkingv1.NetworkPolicy{}
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(before), after)).To(Succeed())
			// Whatever was done, it was done: the object is not the one from before.
			g.Expect(after.ResourceVersion).NotTo(Equal(before.ResourceVersion))
			g.Expect(after.Spec).To(Equal(before.Spec))
			g.Expect(after.Labels).To(Equal(before.Labels))
			g.Expect(after.Annotations).To(Equal(before.Annotations))
			g.Expect(after.OwnerReferences).To(Equal(before.OwnerReferences))
		}, correctedWithin).Should(Succeed())
	}

	for _, m := range allMeans() {
		for _, t := range tampers() {
			It("of tier "+t.tier+", "+t.what+", "+m.how+", is corrected", func(ctx SpecContext) {
				corrected(ctx, t.tier, func(live *networkingv1.NetworkPolicy) { m.act(ctx, live, t.spec) })
			})
		}
	}
	for _, tier := range []string{"frontend", "api", "database", "default-deny"} {
		It("is corrected when the policy of "+tier+" is deleted", func(ctx SpecContext) {
			corrected(ctx, tier, func(live *networkingv1.NetworkPolicy) { remove(ctx, live) })
		})
	}
	for _, loss := range losses() {
		It("is corrected when a policy loses "+loss.what, func(ctx SpecContext) {
			corrected(ctx, "database", func(live *networkingv1.NetworkPolicy) {
				loss.lose(live)
				Expect(k8s.Update(ctx, live)).To(Succeed())
			})
		})
	}

	It("leaves labels and annotations of others on a policy", func(ctx SpecContext) {
		namespace := where()
		live := policyOf(ctx, namespace, "frontend")
		theirs := map[string]any{"example.com/cost-center": "42"}
		patchObject(ctx, live, map[string]any{"metadata": map[string]any{"labels": theirs, "annotations": theirs}})
		corrected(ctx, "frontend", func(live *networkingv1.NetworkPolicy) {
			patchObject(ctx, live, map[string]any{"spec": map[string]any{"egress": []any{}}})
		})
		Expect(policyOf(ctx, namespace, "frontend").Labels).To(HaveKeyWithValue("example.com/cost-center", "42"))
	})

	It("is counted, every time, and announced", func(ctx SpecContext) {
		Eventually(func() int {
			sum := 0
			for _, p := range profiles {
				sum += int(corrections(ctx, p))
			}
			return sum
		}).Should(Equal(incidents))
		for _, p := range profiles {
			drift := status(ctx, p).Drift
			Expect(drift.LastPolicy).To(HavePrefix(p.Namespace + "/segp.shop."))
			Expect(drift.LastChange).NotTo(BeEmpty())
			Expect(drift.LastTime).NotTo(BeNil())
			Eventually(func() []string { return eventReasons(ctx, p) }).Should(ContainElement("DriftCorrected"))
			Expect(condition(ctx, p, "Ready")).To(Equal("True/Applied"))
		}
	})
})

var _ = Describe("A policy that bears the stamp of a generation yet to come", func() {
	It("makes the operator ask for the profile itself, and is in order", func(ctx SpecContext) {
		key := newName("segment")
		namespace := newNamespace(ctx, map[string]string{key: "yes"})
		profile := newClusterProfile(ctx, selecting(key))
		Eventually(func() []string { return tiers(ctx, namespace) }).Should(ConsistOf("all", "default-deny"))
		expectReady(ctx, profile)
		stamped := policyOf(ctx, namespace, "all")
		patchObject(ctx, stamped, map[string]any{"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationProfileGeneration: "99"}}})
		Eventually(requests).Should(ContainElement(SatisfyAll(
			HaveField("Verb", "get"), HaveField("Object.Resource", "clustersegmentationprofiles"), HaveField("Object.Name", profile.Name))))
		Consistently(func() string { return policyOf(ctx, namespace, "all").ResourceVersion }, "300ms").Should(Equal(stamped.ResourceVersion))
		expectReady(ctx, profile)
	})
})

// loss is something that says whose a policy is, and how the policy loses it.
type loss struct {
	what string
	lose func(*networkingv1.NetworkPolicy)
}

func losses() []loss {
	out := []loss{
		{"its labels", func(p *networkingv1.NetworkPolicy) { p.Labels = nil }},
		{"its annotations", func(p *networkingv1.NetworkPolicy) { p.Annotations = nil }},
		{"its ownerReferences", func(p *networkingv1.NetworkPolicy) { p.OwnerReferences = nil }},
		{"the controller mark of its owner", func(p *networkingv1.NetworkPolicy) { p.OwnerReferences[0].Controller = nil }},
	}
	for _, key := range []string{v1alpha1.LabelManagedBy, v1alpha1.LabelProfileKind, v1alpha1.LabelProfile, v1alpha1.LabelTier} {
		out = append(out,
			loss{"label " + key, func(p *networkingv1.NetworkPolicy) { delete(p.Labels, key) }},
			loss{"the value of label " + key, func(p *networkingv1.NetworkPolicy) { p.Labels[key] = "other" }})
	}
	for _, key := range []string{v1alpha1.AnnotationProfileUID, v1alpha1.AnnotationSpecHash} {
		out = append(out, loss{"annotation " + key, func(p *networkingv1.NetworkPolicy) { delete(p.Annotations, key) }})
	}
	return out
}

func specFields(spec string) map[string]any {
	GinkgoHelper()
	fields := map[string]any{}
	Expect(yaml.Unmarshal([]byte(spec), &fields)).To(Succeed())
	return fields
}

// changed is a policy with some fields of its spec replaced as wholes.
func changed(live *networkingv1.NetworkPolicy, spec string) *networkingv1.NetworkPolicy {
	GinkgoHelper()
	fields := map[string]any{}
	text, err := json.Marshal(live.Spec)
	Expect(err).NotTo(HaveOccurred())
	Expect(json.Unmarshal(text, &fields)).To(Succeed())
	maps.Copy(fields, specFields(spec))
	text, err = json.Marshal(fields)
	Expect(err).NotTo(HaveOccurred())
	live.Spec = networkingv1.NetworkPolicySpec{}
	Expect(json.Unmarshal(text, &live.Spec)).To(Succeed())
	return live
}

// forceApply applies some fields of the spec of a policy, by force, under a manager's name.
func forceApply(ctx context.Context, live *networkingv1.NetworkPolicy, spec, manager string) {
	GinkgoHelper()
	object := &unstructured.Unstructured{Object: map[string]any{"spec": specFields(spec)}}
	object.SetGroupVersionKind(networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"))
	object.SetName(live.Name)
	object.SetNamespace(live.Namespace)
	Expect(k8s.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(manager), client.ForceOwnership)).To(Succeed())
}

// eventReasons lists the reasons of the events about an object.
func eventReasons(ctx context.Context, obj client.Object) []string {
	GinkgoHelper()
	var list eventsv1.EventList
	Expect(k8s.List(ctx, &list)).To(Succeed())
	var out []string
	for _, event := range list.Items {
		if event.Regarding.UID == obj.GetUID() {
			out = append(out, event.Reason)
		}
	}
	return out
}
