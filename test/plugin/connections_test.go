package plugin_test

import (
	"context"
	"encoding/json"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// applied makes the three-tier sample in a namespace of its own and waits until its policies are there. It returns the text of
// the profile.
func applied(ctx context.Context) (namespace, text string) {
	GinkgoHelper()
	namespace = newNamespace(ctx, nil)
	profile, text := threeTier(namespace)
	Expect(k8s.Create(ctx, profile)).To(Succeed())
	waitReady(ctx, profile)
	return namespace, text
}

var _ = Describe("matrix", func() {
	It("shows what the policies of a cluster come to, whoever wrote them", func(ctx SpecContext) {
		namespace, _ := applied(ctx)
		got := firebreak(ctx, "matrix", "-n", namespace, "-o", "csv")
		Expect(got.code).To(BeZero(), got.stderr)
		Expect(got.stdout).To(ContainSubstring("tier api," + namespace + ",tier database," + namespace + ",TCP/5432,Allowed"))
		Expect(got.stdout).NotTo(ContainSubstring("tier frontend," + namespace + ",tier database"))

		By("with a policy of somebody else's at both ends")
		Expect(k8s.Create(ctx, &networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: "allow-all", Namespace: namespace},
			Spec: networkingv1.NetworkPolicySpec{
				Ingress: []networkingv1.NetworkPolicyIngressRule{{}}, Egress: []networkingv1.NetworkPolicyEgressRule{{}},
				PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
			},
		})).To(Succeed())
		got = firebreak(ctx, "matrix", "-n", namespace, "-o", "csv")
		Expect(got.stdout).To(ContainSubstring("tier frontend," + namespace + ",tier database"))
	})

	It("is the same for whoever may view the namespace only, as far as that goes", func(ctx SpecContext) {
		namespace, _ := applied(ctx)
		viewer := viewerOf(ctx, namespace, "view")
		var got answer
		Eventually(func() int {
			got = firebreakAs(ctx, viewer, "", "matrix", "-n", namespace, "-o", "csv")
			return got.code
		}).Should(BeZero(), "the role view is aggregated in the background")
		Expect(got.stdout).To(ContainSubstring("tier api," + namespace + ",tier database," + namespace + ",TCP/5432,Allowed"))
		Expect(got.stderr).To(ContainSubstring("other namespaces than " + namespace + " are taken for open"))
	})
})

var _ = Describe("diff", func() {
	It("says what files would change in a cluster, and changes nothing", func(ctx SpecContext) {
		namespace, text := applied(ctx)
		before := written(ctx, namespace)

		got := firebreakAs(ctx, admin, text, "diff", "-f", "-")
		Expect(got.stderr).To(BeEmpty())
		Expect(got.code).To(BeZero(), got.stdout)

		changed := strings.Replace(text, "    dns: None ", "    dns: Cluster ", 1)
		Expect(changed).NotTo(Equal(text))
		got = firebreakAs(ctx, admin, changed, "diff", "-f", "-")
		Expect(got.code).To(Equal(1), got.stderr)
		Expect(got.stdout).To(ContainSubstring("+ tier database in " + namespace + " → DNS"))
		Expect(got.stdout).To(ContainSubstring("1 connection gained"))
		Expect(written(ctx, namespace)).To(Equal(before))
	})

	It("ends with 2, and not with 1, when the cluster cannot be asked", func(ctx SpecContext) {
		_, text := threeTier("anywhere")
		got := firebreakAs(ctx, admin, text, "diff", "-f", "-", "--server", "https://127.0.0.1:1")
		Expect(got.code).To(Equal(2))
		Expect(got.stdout).To(BeEmpty())
	})
})

var _ = Describe("map", func() {
	It("draws the profiles of a namespace of a cluster", func(ctx SpecContext) {
		namespace, _ := applied(ctx)
		got := firebreak(ctx, "map", "-n", namespace)
		Expect(got.code).To(BeZero(), got.stderr)
		Expect(got.stdout).To(ContainSubstring("tier database"))
		Expect(got.stdout).To(ContainSubstring("api-uses-database"))

		got = firebreak(ctx, "map", "-n", namespace, "-o", "json")
		Expect(got.code).To(BeZero(), got.stderr)
		Expect(json.Valid([]byte(got.stdout))).To(BeTrue())
	})
})
