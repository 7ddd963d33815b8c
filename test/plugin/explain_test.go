package plugin_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var _ = Describe("explain", func() {
	It("says who decides in a cluster, and gives a line that the operator makes true", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		profile, _ := threeTier(namespace)
		Expect(k8s.Create(ctx, profile)).To(Succeed())
		waitReady(ctx, profile)
		Expect(k8s.Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: namespace, Labels: map[string]string{"tier": "frontend"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "web"}}},
		})).To(Succeed())

		By("denied, with the line that is missing")
		got := firebreak(ctx, "explain", "pod/web", "tier:database:5432", "-n", namespace, "--expect", "denied")
		Expect(got.code).To(BeZero(), got.stderr)
		Expect(got.stdout).To(HavePrefix("DENIED  Pod web → tier database  TCP/5432\n"))
		Expect(got.stdout).To(ContainSubstring("  - {name: web-to-database, from: [{tier: frontend}], to: [{tier: database}], ports: [{port: 5432}]}\n"))
		Expect(got.stderr).To(BeEmpty())

		By("allowed, by an entry")
		got = firebreak(ctx, "explain", "pod/web", "tier:api", "-n", namespace, "--expect", "denied")
		Expect(got.code).To(Equal(1), got.stderr)
		Expect(got.stdout).To(ContainSubstring("allowed by entry shop-calls-api of SegmentationProfile " + namespace + "/shop"))

		By("allowed, by a policy that is nobody's")
		policy := &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: "debug", Namespace: namespace},
			Spec: networkingv1.NetworkPolicySpec{
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
				Ingress:     []networkingv1.NetworkPolicyIngressRule{{}}, Egress: []networkingv1.NetworkPolicyEgressRule{{}},
			},
		}
		Expect(k8s.Create(ctx, policy)).To(Succeed())
		got = firebreak(ctx, "explain", "pod/web", "tier:database:5432", "-n", namespace, "--expect", "allowed")
		Expect(got.code).To(BeZero(), got.stderr)
		Expect(got.stdout).To(ContainSubstring("allowed by NetworkPolicy " + namespace + "/debug (no profile's)"))
		Expect(k8s.Delete(ctx, policy, client.GracePeriodSeconds(0))).To(Succeed())

		By("of a pod that is not there")
		got = firebreak(ctx, "explain", "pod/wep", "tier:api", "-n", namespace)
		Expect(got.code).To(Equal(2))
		Expect(got.stderr).To(ContainSubstring("there is pod/web"))
	})
})
