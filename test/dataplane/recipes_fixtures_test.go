package dataplane_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

// recipeShop is the application that the recipes are written for, and its surroundings. Every host listens on every port.
type recipeShop struct {
	// The namespaces, whose names here have a number: the suite has other shops.
	production, monitoring, ingressNginx string
	// Pods of the application. The canary and the replica are labelled by app alone, the others by tier, too.
	frontend, api, canary, postgres, replica *testbed.Host
	// Pods of others, stranger in the namespace default.
	prometheus, grafana, ingress, dns, stranger *testbed.Host
	// Hosts of the internet, of a private network, and of a provider's network that is no more public (RFC 6598).
	internet, office, carrier *testbed.Host
}

// recipePorts are those that anybody is called at.
func recipePorts() []testbed.Port {
	return []testbed.Port{testbed.TCP(8080), testbed.TCP(5432), testbed.TCP(443), testbed.TCP(53), testbed.UDP(53)}
}

func newRecipeShop(ctx context.Context) *recipeShop {
	GinkgoHelper()
	ports := recipePorts()
	s := &recipeShop{
		production: newNamespace(ctx, "production", nil), monitoring: newNamespace(ctx, "monitoring", nil),
		ingressNginx: newNamespace(ctx, "ingress-nginx", nil),
	}
	run := func(namespace, name string, labels map[string]string) *testbed.Host {
		return runPod(ctx, namespace, name, labels, ports...)
	}
	s.frontend = run(s.production, "frontend", map[string]string{"app": "frontend", "tier": "frontend"})
	s.api = run(s.production, "api", map[string]string{"app": "api", "tier": "api"})
	s.canary = run(s.production, "api-canary", map[string]string{"app": "api"})
	s.postgres = run(s.production, "postgres", map[string]string{"app": "postgres", "tier": "database"})
	s.replica = run(s.production, "postgres-replica", map[string]string{"app": "postgres"})
	s.prometheus = run(s.monitoring, "prometheus", map[string]string{"app.kubernetes.io/name": "prometheus"})
	s.grafana = run(s.monitoring, "grafana", map[string]string{"app.kubernetes.io/name": "grafana"})
	s.ingress = run(s.ingressNginx, "controller", nil)
	s.dns = run("kube-system", newName("dns"), map[string]string{"k8s-app": "kube-dns"})
	s.stranger = run("default", newName("orders-database"), map[string]string{"tier": "database"})
	s.internet = outside(ctx, "internet", "203.0.113.10", ports...)
	s.office = outside(ctx, "office", "192.168.50.10", ports...)
	s.carrier = outside(ctx, "carrier", "100.64.0.10", ports...)
	expectOpen(ctx, s.allFlows())
	return s
}

// allFlows are those between any two hosts.
func (s *recipeShop) allFlows() []testbed.Flow {
	hosts := []*testbed.Host{
		s.frontend, s.api, s.canary, s.postgres, s.replica, s.prometheus, s.grafana, s.ingress, s.dns, s.stranger,
		s.internet, s.office, s.carrier,
	}
	return testbed.Between(hosts, hosts, recipePorts()...)
}

// policy reads a recipe, for the application's namespace.
func (s *recipeShop) policy(file string) *networkingv1.NetworkPolicy {
	GinkgoHelper()
	p := &networkingv1.NetworkPolicy{}
	readRecipe(file, p)
	p.Namespace = s.production
	return p
}

// apply creates policies, which are deleted when the spec ends.
func (s *recipeShop) apply(ctx context.Context, files ...string) {
	GinkgoHelper()
	for _, file := range files {
		create(ctx, s.policy(file))
	}
}

// remove deletes policies, which are there again when the spec has ended.
func (s *recipeShop) remove(ctx context.Context, files ...string) {
	GinkgoHelper()
	for _, file := range files {
		deleteNow(ctx, s.policy(file))
		DeferCleanup(func(ctx SpecContext) { Expect(cluster.Client.Create(ctx, s.policy(file))).To(Succeed()) })
	}
}

// applyProfile creates the profile that is meant instead of the recipes, and waits until its policies are there.
func (s *recipeShop) applyProfile(ctx context.Context) *v1alpha1.SegmentationProfile {
	GinkgoHelper()
	p := &v1alpha1.SegmentationProfile{}
	readRecipe("profile.yaml", p)
	p.Namespace = s.production
	here := map[string]string{"monitoring": s.monitoring, "ingress-nginx": s.ingressNginx}
	for _, entry := range p.Spec.Allow {
		for _, peer := range entry.From {
			if peer.Pods != nil {
				for i, name := range peer.Pods.Namespaces {
					peer.Pods.Namespaces[i] = here[name]
				}
			}
		}
	}
	create(ctx, p)
	expectReady(ctx, p)
	return p
}

// labelNamespace sets the label "name" of a namespace to monitoring, until the spec ends.
func (s *recipeShop) labelNamespace(ctx context.Context, namespace string) {
	GinkgoHelper()
	set := func(ctx context.Context, value string) error {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		return cluster.Client.Patch(ctx, ns, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"name":`+value+`}}}`)))
	}
	Expect(set(ctx, `"monitoring"`)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(set(ctx, `null`)).To(Succeed()) })
}
