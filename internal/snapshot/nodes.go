package snapshot

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/ipset"
)

// Node is a node.
type Node struct {
	Name   string
	Labels map[string]string
	// Addresses are the internal ones (NodeInternalIP), of both families.
	Addresses []netip.Addr
}

// FromNode reads a node. The result shares the labels with it.
func FromNode(node *corev1.Node) Node {
	return Node{Name: node.Name, Labels: node.Labels, Addresses: internalAddresses(node)}
}

// internalAddresses returns the internal addresses of a node, in its own order.
func internalAddresses(node *corev1.Node) []netip.Addr {
	var out []netip.Addr
	for _, a := range node.Status.Addresses {
		if addr, err := netip.ParseAddr(a.Address); err == nil && a.Type == corev1.NodeInternalIP {
			out = append(out, addr.Unmap())
		}
	}
	return out
}

// PublicRangesOfNode returns the public ranges that a node brings into the cluster: those of its pods and its own internal
// addresses. In most clusters there are none.
func PublicRangesOfNode(node *corev1.Node) []netip.Prefix {
	var out []netip.Prefix
	for _, addr := range internalAddresses(node) {
		out = append(out, ipset.Host(addr))
	}
	cidrs := node.Spec.PodCIDRs
	if len(cidrs) == 0 && node.Spec.PodCIDR != "" {
		cidrs = []string{node.Spec.PodCIDR}
	}
	return public(append(out, parsePrefixes(cidrs)...))
}

// PublicRangesOfServices returns the public ranges among those that Services get their addresses from.
func PublicRangesOfServices(s *networkingv1.ServiceCIDR) []netip.Prefix {
	return public(parsePrefixes(s.Spec.CIDRs))
}

func parsePrefixes(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range list {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}

func public(list []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(list, func(p netip.Prefix) bool { return !ipset.Public(p) })
}
