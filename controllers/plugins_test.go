package controllers_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

func newDaemonSet(ctx context.Context, name string) *appsv1.DaemonSet {
	GinkgoHelper()
	labels := map[string]string{"app": name}
	return create(ctx, &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none"}}},
			},
		},
	})
}

var _ = Describe("a cluster in which no network plugin is known to enforce policies", func() {
	It("is told of in the status of every enforcing profile, until there is one; nodes and DaemonSets that report cost nothing", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		enforcing := newProfile(ctx, ns, "shop", twoTiers)
		platform := newClusterProfile(ctx, newName("platform"), "namespaceSelector: {matchLabels: {none: such}}"+twoTiers)
		preview := newProfile(ctx, ns, "preview", "mode: Preview"+twoTiers)
		for _, p := range []client.Object{enforcing, platform, preview} {
			expectReady(ctx, p)
		}
		hint := func(p client.Object) func() string {
			return func() string {
				for _, f := range status(ctx, p).Findings {
					if f.Code == v1alpha1.CodeNotEnforced {
						return f.Message
					}
				}
				return ""
			}
		}
		Expect(hint(enforcing)()).To(BeEmpty(), "there are no nodes, so nothing is known")

		flannel := newDaemonSet(ctx, newName("flannel"))
		flannel.Labels = map[string]string{"k8s-app": "flannel"}
		Expect(k8s.Update(ctx, flannel)).To(Succeed())
		node := create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: newName("node")}})
		for _, p := range []client.Object{enforcing, platform} {
			Eventually(hint(p), "5s").Should(And(
				ContainSubstring("was seen among 1 node and 1 DaemonSet, and by itself this does not enforce them: flannel (DaemonSet kube-system/"+flannel.Name+")"),
				ContainSubstring("try a connection")))
		}
		Expect(hint(preview)()).To(BeEmpty())
		Expect(condition(ctx, enforcing, "Ready")).To(Equal("True/Applied"))

		By("reporting of nodes and DaemonSets, and more of them")
		looked := whenAtRest(looks)
		hint(enforcing)()
		before := enforcing.ResourceVersion
		for i := range 20 {
			node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Unix(int64(i), 0)}}
			Expect(k8s.Status().Update(ctx, node)).To(Succeed())
			flannel.Status.NumberReady = int32(i)
			Expect(k8s.Status().Update(ctx, flannel)).To(Succeed())
		}
		create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: newName("node")}})
		newDaemonSet(ctx, newName("logs"))
		Consistently(looks, "1s").Should(Equal(looked))
		hint(enforcing)()
		Expect(enforcing.ResourceVersion).To(Equal(before))

		By("installing a plugin that enforces")
		cilium := newDaemonSet(ctx, "cilium")
		for _, p := range []client.Object{enforcing, platform} {
			Eventually(hint(p), "5s").Should(BeEmpty())
		}
		By("removing it")
		remove(ctx, cilium)
		Eventually(hint(enforcing), "5s").Should(ContainSubstring("among 2 nodes and 2 DaemonSets"))
		By("running a distribution that has one built in")
		node.Annotations = map[string]string{"k3s.io/node-args": `["server"]`}
		Expect(k8s.Update(ctx, node)).To(Succeed())
		Eventually(hint(enforcing), "5s").Should(BeEmpty())
	})
})
