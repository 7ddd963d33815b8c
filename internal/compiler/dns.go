package compiler

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

const dnsPort = 53

// dnsFlows returns what a tier needs to resolve names, and nothing besides.
func (c *compilation) dnsFlows(tier v1alpha1.ClusterTier) []flow {
	switch cmp.Or(tier.DNS, c.profile.DNS) {
	case v1alpha1.DNSNone:
		return nil
	case v1alpha1.DNSAny:
		c.find(v1alpha1.CodeDNSAnywhere, "tier "+tier.Name, "Port 53 is open to any address, which is a way out for data; use dns: Cluster and an allow entry for the name servers that are needed.")
		anywhere := flow{
			direction: networkpolicy.Egress, peers: peerSet{everyone: true}, ports: dnsPorts(intstr.FromInt32(dnsPort)),
			purpose: "DNS: connects to anywhere on port 53.",
		}
		return append(c.clusterDNS(), anywhere)
	default:
		return c.clusterDNS()
	}
}

// clusterDNS opens the cluster's DNS by every address under which a network plugin may see it: the pods by their
// Service's selector at the target port, the Service's addresses, and the node-local cache, which runs on the host
// network where only an address matches.
func (c *compilation) clusterDNS() []flow {
	// The same for every tier.
	if c.dns == nil {
		c.dns = slices.Clip(c.resolveDNS())
	}
	return c.dns
}

func (c *compilation) resolveDNS() []flow {
	c.read(snapshot.Fact{Kind: snapshot.FactDNS})
	services := c.findDNS()
	var flows []flow
	for _, s := range services {
		flows = append(flows, dnsServiceFlows(s)...)
	}
	if len(flows) == 0 {
		c.find(v1alpha1.CodeDNSNotFound, "dns", "No DNS Service was found, so the usual pods (k8s-app=kube-dns in kube-system, port 53) are assumed; say where it is with --dns-service.")
		flows = append(flows, usualDNS())
	}
	if len(c.options.NodeLocalDNS) > 0 {
		flows = append(flows, flow{
			direction: networkpolicy.Egress, peers: hosts(c.options.NodeLocalDNS), ports: dnsPorts(intstr.FromInt32(dnsPort)),
		})
	}
	flows[0].purpose = "DNS: connects to the cluster's DNS."
	return flows
}

// findDNS returns the Services that are the cluster's DNS: those that the operator was told, else kube-system/kube-dns,
// else the Services of kube-system labelled k8s-app=kube-dns, else OpenShift's openshift-dns/dns-default. Sorted.
func (c *compilation) findDNS() []corev1.Service {
	if told := c.options.DNSServices; len(told) > 0 {
		return c.toldDNS(told)
	}
	if found := c.servicesNamed(types.NamespacedName{Namespace: metav1.NamespaceSystem, Name: "kube-dns"}); len(found) > 0 {
		return found
	}
	var labelled []corev1.Service
	for _, s := range c.facts.Services {
		if s.Namespace == metav1.NamespaceSystem && s.Labels["k8s-app"] == "kube-dns" && len(servedDNSPorts(s)) > 0 {
			labelled = append(labelled, s)
		}
	}
	if len(labelled) > 0 {
		slices.SortFunc(labelled, func(a, b corev1.Service) int { return cmp.Compare(a.Name, b.Name) })
		return labelled
	}
	return c.servicesNamed(types.NamespacedName{Namespace: "openshift-dns", Name: "dns-default"})
}

func (c *compilation) toldDNS(names []types.NamespacedName) []corev1.Service {
	var out []corev1.Service
	for _, name := range names {
		found := c.servicesNamed(name)
		if len(found) == 0 {
			c.find(v1alpha1.CodeDNSNotFound, "dns", "The DNS Service %s, named by --dns-service, does not exist; create it or correct the flag.", name)
		}
		out = append(out, found...)
	}
	return out
}

func (c *compilation) servicesNamed(names ...types.NamespacedName) []corev1.Service {
	var out []corev1.Service
	for _, name := range names {
		for _, s := range c.facts.Services {
			if s.Namespace == name.Namespace && s.Name == name.Name {
				out = append(out, s)
			}
		}
	}
	return out
}

// servedDNSPorts returns the ports of a Service that are DNS: port 53 over UDP or TCP. Others, such as metrics, are not
// opened.
func servedDNSPorts(s corev1.Service) []corev1.ServicePort {
	var out []corev1.ServicePort
	for _, p := range s.Spec.Ports {
		p.Protocol = cmp.Or(p.Protocol, corev1.ProtocolTCP)
		if p.Port == dnsPort && p.Protocol != corev1.ProtocolSCTP {
			out = append(out, p)
		}
	}
	return out
}

func dnsServiceFlows(s corev1.Service) []flow {
	served := servedDNSPorts(s)
	if len(served) == 0 {
		return nil
	}
	var pods, addresses []v1alpha1.Port
	for _, p := range served {
		pods = append(pods, v1alpha1.Port{Port: targetPort(p), Protocol: p.Protocol})
		addresses = append(addresses, v1alpha1.Port{Port: intstr.FromInt32(p.Port), Protocol: p.Protocol})
	}
	var flows []flow
	if len(s.Spec.Selector) > 0 {
		flows = append(flows, flow{direction: networkpolicy.Egress, ports: pods, peers: podsIn(s.Namespace, s.Spec.Selector)})
	}
	if vips := hosts(serviceAddresses(s)); !vips.isEmpty() {
		flows = append(flows, flow{direction: networkpolicy.Egress, ports: addresses, peers: vips})
	}
	return flows
}

func usualDNS() flow {
	return flow{
		direction: networkpolicy.Egress, ports: dnsPorts(intstr.FromInt32(dnsPort)),
		peers: podsIn(metav1.NamespaceSystem, map[string]string{"k8s-app": "kube-dns"}),
	}
}

func dnsPorts(port intstr.IntOrString) []v1alpha1.Port {
	return []v1alpha1.Port{{Port: port, Protocol: corev1.ProtocolUDP}, {Port: port, Protocol: corev1.ProtocolTCP}}
}

func podsIn(namespace string, labels map[string]string) peerSet {
	return peerSet{peers: []networkingv1.NetworkPolicyPeer{{
		NamespaceSelector: selector.NamespaceNames(namespace),
		PodSelector:       &metav1.LabelSelector{MatchLabels: labels},
	}}}
}

// serviceAddresses returns the cluster addresses of a Service, of both families; a headless Service has none.
func serviceAddresses(s corev1.Service) []netip.Addr {
	addresses := s.Spec.ClusterIPs
	if len(addresses) == 0 {
		addresses = []string{s.Spec.ClusterIP}
	}
	var out []netip.Addr
	for _, text := range addresses {
		if addr, err := netip.ParseAddr(text); err == nil {
			out = append(out, addr)
		}
	}
	return out
}

func hosts(addresses []netip.Addr) peerSet {
	var set peerSet
	for _, addr := range addresses {
		set.peers = append(set.peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: ipset.Host(addr).String()}})
	}
	return set
}
