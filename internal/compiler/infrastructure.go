package compiler

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// apiServerAsDestination returns the API server by every address under which a network plugin may see it: its Service's
// addresses with the Service's ports, and each endpoint with its own.
func (c *compilation) apiServerAsDestination(place string) []target {
	var out []target
	for _, s := range c.servicesNamed(snapshot.APIServerService()) {
		var ports []v1alpha1.Port
		for _, p := range s.Spec.Ports {
			ports = append(ports, v1alpha1.Port{Port: intstr.FromInt32(p.Port), Protocol: cmp.Or(p.Protocol, corev1.ProtocolTCP)})
		}
		out = append(out, target{hosts(serviceAddresses(s)), ports})
	}
	if isUnresolved(out) {
		c.find(v1alpha1.CodeUnresolvedPeer, place, "The Service of the API server, %s, was not found or has no address; pods that reach the API server by it may be cut off.", snapshot.APIServerService())
	}
	return append(out, c.apiServerEndpoints(place)...)
}

// apiServerEndpoints returns the API server's own addresses. As a source, which calls webhooks for instance, it has no
// other. Those of pods are left out: EndpointSlices in namespace default may be written by others, too.
func (c *compilation) apiServerEndpoints(place string) []target {
	var out []target
	listed := c.endpointsOf(snapshot.APIServerService())
	for _, e := range listed.groups {
		out = append(out, target{hosts(e.addresses), e.ports})
	}
	listed.findLeftOut("the API server's Service "+snapshot.APIServerService().String(), "if the API server runs in pods, as that of a virtual cluster may, refer to it by pods or ipBlocks", place, c.find)
	if isUnresolved(out) {
		c.find(v1alpha1.CodeUnresolvedPeer, place, "No EndpointSlice of the API server's Service %s gives an address, so its own addresses are not allowed here.", snapshot.APIServerService())
	}
	return out
}

func isUnresolved(targets []target) bool {
	return !slices.ContainsFunc(targets, func(t target) bool { return !t.peers.isEmpty() })
}

// resolveNodes returns the addresses of nodes: those of each node, joined where several make up a range exactly, or the
// ranges that the operator was told when all nodes are meant.
func (c *compilation) resolveNodes(p v1alpha1.NodesPeer, place string) peerSet {
	if c.options.NodesByRange(p) {
		return prefixes(c.options.NodeCIDRs)
	}
	meant, err := selector.Compile(selector.FromAPI(p.NodeSelector))
	if err != nil {
		return peerSet{} // validation has refused a selector that cannot be read
	}
	var addresses []netip.Prefix
	for _, node := range c.facts.Nodes {
		if p.NodeSelector != nil && !meant.Matches(labels.Set(node.Labels)) {
			continue
		}
		for _, addr := range node.Addresses {
			addresses = append(addresses, ipset.Host(addr))
		}
	}
	if len(addresses) == 0 {
		c.find(v1alpha1.CodeUnresolvedPeer, place, "No node that is meant has an internal address, so nothing is allowed here; compare nodeSelector with kubectl get nodes --show-labels.")
	}
	return prefixes(addresses)
}

// prefixes returns ipBlocks for ranges, joined where possible.
func prefixes(list []netip.Prefix) peerSet {
	var set peerSet
	for _, p := range ipset.Aggregate(list) {
		set.peers = append(set.peers, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: p.String()}})
	}
	return set
}
