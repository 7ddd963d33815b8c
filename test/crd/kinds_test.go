package crd_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// narrowed is a spec whose only tier has this namespaceSelector.
func narrowed(selector string) string {
	return "tiers: [{name: web, podSelector: {}, namespaceSelector: " + selector + "}]"
}

var _ = Describe("The namespaces of a profile", func() {
	namespaced, cluster := bothKinds()[0], bothKinds()[1]

	It("are not chosen by a SegmentationProfile, which acts in its own", func(ctx context.Context) {
		Expect(tried(ctx, profile(namespaced, "shop", "tiers: []\nnamespaceSelector: {}"))).To(
			MatchError(ContainSubstring(`unknown field "spec.namespaceSelector"`)))
	})

	It("are not chosen by a tier of a SegmentationProfile", func(ctx context.Context) {
		Expect(tried(ctx, profile(namespaced, "shop", narrowed("{}")))).To(
			MatchError(ContainSubstring(`unknown field "spec.tiers[0].namespaceSelector"`)))
	})

	It("must be chosen by a ClusterSegmentationProfile", func(ctx context.Context) {
		object := profile(cluster, "shop", "tiers: []")
		unstructured.RemoveNestedField(object.Object, "spec", "namespaceSelector")
		Expect(tried(ctx, object)).To(MatchError(ContainSubstring("spec.namespaceSelector: Required value")))
	})

	It("are chosen by a ClusterSegmentationProfile with a selector that is checked", func(ctx context.Context) {
		object := profile(cluster, "shop", "tiers: []")
		selector := map[string]any{"matchLabels": map[string]any{"a b": "c"}}
		Expect(unstructured.SetNestedMap(object.Object, selector, "spec", "namespaceSelector")).To(Succeed())
		Expect(tried(ctx, object)).To(MatchError(SatisfyAll(
			ContainSubstring("spec.namespaceSelector.matchLabels"), ContainSubstring(`"a b" is not a label key`))))
	})

	It("are narrowed by a tier of a ClusterSegmentationProfile with a selector that is checked", func(ctx context.Context) {
		Expect(tried(ctx, profile(cluster, "shop", narrowed("{matchLabels: {a: b}}")))).To(Succeed())
		Expect(tried(ctx, profile(cluster, "shop", narrowed("{matchExpressions: [{key: a, operator: In}]}")))).To(
			MatchError(SatisfyAll(ContainSubstring("spec.tiers[0].namespaceSelector.matchExpressions[0].values"), ContainSubstring("In needs values"))))
	})
})

var _ = Describe("A stored profile", func() {
	for _, k := range bothKinds() {
		It("that is a "+k.name+" cannot be changed into a bad one", func(ctx context.Context) {
			object := created(ctx, profile(k, "shop", entry("from: [{tier: bare}], to: [{tier: web}]")))
			bad := profile(k, "shop", "tiers: []\nallow: [{name: first, from: [{tier: bare}], to: [{tier: web}]}]")
			bad.SetResourceVersion(object.GetResourceVersion())
			Expect(apiServer.client.Update(ctx, bad)).To(MatchError(SatisfyAll(
				ContainSubstring(`allow entry "first": from names tier "bare", which this profile does not have`),
				ContainSubstring(`allow entry "first": to names tier "web", which this profile does not have`))))
		})
	}
})
