package dataplane_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/test/dataplane/testbed"
)

var _ = Describe("A tier's ports", func() {
	It("are of one protocol each, and a range has both its ends in it and no more", func(ctx SpecContext) {
		ns := newNamespace(ctx, "ports", nil)
		open := []testbed.Port{testbed.UDP(514), testbed.UDP(7777), testbed.TCP(30000), testbed.TCP(30003), testbed.TCP(30005), testbed.UDP(40000), testbed.UDP(40001)}
		// The same number of the other protocol, and the neighbours of a range. 5000 is open for SCTP, which no packet here is.
		closed := []testbed.Port{
			testbed.TCP(514), testbed.TCP(7777), testbed.TCP(5000), testbed.UDP(5000),
			testbed.TCP(29999), testbed.TCP(30006), testbed.UDP(30003),
			testbed.UDP(39999), testbed.UDP(40002), testbed.TCP(40001),
		}
		server := []*testbed.Host{runPod(ctx, ns, "server", app("server"), append(open, closed...)...)}
		client := []*testbed.Host{runPod(ctx, ns, "client", app("client"))}
		other := []*testbed.Host{runPod(ctx, ns, "other", app("other"))}
		passing := testbed.Between(client, server, open...)
		never := append(testbed.Between(client, server, closed...), testbed.Between(other, server, append(open, closed...)...)...)
		expectOpen(ctx, append(never, passing...))

		newProfile(ctx, ns, "ports", `
tiers:
- {name: client, podSelector: {matchLabels: {app: client}}}
- name: server
  podSelector: {matchLabels: {app: server}}
  ports:
  - {port: 514, protocol: UDP}
  - {port: 7777, protocol: UDP}
  - {port: 5000, protocol: SCTP}
  - {port: 30000, endPort: 30005}
  - {port: 40000, endPort: 40001, protocol: UDP}
allow: [{name: all, from: [{tier: client}], to: [{tier: server}]}]
`)
		expectOnly(ctx, passing, never)
		// One policy says so where it leaves, one where it arrives.
		Expect(policiesWithSCTP(ctx, ns)).To(ConsistOf("egress 5000", "ingress 5000"))
	})

	It("have one name and, at each pod, the number and protocol of its own", func(ctx SpecContext) {
		ns := newNamespace(ctx, "named", nil)
		ports := []testbed.Port{testbed.TCP(9100), testbed.TCP(9200), testbed.TCP(9300), testbed.UDP(9300)}
		exporter := func(name string, named ...corev1.ContainerPort) *testbed.Host {
			pod := podOf(ns, name, named...)
			pod.Labels = app("exporter")
			return runPodOf(ctx, pod, ports...)
		}
		node := exporter("node", corev1.ContainerPort{Name: "metrics", ContainerPort: 9100})
		database := exporter("database", corev1.ContainerPort{Name: "metrics", ContainerPort: 9200})
		// A port of this name, but of UDP, and one that has another name.
		datagrams := exporter("datagrams", corev1.ContainerPort{Name: "metrics", ContainerPort: 9300, Protocol: corev1.ProtocolUDP},
			corev1.ContainerPort{Name: "http", ContainerPort: 9100})
		nameless := exporter("nameless")
		prometheus := runPod(ctx, ns, "prometheus", app("prometheus"))
		flows := testbed.Between([]*testbed.Host{prometheus}, []*testbed.Host{node, database, datagrams, nameless}, ports...)
		expectOpen(ctx, flows)

		newProfile(ctx, ns, "metrics", `
tiers:
- {name: prometheus, podSelector: {matchLabels: {app: prometheus}}}
- {name: exporters, podSelector: {matchLabels: {app: exporter}}, ports: [{port: metrics}]}
allow: [{name: scraping, from: [{tier: prometheus}], to: [{tier: exporters}]}]
`)
		expectTraffic(ctx, flows,
			testbed.Flow{From: prometheus, To: node, Port: testbed.TCP(9100)}.String(),
			testbed.Flow{From: prometheus, To: database, Port: testbed.TCP(9200)}.String())
	})
})

// policiesWithSCTP returns the SCTP ports that the policies of a namespace open, as the API server has them.
func policiesWithSCTP(ctx context.Context, namespace string) []string {
	GinkgoHelper()
	var policies networkingv1.NetworkPolicyList
	Expect(cluster.Client.List(ctx, &policies, client.InNamespace(namespace))).To(Succeed())
	var out []string
	note := func(direction string, ports []networkingv1.NetworkPolicyPort) {
		for _, p := range ports {
			if *p.Protocol == corev1.ProtocolSCTP {
				out = append(out, direction+" "+p.Port.String())
			}
		}
	}
	for _, p := range policies.Items {
		for _, rule := range p.Spec.Egress {
			note("egress", rule.Ports)
		}
		for _, rule := range p.Spec.Ingress {
			note("ingress", rule.Ports)
		}
	}
	return out
}
