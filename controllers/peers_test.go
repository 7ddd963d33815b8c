package controllers_test

import (
	"context"
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
)

// oneTier returns the spec of a profile with tier app, which has one entry.
func oneTier(entry string) string {
	return "dns: None\ntiers: [{name: app, podSelector: {matchLabels: {app: app}}, ports: [{port: 8080}]}]\nallow: [{name: entry, " + entry + "}]"
}

// rules returns what the policy of tier app opens, one line for each peer and port, sorted: "egress 192.0.2.1/32 TCP 443".
func rules(ctx context.Context, namespace string) []string {
	GinkgoHelper()
	out := []string{}
	add := func(direction string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
		Expect(peers).NotTo(BeEmpty(), "a rule without peers admits everybody")
		Expect(ports).NotTo(BeEmpty(), "a rule without ports admits every port")
		for _, peer := range peers {
			who := networkpolicy.Key(peer)
			if peer.IPBlock != nil {
				who = peer.IPBlock.CIDR
			}
			for _, port := range ports {
				out = append(out, fmt.Sprintf("%s %s %s %s", direction, who, *port.Protocol, port.Port.String()))
			}
		}
	}
	spec := policyOf(ctx, namespace, "app").Spec
	for _, rule := range spec.Ingress {
		add("ingress", rule.From, rule.Ports)
	}
	for _, rule := range spec.Egress {
		add("egress", rule.To, rule.Ports)
	}
	slices.Sort(out)
	return out
}

// pods is a peer as rules shows it: the pods of another namespace with a label app.
func pods(namespace, app string) string {
	return networkpolicy.Key(networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
		PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
	})
}

