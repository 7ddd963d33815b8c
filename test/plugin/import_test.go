package plugin_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/importer"
	"firebreak.dev/firebreak/internal/snapshot"
)

// policiesIn returns the policies of a namespace.
func policiesIn(ctx context.Context, namespace string) []*networkingv1.NetworkPolicy {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	Expect(k8s.List(ctx, &list, client.InNamespace(namespace))).To(Succeed())
	var out []*networkingv1.NetworkPolicy
	for i := range list.Items {
		out = append(out, &list.Items[i])
	}
	return out
}

var _ = Describe("Moving over from NetworkPolicies", func() {
	It("takes what import prints and what it says to delete, and nothing changes", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		for _, manifest := range []string{
			`{metadata: {name: deny-all}, spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}`,
			`{metadata: {name: web}, spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress],
				ingress: [{from: [{namespaceSelector: {matchLabels: {team: edge}}}], ports: [{port: http}]}],
				egress: [{to: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 8080}]}]}}`,
			`{metadata: {name: api}, spec: {podSelector: {matchLabels: {app: api}},
				ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.128/25]}}], ports: [{port: 8080, endPort: 8090}, {port: 8080}]}]}}`,
		} {
			policy := &networkingv1.NetworkPolicy{}
			Expect(yaml.Unmarshal([]byte(manifest), policy)).To(Succeed())
			policy.Namespace = namespace
			Expect(k8s.Create(ctx, policy)).To(Succeed())
		}
		before := policiesIn(ctx, namespace)

		got := firebreak(ctx, "import", "-n", namespace, "--name", "shop")
		Expect(got.code).To(Equal(0), got.stderr)
		profile := &v1alpha1.SegmentationProfile{}
		Expect(yaml.UnmarshalStrict([]byte(got.stdout), profile)).To(Succeed())
		Expect(k8s.Create(ctx, profile)).To(Succeed())
		waitReady(ctx, profile)

		_, names, said := strings.Cut(got.stderr, "delete networkpolicy -n "+namespace+" ")
		Expect(said).To(BeTrue(), got.stderr)
		Expect(strings.Fields(names)).To(ConsistOf("api", "deny-all", "web"))
		for _, name := range strings.Fields(names) {
			Expect(k8s.Delete(ctx, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}})).To(Succeed())
		}
		ns := snapshot.Namespace{Name: namespace, Labels: map[string]string{"kubernetes.io/metadata.name": namespace}}
		Expect(importer.Same(ns, before, policiesIn(ctx, namespace))).To(Succeed())

		By("importing again, of which nothing is left")
		got = firebreak(ctx, "import", "-n", namespace)
		Expect(got.code).To(Equal(0))
		Expect(got.stdout).To(BeEmpty())
		Expect(got.stderr).To(ContainSubstring("No NetworkPolicies to import found in namespace " + namespace))
	})
})
