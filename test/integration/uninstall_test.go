package integration_test

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// It takes from the control plane what all other specs need, so it has one of its own.
var _ = Describe("Deleting the CRDs", Ordered, func() {
	const namespace, kept = "team", "kept"
	var theirs *networkingv1.NetworkPolicy

	// cluster returns a cluster profile that isolates one namespace.
	cluster := func(name, namespace string, deletion v1alpha1.DeletionPolicy) *v1alpha1.ClusterSegmentationProfile {
		return &v1alpha1.ClusterSegmentationProfile{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: v1alpha1.ClusterSegmentationProfileSpec{
				NamespaceSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"kubernetes.io/metadata.name": v1alpha1.LabelValue(namespace)}},
				Tiers:             []v1alpha1.ClusterTier{},
				ProfileSettings:   v1alpha1.ProfileSettings{DeletionPolicy: deletion},
			},
		}
	}
	// count returns the number of policies of the namespace.
	count := func(ctx SpecContext) func() (int, error) {
		return func() (int, error) {
			var list networkingv1.NetworkPolicyList
			err := k8s.List(ctx, &list, client.InNamespace(namespace))
			return len(list.Items), err
		}
	}
	install := func(ctx SpecContext) {
		GinkgoHelper()
		for where, text := range map[string]string{namespace: twoTiers, kept: retain} {
			var spec v1alpha1.SegmentationProfileSpec
			Expect(yaml.UnmarshalStrict([]byte(text), &spec)).To(Succeed())
			Eventually(func() error {
				return k8s.Create(ctx, &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: "shop"}, Spec: spec})
			}).Should(Succeed())
		}
		Eventually(func() error { return k8s.Create(ctx, cluster("platform", namespace, v1alpha1.DeletionPolicyDelete)) }).Should(Succeed())
		Eventually(func() error { return k8s.Create(ctx, cluster("platform-kept", kept, v1alpha1.DeletionPolicyRetain)) }).Should(Succeed())
		Eventually(count(ctx), "90s").Should(Equal(5))
		for _, name := range []string{"platform", "platform-kept"} {
			expectReady(ctx, &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: name}})
		}
		for _, where := range []string{namespace, kept} {
			expectReady(ctx, &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: where, Name: "shop"}})
		}
	}
	reinstall := func(ctx SpecContext) {
		GinkgoHelper()
		kubectl(ctx, "apply", "--server-side", "-k", "config/crd")
		kubectl(ctx, "wait", "--for=condition=Established", "crd/segmentationprofiles.firebreak.dev", "crd/clustersegmentationprofiles.firebreak.dev")
	}
	// keptSpecs returns UID and generation of the policies that must outlive everything.
	keptSpecs := func(ctx SpecContext) map[string]string {
		GinkgoHelper()
		out := map[string]string{}
		for name, p := range policies(ctx, kept) {
			out[name] = fmt.Sprint(p.UID, p.Generation)
		}
		return out
	}

	BeforeAll(func(ctx SpecContext) {
		sharedPlane, sharedClient, sharedOperator := plane, k8s, operator
		plane, k8s = startPlane(ctx)
		_, operator = startOperator(ctx, plane)
		DeferCleanup(func() {
			defer func() { plane, k8s, operator = sharedPlane, sharedClient, sharedOperator }()
			Expect(operator.Stop()).To(Succeed())
		})
		for _, name := range []string{namespace, kept} {
			Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})).To(Succeed())
		}
		theirs = newForeignPolicy(ctx, namespace, "theirs")
		install(ctx)
	})

	It("deletes the profiles, and with them their policies but for those to be retained, and ends by itself", func(ctx SpecContext) {
		before := bytesOf(ctx, kept)
		Expect(before).To(HaveLen(4))
		kubectl(ctx, "delete", "-k", "config/crd", "--timeout=60s")
		Eventually(count(ctx), "60s").Should(Equal(1))
		expectSame(ctx, theirs)
		Consistently(func() map[string]string { return bytesOf(ctx, kept) }).Should(Equal(before))
	})

	It("does not end the operator, which goes on when they are installed again, and adopts what was retained", func(ctx SpecContext) {
		before := keptSpecs(ctx)
		Consistently(operator.Exited(), 2*time.Second).ShouldNot(BeClosed())
		reinstall(ctx)
		install(ctx)
		expectSame(ctx, theirs)
		Expect(keptSpecs(ctx)).To(Equal(before))
	})

	It("leaves the retained policies with the operator away too, and the finalizers of cluster profiles can be removed by hand", func(ctx SpecContext) {
		before := bytesOf(ctx, kept)
		Expect(operator.Stop()).To(Succeed())
		kubectl(ctx, "delete", "-k", "config/crd", "--wait=false")
		for _, name := range []string{"platform", "platform-kept"} {
			profile := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: name}}
			Eventually(func(g Gomega) {
				g.Expect(get(ctx, profile)).To(Succeed())
				g.Expect(profile.DeletionTimestamp).NotTo(BeNil())
			}).Should(Succeed())
			kubectl(ctx, "patch", "csegp", name, "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
		}
		kubectl(ctx, "wait", "--for=delete", "crd/segmentationprofiles.firebreak.dev", "crd/clustersegmentationprofiles.firebreak.dev", "--timeout=60s")
		Eventually(count(ctx), "60s").Should(Equal(1))
		Consistently(func() map[string]string { return bytesOf(ctx, kept) }).Should(Equal(before))
		expectSame(ctx, theirs)

		specs := keptSpecs(ctx)
		reinstall(ctx)
		resumeOperator(ctx)
		install(ctx)
		Expect(keptSpecs(ctx)).To(Equal(specs))
	})
})
