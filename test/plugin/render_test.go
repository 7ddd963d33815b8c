package plugin_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// written returns the policies of a namespace as documents, without what the API server adds to every object.
func written(ctx context.Context, namespace string) string {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	Expect(k8s.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
	var documents []string
	for _, policy := range list.Items {
		policy.APIVersion, policy.Kind = "networking.k8s.io/v1", "NetworkPolicy"
		policy.UID, policy.ResourceVersion, policy.Generation, policy.ManagedFields = "", "", 0, nil
		policy.CreationTimestamp.Reset()
		text, err := yaml.Marshal(policy)
		Expect(err).NotTo(HaveOccurred())
		documents = append(documents, string(text))
	}
	return strings.Join(documents, "---\n")
}

// waitReady waits until a profile is Ready for its generation.
func waitReady(ctx context.Context, profile *v1alpha1.SegmentationProfile) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		var fresh v1alpha1.SegmentationProfile
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(profile), &fresh)).To(Succeed())
		g.Expect(fresh.Status.ObservedGeneration).To(Equal(fresh.Generation))
		g.Expect(meta.IsStatusConditionTrue(fresh.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
	}).Should(Succeed())
}

// threeTier returns the sample in a namespace of its own, as an object and as text.
func threeTier(namespace string) (*v1alpha1.SegmentationProfile, string) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(plane.Root(), "config/samples/three-tier.yaml"))
	Expect(err).NotTo(HaveOccurred())
	moved := strings.Replace(string(text), "namespace: production", "namespace: "+namespace, 1)
	profile := &v1alpha1.SegmentationProfile{}
	Expect(yaml.UnmarshalStrict([]byte(moved), profile)).To(Succeed())
	return profile, moved
}

var _ = Describe("render", func() {
	It("prints to the byte what the operator writes", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile, text := threeTier(namespace)
		Expect(k8s.Create(ctx, profile)).To(Succeed())
		waitReady(ctx, profile)

		By("from the cluster alone")
		got := firebreak(ctx, "render", "-n", namespace)
		Expect(got.code).To(BeZero(), got.stderr)
		Expect(got.stdout).To(Equal(written(ctx, namespace)))

		By("from the file, over the cluster")
		got = firebreakAs(ctx, admin, text, "render", "-f", "-", "--live")
		Expect(got.code).To(BeZero(), got.stderr)
		Expect(got.stdout).To(Equal(written(ctx, namespace)))
	})

	It("foretells what a changed profile will become", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile, text := threeTier(namespace)
		Expect(k8s.Create(ctx, profile)).To(Succeed())
		waitReady(ctx, profile)
		changed := strings.Replace(text, "ports: [{port: 5432}]", "ports: [{port: 5433}]", 1)

		foretold := firebreakAs(ctx, admin, changed, "render", "-f", "-", "--live")
		Expect(foretold.code).To(BeZero(), foretold.stderr)
		Expect(foretold.stdout).NotTo(Equal(written(ctx, namespace)))

		_, _, err := plane.KubectlStdin(ctx, strings.NewReader(changed), "apply", "--server-side", "--force-conflicts", "-f", "-")
		Expect(err).NotTo(HaveOccurred())
		Eventually(written).WithArguments(ctx, namespace).Should(Equal(foretold.stdout))
	})

	It("prints policies that a cluster without Firebreak takes as they are", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		_, text := threeTier(namespace)
		got := firebreakAs(ctx, admin, text, "render", "-f", "-")
		Expect(got.code).To(BeZero(), got.stderr)
		_, _, err := plane.KubectlStdin(ctx, strings.NewReader(got.stdout), "apply", "-f", "-")
		Expect(err).NotTo(HaveOccurred())
		var policy networkingv1.NetworkPolicy
		Expect(k8s.Get(ctx, types.NamespacedName{Namespace: namespace, Name: "segp.shop.api-ddb16b03"}, &policy)).To(Succeed())
	})
})
