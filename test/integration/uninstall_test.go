package integration_test

import (
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
	const namespace = "team"
	var theirs *networkingv1.NetworkPolicy

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
		var spec v1alpha1.SegmentationProfileSpec
		Expect(yaml.UnmarshalStrict([]byte(twoTiers), &spec)).To(Succeed())
		Eventually(func() error {
			return k8s.Create(ctx, &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop"}, Spec: spec})
		}).Should(Succeed())
		Eventually(func() error {
			return k8s.Create(ctx, &v1alpha1.ClusterSegmentationProfile{
				ObjectMeta: metav1.ObjectMeta{Name: "platform"},
				Spec: v1alpha1.ClusterSegmentationProfileSpec{
					NamespaceSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"kubernetes.io/metadata.name": namespace}},
					Tiers:             []v1alpha1.ClusterTier{},
				},
			})
		}).Should(Succeed())
		Eventually(count(ctx), "90s").Should(Equal(5))
	}

	BeforeAll(func(ctx SpecContext) {
		sharedPlane, sharedClient, sharedOperator := plane, k8s, operator
		plane, k8s = startPlane(ctx, "")
		_, operator = startOperator(ctx, plane)
		DeferCleanup(func() {
			defer func() { plane, k8s, operator = sharedPlane, sharedClient, sharedOperator }()
			Expect(operator.Stop()).To(Succeed())
		})
		Expect(k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
		theirs = newForeignPolicy(ctx, namespace, "theirs")
		install(ctx)
	})

	It("deletes the profiles, and with them their policies, and ends by itself", func(ctx SpecContext) {
		kubectl(ctx, "delete", "-k", "config/crd", "--timeout=60s")
		Eventually(count(ctx), "60s").Should(Equal(1))
		expectSame(ctx, theirs)
	})

	It("does not end the operator, which goes on when they are installed again", func(ctx SpecContext) {
		Consistently(operator.Exited(), 2*time.Second).ShouldNot(BeClosed())
		kubectl(ctx, "apply", "--server-side", "-k", "config/crd")
		kubectl(ctx, "wait", "--for=condition=Established", "crd/segmentationprofiles.firebreak.dev", "crd/clustersegmentationprofiles.firebreak.dev")
		install(ctx)
		expectSame(ctx, theirs)
	})
})
