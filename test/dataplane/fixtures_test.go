package dataplane_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

// lastName numbers what specs create, so that no two of them meet.
var lastName int

func newName(prefix string) string {
	lastName++
	return fmt.Sprintf("%s-%d", prefix, lastName)
}

// newNamespace creates a namespace, which is deleted when the spec ends; nobody waits until it is gone.
func newNamespace(ctx context.Context, prefix string, labels map[string]string) string {
	GinkgoHelper()
	name := newName(prefix)
	createNamespace(ctx, name, labels)
	return name
}

func createNamespace(ctx context.Context, name string, labels map[string]string) {
	GinkgoHelper()
	create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
}

// create creates an object, which is deleted when the spec ends.
func create(ctx context.Context, object client.Object) {
	GinkgoHelper()
	Expect(cluster.Client.Create(ctx, object)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, object))).To(Succeed())
	})
}

// deleteNow deletes an object; what follows from that may take a moment.
func deleteNow(ctx context.Context, object client.Object) {
	GinkgoHelper()
	Expect(cluster.Client.Delete(ctx, object)).To(Succeed())
}

// app returns the label by which most specs' profiles choose their tiers.
func app(name string) map[string]string { return map[string]string{"app": name} }

// runPod runs a pod that listens on ports, which its container does not declare. It is gone when the spec has ended.
func runPod(ctx context.Context, namespace, name string, labels map[string]string, ports ...testbed.Port) *testbed.Host {
	GinkgoHelper()
	return runPodOf(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}}, ports...)
}

// runPodOf runs a pod as it is given.
func runPodOf(ctx context.Context, pod *corev1.Pod, ports ...testbed.Port) *testbed.Host {
	GinkgoHelper()
	host, err := cluster.RunPod(ctx, pod)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		Expect(client.IgnoreNotFound(cluster.Client.Delete(ctx, pod, client.GracePeriodSeconds(0)))).To(Succeed())
		Expect(host.Detach(ctx)).To(Succeed())
	})
	Expect(host.Listen(ctx, ports...)).To(Succeed())
	return host
}

// outside adds a host that is not the cluster's and listens on ports.
func outside(ctx context.Context, name, address string, ports ...testbed.Port) *testbed.Host {
	GinkgoHelper()
	host, err := cluster.Outside(ctx, name, address)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(host.Detach)
	Expect(host.Listen(ctx, ports...)).To(Succeed())
	return host
}

// newProfile creates a SegmentationProfile from the YAML of its spec, and waits until it is ready.
func newProfile(ctx context.Context, namespace, name, spec string) *v1alpha1.SegmentationProfile {
	GinkgoHelper()
	p := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}}
	Expect(yaml.UnmarshalStrict([]byte(spec), &p.Spec)).To(Succeed())
	create(ctx, p)
	expectReady(ctx, p)
	return p
}

// newClusterProfile creates a ClusterSegmentationProfile from the YAML of its spec, and waits until it is ready.
func newClusterProfile(ctx context.Context, spec string) *v1alpha1.ClusterSegmentationProfile {
	GinkgoHelper()
	p := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: newName("platform")}}
	Expect(yaml.UnmarshalStrict([]byte(spec), &p.Spec)).To(Succeed())
	create(ctx, p)
	expectReady(ctx, p)
	return p
}

// patchSpec changes fields of a profile's spec, given as YAML; a null takes one away.
func patchSpec(ctx context.Context, profile client.Object, fields string) {
	GinkgoHelper()
	change, err := yaml.YAMLToJSON([]byte(fields))
	Expect(err).NotTo(HaveOccurred())
	Expect(cluster.Client.Patch(ctx, profile, client.RawPatch("application/merge-patch+json", []byte(`{"spec":`+string(change)+`}`)))).To(Succeed())
}

// expectReady waits until a profile is ready for its current generation: every policy is written.
func expectReady(ctx context.Context, profile client.Object) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		ready := meta.FindStatusCondition(status(ctx, g, profile).Conditions, v1alpha1.ConditionReady)
		g.Expect(ready).NotTo(BeNil())
		g.Expect(ready.ObservedGeneration).To(Equal(profile.GetGeneration()))
		g.Expect(ready.Status).To(Equal(metav1.ConditionTrue), ready.Message)
	}).Should(Succeed(), "%s is ready", profile.GetName())
}

// status returns the live status of a profile of either kind.
func status(ctx context.Context, g Gomega, profile client.Object) v1alpha1.ProfileStatus {
	g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(profile), profile)).To(Succeed())
	if p, ok := profile.(*v1alpha1.ClusterSegmentationProfile); ok {
		return p.Status
	}
	p, ok := profile.(*v1alpha1.SegmentationProfile)
	g.Expect(ok).To(BeTrue(), "%T is a profile", profile)
	return p.Status
}

// readSample reads an object from config/samples.
func readSample(file string, into client.Object) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(cluster.Plane.Root(), "config", "samples", file))
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.UnmarshalStrict(text, into)).To(Succeed())
}

// isIn says whether a host is a pod of a namespace.
func isIn(namespace string, host *testbed.Host) bool {
	return strings.HasPrefix(host.Name, namespace+"/")
}
