package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
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

// twoTiers is a spec with three policies: web, db and the default-deny.
const twoTiers = `
dns: None
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}
- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
allow:
- {name: web-db, from: [{tier: web}], to: [{tier: db}]}
- {name: users, from: [{pods: {namespaces: [ingress]}}], to: [{tier: web}]}
`

// lastName numbers what specs create, so that no two of them meet.
var lastName int

func newName(prefix string) string {
	lastName++
	return fmt.Sprintf("%s-%d", prefix, lastName)
}

// newNamespace creates a namespace, which is deleted when the spec ends; nobody waits until it is gone.
func newNamespace(ctx context.Context, labels map[string]string) string {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: newName("team"), Labels: labels}}
	Expect(k8s.Create(ctx, ns)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { remove(ctx, ns) })
	return ns.Name
}

func relabel(ctx context.Context, namespace string, labels map[string]any) {
	GinkgoHelper()
	patchObject(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, map[string]any{"metadata": map[string]any{"labels": labels}})
}

// newProfile creates a SegmentationProfile.
func newProfile(ctx context.Context, namespace, name, spec string) *v1alpha1.SegmentationProfile {
	GinkgoHelper()
	p := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	Expect(yaml.UnmarshalStrict([]byte(spec), &p.Spec)).To(Succeed())
	Expect(k8s.Create(ctx, p)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { remove(ctx, p) })
	return p
}

// newClusterProfile creates a ClusterSegmentationProfile, which is gone when the spec has ended.
func newClusterProfile(ctx context.Context, spec string) *v1alpha1.ClusterSegmentationProfile {
	GinkgoHelper()
	p := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: newName("platform")}}
	Expect(yaml.UnmarshalStrict([]byte(spec), &p.Spec)).To(Succeed())
	Expect(k8s.Create(ctx, p)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		remove(ctx, p)
		expectGone(ctx, p)
	})
	return p
}

func remove(ctx context.Context, obj client.Object, opts ...client.DeleteOption) {
	GinkgoHelper()
	Expect(client.IgnoreNotFound(k8s.Delete(ctx, obj, opts...))).To(Succeed())
}

func expectGone(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Eventually(func() error { return get(ctx, obj) }, "60s").Should(Satisfy(apierrors.IsNotFound), "%s is gone", obj.GetName())
}

func get(ctx context.Context, obj client.Object) error {
	return k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)
}

// patchObject sends a merge patch.
func patchObject(ctx context.Context, obj client.Object, change map[string]any) {
	GinkgoHelper()
	Expect(k8s.Patch(ctx, obj, mergePatch(change))).To(Succeed())
}

func mergePatch(change map[string]any) client.Patch {
	GinkgoHelper()
	text, err := json.Marshal(change)
	Expect(err).NotTo(HaveOccurred())
	return client.RawPatch("application/merge-patch+json", text)
}

// patchSpec changes some fields of a profile's spec, given as YAML.
func patchSpec(ctx context.Context, profile client.Object, fields string) {
	GinkgoHelper()
	Expect(tryPatchSpec(ctx, profile, fields)).To(Succeed())
}

func tryPatchSpec(ctx context.Context, profile client.Object, fields string) error {
	GinkgoHelper()
	spec := map[string]any{}
	Expect(yaml.Unmarshal([]byte(fields), &spec)).To(Succeed())
	return k8s.Patch(ctx, profile, mergePatch(map[string]any{"spec": spec}))
}

// status returns the live status of a profile of either kind.
func status(ctx context.Context, profile client.Object) v1alpha1.ProfileStatus {
	GinkgoHelper()
	Expect(get(ctx, profile)).To(Succeed())
	if p, ok := profile.(*v1alpha1.ClusterSegmentationProfile); ok {
		return p.Status
	}
	p, ok := profile.(*v1alpha1.SegmentationProfile)
	Expect(ok).To(BeTrue())
	return p.Status
}

// condition returns "status/reason" of a condition when it speaks of the current generation, and "" otherwise.
func condition(ctx context.Context, profile client.Object, kind string) string {
	GinkgoHelper()
	c := meta.FindStatusCondition(status(ctx, profile).Conditions, kind)
	if c == nil || c.ObservedGeneration != profile.GetGeneration() {
		return ""
	}
	return string(c.Status) + "/" + c.Reason
}

