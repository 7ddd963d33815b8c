package dataplane_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

// Four policies that are widely copied, in testdata/recipes. What is wrong with them is shown first, then put right by a profile.
// Each spec finds three of them in force, and leaves it so.
var _ = Describe("The recipes that people copy", Ordered, ContinueOnFailure, func() {
	var s *recipeShop
	http, postgres, https, dnsUDP, dnsTCP := testbed.TCP(8080), testbed.TCP(5432), testbed.TCP(443), testbed.UDP(53), testbed.TCP(53)

	BeforeAll(func(ctx SpecContext) {
		s = newRecipeShop(ctx)
		s.apply(ctx, "default-deny-all.yaml", "allow-api-ingress.yaml", "api-egress.yaml")
	})

	It("keep the frontend from the api, which admits it: nothing lets the frontend out", func(ctx SpecContext) {
		expectOnly(ctx, nil, []testbed.Flow{{From: s.frontend, To: s.api, Port: http}, {From: s.frontend, To: s.canary, Port: http}})
	})

	It("leave the frontend without names, and without its users", func(ctx SpecContext) {
		expectOnly(ctx, []testbed.Flow{
			{From: s.api, To: s.dns, Port: dnsUDP, Via: dnsAddress},
		}, []testbed.Flow{
			{From: s.frontend, To: s.dns, Port: dnsUDP, Via: dnsAddress},
			{From: s.frontend, To: s.dns, Port: dnsTCP, Via: dnsAddress},
			{From: s.ingress, To: s.frontend, Port: http},
		})
	})

	It("open the port of DNS to every host there is", func(ctx SpecContext) {
		anybody := []*testbed.Host{s.internet, s.office, s.carrier, s.ingress}
		expectOnly(ctx, testbed.Between([]*testbed.Host{s.api}, anybody, dnsUDP, dnsTCP),
			testbed.Between([]*testbed.Host{s.api}, anybody, postgres))
	})

	It("take for the internet what is not public", func(ctx SpecContext) {
		expectOnly(ctx, []testbed.Flow{
			{From: s.api, To: s.internet, Port: https}, {From: s.api, To: s.carrier, Port: https},
		}, []testbed.Flow{
			{From: s.api, To: s.office, Port: https}, {From: s.api, To: s.ingress, Port: https},
		})
	})

	It("admit nobody from the namespace monitoring, for namespaces do not carry their name in the label name", func(ctx SpecContext) {
		expectOnly(ctx, nil, testbed.Between([]*testbed.Host{s.prometheus, s.grafana}, []*testbed.Host{s.api}, http))
	})

	It("admit, once somebody sets that label, every pod of every namespace that has it", func(ctx SpecContext) {
		s.labelNamespace(ctx, s.monitoring)
		s.labelNamespace(ctx, s.ingressNginx)
		expectOnly(ctx, testbed.Between([]*testbed.Host{s.prometheus, s.grafana, s.ingress}, []*testbed.Host{s.api}, http),
			testbed.Between([]*testbed.Host{s.prometheus}, []*testbed.Host{s.api}, postgres))
	})

	It("put the database's policy wherever kubectl is: the api is kept from the database, and somebody else's is cut off", func(ctx SpecContext) {
		expectOnly(ctx, []testbed.Flow{{From: s.prometheus, To: s.stranger, Port: postgres}},
			[]testbed.Flow{{From: s.api, To: s.postgres, Port: postgres}})
		out, _, err := cluster.Plane.Kubectl(ctx, "apply", "-f", recipePath("db-ingress.yaml"))
		Expect(err).NotTo(HaveOccurred())
		Expect(out).To(ContainSubstring("networkpolicy.networking.k8s.io/db-ingress created"))
		misplaced := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "db-ingress", Namespace: "default"}}
		Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(misplaced), misplaced)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.Client.Delete(ctx, misplaced)).To(Succeed()) })
		expectOnly(ctx, nil, []testbed.Flow{
			{From: s.api, To: s.postgres, Port: postgres}, {From: s.prometheus, To: s.stranger, Port: postgres},
		})
	})

	It("call the database by two labels, so that what carries one of them works for one end only", func(ctx SpecContext) {
		s.apply(ctx, "db-ingress.yaml")
		expectOnly(ctx, []testbed.Flow{
			{From: s.api, To: s.postgres, Port: postgres},
		}, []testbed.Flow{
			{From: s.api, To: s.replica, Port: postgres},     // app: postgres, without tier: database
			{From: s.canary, To: s.postgres, Port: postgres}, // app: api, without tier: api
		})
	})

	It("leave the database's way out to the default deny: without it, the database calls anybody", func(ctx SpecContext) {
		s.apply(ctx, "db-ingress.yaml")
		out := testbed.Between([]*testbed.Host{s.postgres}, []*testbed.Host{s.internet, s.office, s.prometheus}, https, http)
		expectOnly(ctx, nil, out)
		s.remove(ctx, "default-deny-all.yaml")
		expectOnly(ctx, out, []testbed.Flow{{From: s.prometheus, To: s.postgres, Port: postgres}})
	})

	It("are replaced by one profile that names what they add to it, and then lets through what was meant and nothing else", func(ctx SpecContext) {
		s.apply(ctx, "db-ingress.yaml")
		profile := s.applyProfile(ctx)
		expectIsolated(ctx, profile, metav1.ConditionFalse)
		var added []string
		for _, f := range profile.Status.Findings {
			if f.Code == v1alpha1.CodeForeignPolicyWidens {
				added = append(added, f.Message)
			}
		}
		Expect(added).To(ContainElements(
			And(ContainSubstring("NetworkPolicy api-egress"), ContainSubstring("anybody inside the cluster and outside on TCP/53, UDP/53")),
			And(ContainSubstring("NetworkPolicy allow-api-ingress"), ContainSubstring("any pod of namespaces with name=monitoring reach tier api")),
		))
		s.remove(ctx, "default-deny-all.yaml", "allow-api-ingress.yaml", "api-egress.yaml", "db-ingress.yaml")
		expectIsolated(ctx, profile, metav1.ConditionTrue)

		var wanted []testbed.Flow
		for _, client := range []*testbed.Host{s.frontend, s.api, s.canary} { // The database resolves no names.
			wanted = append(wanted, testbed.Between([]*testbed.Host{client}, []*testbed.Host{s.dns}, dnsUDP, dnsTCP)...)
		}
		apis := []*testbed.Host{s.api, s.canary}
		wanted = append(wanted, testbed.Between([]*testbed.Host{s.ingress}, []*testbed.Host{s.frontend}, http)...)
		wanted = append(wanted, testbed.Between([]*testbed.Host{s.frontend, s.prometheus}, apis, http)...)
		wanted = append(wanted, testbed.Between(apis, []*testbed.Host{s.postgres, s.replica}, postgres)...)
		wanted = append(wanted, testbed.Between(apis, []*testbed.Host{s.internet}, https)...)
		var denied []testbed.Flow
		for _, f := range s.allFlows() {
			switch {
			case !isIn(s.production, f.From) && !isIn(s.production, f.To):
				wanted = append(wanted, f)
			case !slices.Contains(wanted, f):
				denied = append(denied, f)
			}
		}
		expectOnly(ctx, wanted, denied)
	})
})

// expectIsolated waits for a profile's condition Isolated, and leaves the profile as it is then.
func expectIsolated(ctx context.Context, profile *v1alpha1.SegmentationProfile, want metav1.ConditionStatus) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(cluster.Client.Get(ctx, client.ObjectKeyFromObject(profile), profile)).To(Succeed())
		isolated := meta.FindStatusCondition(profile.Status.Conditions, v1alpha1.ConditionIsolated)
		g.Expect(isolated).NotTo(BeNil())
		g.Expect(isolated.Status).To(Equal(want), isolated.Message)
	}).Should(Succeed())
}

func recipePath(file string) string {
	return filepath.Join(cluster.Plane.Root(), "test", "dataplane", "testdata", "recipes", file)
}

// readRecipe reads an object from testdata/recipes.
func readRecipe(file string, into client.Object) {
	GinkgoHelper()
	text, err := os.ReadFile(recipePath(file))
	Expect(err).NotTo(HaveOccurred())
	Expect(yaml.UnmarshalStrict(text, into)).To(Succeed())
}
