package controllers_test

import (
	"context"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// newNamespace creates a namespace with these labels and returns its name.
func newNamespace(ctx context.Context, labels map[string]string) string {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: newName("ns"), Labels: labels}}
	Expect(k8s.Create(ctx, ns)).To(Succeed())
	return ns.Name
}

// newProfile creates a SegmentationProfile with this spec and deletes it at the end of the spec.
func newProfile(ctx context.Context, namespace, name, spec string) *v1alpha1.SegmentationProfile {
	GinkgoHelper()
	p := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	Expect(yaml.UnmarshalStrict([]byte(spec), &p.Spec)).To(Succeed())
	Expect(k8s.Create(ctx, p)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { remove(ctx, p) })
	return p
}

// newClusterProfile does the same for the cluster kind, and waits for its deletion.
func newClusterProfile(ctx context.Context, name, spec string) *v1alpha1.ClusterSegmentationProfile {
	GinkgoHelper()
	p := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: name}}
	Expect(yaml.UnmarshalStrict([]byte(spec), &p.Spec)).To(Succeed())
	Expect(k8s.Create(ctx, p)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		remove(ctx, p)
		Eventually(func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(p), p) }, "60s").Should(Satisfy(apierrors.IsNotFound))
	})
	return p
}

func remove(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, obj))).To(Succeed())
}

// setSpec replaces the spec of a profile.
func setSpec(ctx context.Context, p *v1alpha1.SegmentationProfile, spec string) {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(p), p)).To(Succeed())
	p.Spec = v1alpha1.SegmentationProfileSpec{}
	Expect(yaml.UnmarshalStrict([]byte(spec), &p.Spec)).To(Succeed())
	Expect(k8s.Update(ctx, p)).To(Succeed())
}

// status returns the live status of a profile of either kind.
func status(ctx context.Context, obj client.Object) v1alpha1.ProfileStatus {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	if p, ok := obj.(*v1alpha1.ClusterSegmentationProfile); ok {
		return p.Status
	}
	p, ok := obj.(*v1alpha1.SegmentationProfile)
	Expect(ok).To(BeTrue())
	return p.Status
}

// condition returns "status/reason" of a condition for the current generation, and "" otherwise.
func condition(ctx context.Context, obj client.Object, kind string) string {
	GinkgoHelper()
	c := meta.FindStatusCondition(status(ctx, obj).Conditions, kind)
	if c == nil || c.ObservedGeneration != obj.GetGeneration() {
		return ""
	}
	return string(c.Status) + "/" + c.Reason
}

func message(ctx context.Context, obj client.Object, kind string) string {
	GinkgoHelper()
	if c := meta.FindStatusCondition(status(ctx, obj).Conditions, kind); c != nil {
		return c.Message
	}
	return ""
}

// expectReady waits until a profile is ready for its current generation.
func expectReady(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Eventually(func() string { return condition(ctx, obj, "Ready") }, "60s").Should(HavePrefix("True/"), "%s", obj.GetName())
}

// policies returns the NetworkPolicies of a namespace by name.
func policies(ctx context.Context, namespace string) map[string]networkingv1.NetworkPolicy {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	Expect(k8s.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
	out := map[string]networkingv1.NetworkPolicy{}
	for _, p := range list.Items {
		out[p.Name] = p
	}
	return out
}

// tiersOf lists the policies of a namespace by profile and tier, sorted: "shop.api".
func tiersOf(ctx context.Context, namespace string) []string {
	GinkgoHelper()
	out := []string{}
	for _, p := range policies(ctx, namespace) {
		out = append(out, p.Labels[v1alpha1.LabelProfile]+"."+p.Labels[v1alpha1.LabelTier])
	}
	slices.Sort(out)
	return out
}

// policyOf returns the one policy of a tier.
func policyOf(ctx context.Context, namespace, tier string) networkingv1.NetworkPolicy {
	GinkgoHelper()
	for name, p := range policies(ctx, namespace) {
		if strings.Contains(name, "."+tier+"-") {
			return p
		}
	}
	Fail("no policy of tier " + tier + " in " + namespace)
	return networkingv1.NetworkPolicy{}
}

// policyNamed returns the one policy whose name begins so.
func policyNamed(ctx context.Context, namespace, prefix string) networkingv1.NetworkPolicy {
	GinkgoHelper()
	for name, p := range policies(ctx, namespace) {
		if strings.HasPrefix(name, prefix) {
			return p
		}
	}
	Fail("no policy " + prefix + " in " + namespace)
	return networkingv1.NetworkPolicy{}
}

// versions returns name and resourceVersion of every policy of a namespace.
func versions(ctx context.Context, namespace string) map[string]string {
	GinkgoHelper()
	out := map[string]string{}
	for name, p := range policies(ctx, namespace) {
		out[name] = p.ResourceVersion
	}
	return out
}

const twoTiers = `
dns: None
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}
- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
allow:
- {name: web-db, from: [{tier: web}], to: [{tier: db}]}
- {name: users, from: [{pods: {namespaces: [ingress]}}], to: [{tier: web}]}
`

func namespaceObject(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}