var _ = Describe("A peer that is looked up", func() {
	unresolved := func(ctx context.Context, p *v1alpha1.SegmentationProfile, text string) {
		GinkgoHelper()
		Eventually(func() string { return condition(ctx, p, "ResolvedRefs") }).Should(Equal("False/UnresolvedPeer"))
		Eventually(func() string { return message(ctx, p, "ResolvedRefs") }).Should(ContainSubstring(text))
		expectReady(ctx, p)
	}
	resolved := func(ctx context.Context, p *v1alpha1.SegmentationProfile) {
		GinkgoHelper()
		Eventually(func() string { return condition(ctx, p, "ResolvedRefs") }).Should(Equal("True/Resolved"))
	}

	It("as a remote tier is nobody until it is declared, and is followed as it changes", func(ctx SpecContext) {
		here, there := newNamespace(ctx, nil), newNamespace(ctx, nil)
		p := newProfile(ctx, here, "shop", oneTier(fmt.Sprintf("from: [{tier: app}], to: [{remoteTier: {namespace: %s, profile: pay, tier: web}}]", there)))
		unresolved(ctx, p, "There is no SegmentationProfile "+there+"/pay")
		Expect(rules(ctx, here)).To(BeEmpty())

		remote := newProfile(ctx, there, "pay", twoTiers)
		resolved(ctx, p)
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf("egress " + pods(there, "web") + " TCP 8080"))

		change(ctx, remote, func(r *v1alpha1.SegmentationProfile) {
			r.Spec.Tiers[0].PodSelector.MatchLabels["app"] = "web-v2"
			r.Spec.Tiers[0].Ports[0].Port = intstr.FromInt32(9090)
		})
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf("egress " + pods(there, "web-v2") + " TCP 9090"))

		remove(ctx, remote)
		unresolved(ctx, p, "There is no SegmentationProfile")
		Eventually(func() []string { return rules(ctx, here) }).Should(BeEmpty())
	})

	It("as a Service is its pods at their own port, and is followed as it changes", func(ctx SpecContext) {
		here, there := newNamespace(ctx, nil), newNamespace(ctx, nil)
		p := newProfile(ctx, here, "shop", oneTier(fmt.Sprintf("from: [{tier: app}], to: [{service: {namespace: %s, name: cache}}]", there)))
		unresolved(ctx, p, "There is no Service "+there+"/cache")

		s := create(ctx, service(there, "cache", corev1.ServiceSpec{
			Selector: map[string]string{"app": "redis"}, Ports: []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(6379)}},
		}))
		resolved(ctx, p)
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf("egress " + pods(there, "redis") + " TCP 6379"))

		change(ctx, s, func(s *corev1.Service) {
			s.Spec.Selector["app"], s.Spec.Ports[0].TargetPort = "valkey", intstr.FromString("db")
		})
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf("egress " + pods(there, "valkey") + " TCP db"))

		change(ctx, s, func(s *corev1.Service) {
			s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "cache.example.com"}
		})
		unresolved(ctx, p, "only a name for cache.example.com")
		Eventually(func() []string { return rules(ctx, here) }).Should(BeEmpty())
	})

	It("as a Service without selector is its endpoints, but for those that are pods", func(ctx SpecContext) {
		here := newNamespace(ctx, nil)
		create(ctx, service(here, "legacy", corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 1521}}}))
		slice := create(ctx, endpointSlice(here, "legacy", 1521, "192.0.2.7", "10.44.0.9"))
		p := newProfile(ctx, here, "shop", oneTier("from: [{tier: app}], to: [{service: {name: legacy}}]"))
		expectReady(ctx, p)
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf("egress 192.0.2.7/32 TCP 1521", "egress 10.44.0.9/32 TCP 1521"))
		resolved(ctx, p)
		Eventually(func() []v1alpha1.Finding { return status(ctx, p).Findings }).Should(ContainElement(HaveField("Code", v1alpha1.CodeServiceWithoutSelector)))

		pod := create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: newNamespace(ctx, nil), Name: "victim"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "c"}}},
		})
		changeStatus(ctx, pod, func(p *corev1.Pod) { p.Status.PodIP, p.Status.PodIPs = "10.44.0.9", []corev1.PodIP{{IP: "10.44.0.9"}} })
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf("egress 192.0.2.7/32 TCP 1521"))
		unresolved(ctx, p, "10.44.0.9")

		changeStatus(ctx, pod, func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
		Eventually(func() []string { return rules(ctx, here) }).Should(HaveLen(2))

		change(ctx, slice, func(s *discoveryv1.EndpointSlice) { s.Endpoints = s.Endpoints[:0] })
		unresolved(ctx, p, "no EndpointSlice gives it an address")
		Eventually(func() []string { return rules(ctx, here) }).Should(BeEmpty())
	})

	It("as a Service that has lost its selector is not the pods that Kubernetes listed for it before", func(ctx SpecContext) {
		here := newNamespace(ctx, nil)
		s := create(ctx, service(here, "cache", corev1.ServiceSpec{
			Selector: map[string]string{"app": "redis"}, Ports: []corev1.ServicePort{{Port: 6379}},
		}))
		left := endpointSlice(here, "cache", 6379, "192.0.2.66")
		left.Labels[discoveryv1.LabelManagedBy] = "endpointslice-controller.k8s.io"
		create(ctx, left)
		p := newProfile(ctx, here, "shop", oneTier("from: [{tier: app}], to: [{service: {name: cache}}]"))
		resolved(ctx, p)

		change(ctx, s, func(s *corev1.Service) { s.Spec.Selector = nil })
		unresolved(ctx, p, "no EndpointSlice gives it an address")
		Eventually(func() []string { return rules(ctx, here) }).Should(BeEmpty())
		create(ctx, endpointSlice(here, "cache", 6379, "192.0.2.7"))
		resolved(ctx, p)
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf("egress 192.0.2.7/32 TCP 6379"))
	})

	It("as the API server is its Service and its endpoints, each on its own port", func(ctx SpecContext) {
		here := newNamespace(ctx, nil)
		p := newProfile(ctx, here, "shop", oneTier("from: [{tier: app}], to: [{kubeAPIServer: {}}]"))
		resolved(ctx, p)
		var s corev1.Service
		var slices discoveryv1.EndpointSlice
		Expect(k8s.Get(ctx, types.NamespacedName{Namespace: "default", Name: "kubernetes"}, &s)).To(Succeed())
		Expect(k8s.Get(ctx, types.NamespacedName{Namespace: "default", Name: "kubernetes"}, &slices)).To(Succeed())
		vip := fmt.Sprintf("egress %s/32 TCP 443", s.Spec.ClusterIP)
		endpoint := fmt.Sprintf("egress %s/32 TCP %d", slices.Endpoints[0].Addresses[0], *slices.Ports[0].Port)
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf(vip, endpoint))

		create(ctx, endpointSlice("default", "kubernetes", 7443, "192.168.88.2"))
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf(vip, endpoint, "egress 192.168.88.2/32 TCP 7443"))

		setSpec(ctx, p, oneTier("from: [{kubeAPIServer: {}}], to: [{tier: app}]"))
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf(
			fmt.Sprintf("ingress %s/32 TCP 8080", slices.Endpoints[0].Addresses[0]), "ingress 192.168.88.2/32 TCP 8080"))
	})

	It("as nodes is their addresses, and is followed as they come, change and go", func(ctx SpecContext) {
		here := newNamespace(ctx, nil)
		p := newProfile(ctx, here, "shop", oneTier("from: [{nodes: {nodeSelector: {matchLabels: {pool: edge}}}}], to: [{tier: app}]"))
		unresolved(ctx, p, "No node that is meant has an internal address")
		first := newNode(ctx, map[string]string{"pool": "edge"}, "192.168.99.2")
		newNode(ctx, map[string]string{"pool": "inner"}, "192.168.99.9")
		resolved(ctx, p)
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf("ingress 192.168.99.2/32 TCP 8080"))
		second := newNode(ctx, map[string]string{"pool": "edge"}, "192.168.99.3")
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf("ingress 192.168.99.2/31 TCP 8080"), "neighbours are one range")
		change(ctx, first, func(n *corev1.Node) { n.Labels["pool"] = "inner" })
		Eventually(func() []string { return rules(ctx, here) }).Should(ConsistOf("ingress 192.168.99.3/32 TCP 8080"))
		remove(ctx, second)
		unresolved(ctx, p, "No node")
		Eventually(func() []string { return rules(ctx, here) }).Should(BeEmpty())
	})

	It("as the internet leaves out public addresses that are the cluster's own", func(ctx SpecContext) {
		here := newNamespace(ctx, nil)
		p := newProfile(ctx, here, "shop", oneTier("from: [{tier: app}], to: [{internet: {}}], ports: [{port: 443}]"))
		expectReady(ctx, p)
		excepts := func() []string {
			GinkgoHelper()
			return policyOf(ctx, here, "app").Spec.Egress[0].To[0].IPBlock.Except
		}
		usual := len(excepts())
		node := newNode(ctx, nil, "198.51.100.9")
		Eventually(excepts).Should(ContainElement("198.51.100.9/32"))
		create(ctx, &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: newName("cidr")}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"192.0.2.128/25"}}})
		Eventually(excepts).Should(ContainElements("198.51.100.9/32", "192.0.2.128/25"))
		remove(ctx, node)
		Eventually(excepts).Should(HaveLen(usual + 1))
	})
})