func message(ctx context.Context, profile client.Object, kind string) string {
	GinkgoHelper()
	if c := meta.FindStatusCondition(status(ctx, profile).Conditions, kind); c != nil {
		return c.Message
	}
	return ""
}

// expectReady waits until a profile is ready for its current generation.
func expectReady(ctx context.Context, profile client.Object) {
	GinkgoHelper()
	Eventually(func() string { return condition(ctx, profile, "Ready") }).Should(HavePrefix("True/"), "%s is ready", profile.GetName())
}

// expectStalled waits until a profile says that nothing will change before somebody acts.
func expectStalled(ctx context.Context, profile client.Object, reason string) {
	GinkgoHelper()
	Eventually(func() string { return condition(ctx, profile, "Stalled") }).Should(Equal("True/" + reason))
	Expect(condition(ctx, profile, "Ready")).To(Equal("False/" + reason))
	Expect(condition(ctx, profile, "Reconciling")).To(BeEmpty(), "Reconciling and Stalled at once")
}

// corrections returns how often drift was corrected, as the status says.
func corrections(ctx context.Context, profile client.Object) int64 {
	GinkgoHelper()
	if drift := status(ctx, profile).Drift; drift != nil {
		return drift.Corrections
	}
	return 0
}

// codes lists the codes of a profile's findings.
func codes(ctx context.Context, profile client.Object) []v1alpha1.FindingCode {
	GinkgoHelper()
	var out []v1alpha1.FindingCode
	for _, f := range status(ctx, profile).Findings {
		out = append(out, f.Code)
	}
	return out
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

// tiers lists the tiers, among them default-deny, that have a policy in a namespace, without order.
func tiers(ctx context.Context, namespace string) []string {
	GinkgoHelper()
	out := []string{}
	for _, p := range policies(ctx, namespace) {
		out = append(out, p.Labels[v1alpha1.LabelTier])
	}
	return out
}

// profilesIn lists the profiles that policies of a namespace come from. The operator's own policy comes from none.
func profilesIn(ctx context.Context, namespace string) []string {
	GinkgoHelper()
	out := []string{}
	for _, p := range policies(ctx, namespace) {
		if name, ok := p.Labels[v1alpha1.LabelProfile]; ok {
			out = append(out, name)
		}
	}
	return out
}

// policyOf returns the one policy of a tier in a namespace.
func policyOf(ctx context.Context, namespace, tier string) *networkingv1.NetworkPolicy {
	GinkgoHelper()
	for name, p := range policies(ctx, namespace) {
		if strings.Contains(name, "."+tier+"-") {
			return &p
		}
	}
	Fail("no policy of tier " + tier + " in " + namespace)
	return nil
}

// bytesOf returns the policies of a namespace as they stand in the API server, to the last byte.
func bytesOf(ctx context.Context, namespace string) map[string]string {
	GinkgoHelper()
	out := map[string]string{}
	for name, p := range policies(ctx, namespace) {
		text, err := json.Marshal(p)
		Expect(err).NotTo(HaveOccurred())
		out[name] = string(text)
	}
	return out
}

// kubectl runs kubectl and returns what it prints.
func kubectl(ctx context.Context, args ...string) string {
	GinkgoHelper()
	stdout, _, err := plane.Kubectl(ctx, args...)
	Expect(err).NotTo(HaveOccurred())
	return stdout
}

// readSample reads an object from config/samples.
func readSample(file string, into client.Object) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(plane.Root(), "config", "samples", file))
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.UnmarshalStrict(text, into)).To(Succeed())
}

// deleteNamespaceButKeep deletes a namespace, which stays, terminating, for the sake of what is returned: it has a
// finalizer.
func deleteNamespaceButKeep(ctx context.Context, namespace string) client.Object {
	GinkgoHelper()
	keeper := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "keeper", Namespace: namespace, Finalizers: []string{"example.com/keep"}}}
	Expect(k8s.Create(ctx, keeper)).To(Succeed())
	remove(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	return keeper
}
