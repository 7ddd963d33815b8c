package plugin_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// viewerOf returns the kubeconfig of one who may view a namespace and nothing else.
func viewerOf(ctx context.Context, namespace, role string) string {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "viewer", Namespace: namespace}})).To(Succeed())
	if role != "" {
		Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "viewer", Namespace: namespace},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "viewer", Namespace: namespace}},
		})).To(Succeed())
	}
	kubeconfig, err := plane.ServiceAccountKubeconfig(ctx, namespace, "viewer")
	Expect(err).NotTo(HaveOccurred())
	return kubeconfig
}

var _ = Describe("whoever may view one namespace only", func() {
	It("sees that namespace, and is told what could not be seen", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile, _ := threeTier(namespace)
		Expect(k8s.Create(ctx, profile)).To(Succeed())
		waitReady(ctx, profile)
		viewer := viewerOf(ctx, namespace, "view")
		var got answer
		Eventually(func() int {
			got = firebreakAs(ctx, viewer, "", "render", "-n", namespace)
			return got.code
		}).Should(BeZero(), "the role view is aggregated in the background")
		Expect(got.stdout).To(ContainSubstring("segp.shop.api-ddb16b03"))
		Expect(got.stderr).To(ContainSubstring("You may not list segmentationprofiles, networkpolicies"))
		Expect(got.stderr).To(ContainSubstring("other namespaces than " + namespace + " are taken for open"))
		Expect(got.stderr).To(ContainSubstring("You may not list nodes"))
		Expect(got.stderr).To(ContainSubstring("the usual pods are assumed"))

		By("but is refused all namespaces, with advice")
		got = firebreakAs(ctx, viewer, "", "render", "-A")
		Expect(got.code).To(Equal(2))
		Expect(got.stdout).To(BeEmpty())
		Expect(got.stderr).To(ContainSubstring("Look at one namespace with -n"))
	})

	It("is told which right is missing who may view nothing", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		viewer := viewerOf(ctx, namespace, "")
		got := firebreakAs(ctx, viewer, "", "render", "-n", namespace)
		Expect(got.code).To(Equal(2))
		Expect(got.stdout).To(BeEmpty())
		Expect(got.stderr).To(ContainSubstring("Ask for the right to list"))
	})
})
