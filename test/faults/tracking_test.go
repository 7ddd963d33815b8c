package faults_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/applier"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

var _ = Describe("A profile that a delivery tool tracks", func() {
	DescribeTable("passes nothing of that on to its policies, and gets nothing but status and finalizers from us",
		func(ctx SpecContext, kind v1alpha1.Kind) {
			startMortal(ctx)
			namespace := newLifeNamespace(ctx, "tracked-"+strings.ToLower(string(kind)), nil)
			d := trackedProfile(kind, namespace)
			Expect(k8s.Create(ctx, d.live, client.FieldOwner("argocd-controller"))).To(Succeed())
			d.there = true
			DeferCleanup(func(ctx SpecContext) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, d.live))).To(Succeed()) })
			drawer := random.New(uint64(GinkgoRandomSeed()), 0)
			for range 4 {
				d.expectSettled(ctx)
				expectUntouched(ctx, d)
				list := expectOwnMetadataOnly(ctx, namespace)
				Expect(list).NotTo(BeEmpty())
				next := drawer.Altered(d.Profile)
				d.declare(ctx, next)
			}
		},
		Entry("in a namespace", v1alpha1.KindSegmentationProfile),
		Entry("over namespaces", v1alpha1.KindClusterSegmentationProfile),
	)
})

// trackingMetadata are the labels and annotations that Argo CD, Flux, Helm and kubectl put on what they apply. Whoever finds
// them on an object that is not in Git deletes that.
func trackingMetadata() (labels, annotations map[string]string) {
	return map[string]string{
			"app.kubernetes.io/instance":            "shop",
			"app.kubernetes.io/managed-by":          "Helm",
			"argocd.argoproj.io/instance":           "shop",
			"kustomize.toolkit.fluxcd.io/name":      "shop",
			"kustomize.toolkit.fluxcd.io/namespace": "flux-system",
			"helm.toolkit.fluxcd.io/name":           "shop",
			"helm.toolkit.fluxcd.io/namespace":      "flux-system",
			"helm.sh/chart":                         "shop-1.0.0",
			"applyset.kubernetes.io/part-of":        "applyset-shop-v1",
		}, map[string]string{
			"argocd.argoproj.io/tracking-id":                   "shop:firebreak.dev/SegmentationProfile:shop/shop",
			"argocd.argoproj.io/installation-id":               "main",
			"kubectl.kubernetes.io/last-applied-configuration": `{"spec":{}}`,
			"meta.helm.sh/release-name":                        "shop",
			"meta.helm.sh/release-namespace":                   "shop",
			"kustomize.toolkit.fluxcd.io/prune":                "enabled",
			"config.k8s.io/owning-inventory":                   "shop",
		}
}

// trackedProfile returns a profile that is not there yet, and acts in a namespace.
func trackedProfile(kind v1alpha1.Kind, namespace string) *declared {
	p := drawProfile(random.New(1, 2), kind)
	p.Mode = v1alpha1.ModeEnforce
	p.Key = snapshot.ProfileKey{Kind: kind, Namespace: namespace, Name: "tracked"}
	if kind == v1alpha1.KindClusterSegmentationProfile {
		p.Key.Namespace = ""
		p.NamespaceSelector = &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"kubernetes.io/metadata.name": v1alpha1.LabelValue(namespace)}}
		for i := range p.Tiers {
			p.Tiers[i].NamespaceSelector = nil
		}
	}
	d := &declared{Profile: p, seen: k8s}
	d.live = d.object()
	labels, annotations := trackingMetadata()
	d.live.SetLabels(labels)
	d.live.SetAnnotations(annotations)
	return d
}

// expectUntouched holds a profile against what was declared.
func expectUntouched(ctx context.Context, d *declared) {
	GinkgoHelper()
	obj := d.empty()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	labels, annotations := trackingMetadata()
	Expect(obj.GetLabels()).To(Equal(labels))
	Expect(obj.GetAnnotations()).To(Equal(annotations))
	Expect(specText(obj)).To(Equal(specText(d.live)), again())
	Expect(obj.GetGeneration()).To(Equal(d.live.GetGeneration()))
	Expect(obj.GetOwnerReferences()).To(BeEmpty())
	ours := 0
	for _, entry := range obj.GetManagedFields() {
		if entry.Manager != applier.FieldOwner {
			continue
		}
		ours++
		expectOwnsOnly(entry)
	}
	Expect(ours).NotTo(BeZero(), "%v", obj.GetManagedFields())
}

// expectOwnsOnly looks at the fields that we wrote.
func expectOwnsOnly(entry metav1.ManagedFieldsEntry) {
	GinkgoHelper()
	fields := map[string]map[string]any{}
	Expect(json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields)).To(Succeed())
	if entry.Subresource == "status" {
		Expect(slices.Collect(maps.Keys(fields))).To(ConsistOf("f:status"))
		return
	}
	Expect(slices.Collect(maps.Keys(fields))).To(ConsistOf("f:metadata"))
	Expect(slices.Collect(maps.Keys(fields["f:metadata"]))).To(ConsistOf("f:finalizers"))
}

func specText(obj client.Object) string {
	GinkgoHelper()
	text, err := json.Marshal(obj)
	Expect(err).NotTo(HaveOccurred())
	whole := map[string]json.RawMessage{}
	Expect(json.Unmarshal(text, &whole)).To(Succeed())
	return string(whole["spec"])
}

// expectOwnMetadataOnly holds the labels and annotations of the policies in a namespace against the closed list of our own.
func expectOwnMetadataOnly(ctx context.Context, namespace string) []networkingv1.NetworkPolicy {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	Expect(k8s.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
	for _, p := range list.Items {
		Expect(slices.Sorted(maps.Keys(p.Labels))).To(Equal([]string{
			v1alpha1.LabelManagedBy, v1alpha1.LabelProfile, v1alpha1.LabelProfileKind, v1alpha1.LabelTier,
		}), p.Name)
		Expect(p.Labels).To(HaveKeyWithValue(v1alpha1.LabelManagedBy, v1alpha1.ManagedBy))
		for key := range p.Annotations {
			Expect(key).To(HavePrefix("firebreak.dev/"), p.Name)
		}
	}
	return list.Items
}
