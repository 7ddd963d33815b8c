package integration_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("A cluster with nodes", func() {
	It("is looked over for a network plugin that enforces policies, with the rights that are shipped", func(ctx SpecContext) {
		profile := newProfile(ctx, newNamespace(ctx, nil), "shop", twoTiers)
		expectReady(ctx, profile)
		told := func() bool { return slices.Contains(codes(ctx, profile), v1alpha1.CodeNotEnforced) }
		Expect(told()).To(BeFalse(), "without nodes nothing is known")

		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: newName("node")}}
		Expect(k8s.Create(ctx, node)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { remove(ctx, node) })
		Eventually(told, "5s").Should(BeTrue())

		labels := map[string]string{"k8s-app": "calico-node"}
		calico := &appsv1.DaemonSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(ctx, nil), Name: "calico-node"},
			Spec: appsv1.DaemonSetSpec{
				Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none"}}},
				},
			},
		}
		Expect(k8s.Create(ctx, calico)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { remove(ctx, calico) })
		Eventually(told, "5s").Should(BeFalse())
	})
})
