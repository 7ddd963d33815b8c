// Package networkpolicy compares NetworkPolicies by what they mean, not by how they are written: the API server's
// defaults made explicit, lists sorted, double items removed. It knows nothing of profiles.
package networkpolicy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/selector"
)

// Canonical returns the spec with the API server's defaults made explicit (k8s.io/api/networking/v1: protocol TCP;
// policyTypes Ingress, and Egress where there are egress rules), selectors canonical, and every list sorted without
// double items. It means the same, and specs that mean the same in this sense become deeply equal. The input is not
// changed.
func Canonical(spec networkingv1.NetworkPolicySpec) networkingv1.NetworkPolicySpec {
	out := networkingv1.NetworkPolicySpec{
		PodSelector: *selector.Canonical(&spec.PodSelector),
		PolicyTypes: canonicalTypes(spec),
	}
	for _, rule := range spec.Ingress {
		out.Ingress = append(out.Ingress, networkingv1.NetworkPolicyIngressRule{
			From: canonicalPeers(rule.From), Ports: canonicalPorts(rule.Ports),
		})
	}
	for _, rule := range spec.Egress {
		out.Egress = append(out.Egress, networkingv1.NetworkPolicyEgressRule{
			To: canonicalPeers(rule.To), Ports: canonicalPorts(rule.Ports),
		})
	}
	out.Ingress = sortUnique(out.Ingress, appendIngress)
	out.Egress = sortUnique(out.Egress, appendEgress)
	return out
}

func canonicalTypes(spec networkingv1.NetworkPolicySpec) []networkingv1.PolicyType {
	if len(spec.PolicyTypes) == 0 {
		if len(spec.Egress) > 0 {
			return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
		}
		return []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	}
	types := slices.Clone(spec.PolicyTypes)
	// Ingress before Egress, as people write it.
	slices.SortFunc(types, func(a, b networkingv1.PolicyType) int { return cmp.Compare(b, a) })
	return slices.Compact(types)
}

// canonicalPeers keeps nil apart from nothing else: an empty list and a missing one both mean everybody.
func canonicalPeers(peers []networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
	if len(peers) == 0 {
		return nil
	}
	out := make([]networkingv1.NetworkPolicyPeer, 0, len(peers))
	for _, p := range peers {
		peer := networkingv1.NetworkPolicyPeer{
			PodSelector:       selector.Canonical(p.PodSelector),
			NamespaceSelector: selector.Canonical(p.NamespaceSelector),
		}
		if p.IPBlock != nil {
			peer.IPBlock = &networkingv1.IPBlock{CIDR: p.IPBlock.CIDR}
			if len(p.IPBlock.Except) > 0 {
				peer.IPBlock.Except = slices.Clone(p.IPBlock.Except)
				slices.Sort(peer.IPBlock.Except)
				peer.IPBlock.Except = slices.Compact(peer.IPBlock.Except)
			}
		}
		out = append(out, peer)
	}
	return sortUnique(out, appendPeer)
}

func canonicalPorts(ports []networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort {
	if len(ports) == 0 {
		return nil
	}
	out := make([]networkingv1.NetworkPolicyPort, 0, len(ports))
	for i := range ports {
		port := *ports[i].DeepCopy()
		if port.Protocol == nil {
			tcp := corev1.ProtocolTCP
			port.Protocol = &tcp
		}
		if port.EndPort != nil && port.Port != nil && *port.EndPort == port.Port.IntVal {
			// A range of one port is that port.
			port.EndPort = nil
		}
		out = append(out, port)
	}
	return sortUnique(out, appendPort)
}

// sortUnique sorts by what is appended for an item and removes items for which the same is. It changes its argument.
func sortUnique[T any](items []T, appendItem func([]byte, *T) []byte) []T {
	if len(items) < 2 {
		return items
	}
	type keyed struct {
		key  string
		item T
	}
	list := make([]keyed, 0, len(items))
	buffer := room()
	for i := range items {
		buffer = appendItem(buffer[:0], &items[i])
		list = append(list, keyed{string(buffer), items[i]})
	}
	slices.SortFunc(list, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	out := items[:0]
	for i, k := range list {
		if i == 0 || k.key != list[i-1].key {
			out = append(out, k.item)
		}
	}
	return slices.Clip(out)
}

// Key returns a text that is equal for canonical parts of a NetworkPolicy that mean the same, and for those only: their
// JSON, in which maps are sorted.
func Key(v any) string {
	switch v := v.(type) {
	case networkingv1.NetworkPolicySpec:
		return string(appendSpec(room(), &v))
	case networkingv1.NetworkPolicyIngressRule:
		return string(appendIngress(room(), &v))
	case networkingv1.NetworkPolicyEgressRule:
		return string(appendEgress(room(), &v))
	case networkingv1.NetworkPolicyPeer:
		return string(appendPeer(room(), &v))
	case networkingv1.NetworkPolicyPort:
		return string(appendPort(room(), &v))
	}
	return string(encoded(v))
}

// PeerKey is Key of a peer.
func PeerKey(peer *networkingv1.NetworkPolicyPeer) string { return string(appendPeer(room(), peer)) }

// PeersKey returns a text that is equal for lists of peers that mean the same, in whatever order.
func PeersKey(peers []networkingv1.NetworkPolicyPeer) string {
	return string(appendList(room(), canonicalPeers(peers), appendPeer))
}

// Hash returns a digest of the canonical form, 16 hexadecimal digits: equal for specs that mean the same.
func Hash(spec networkingv1.NetworkPolicySpec) string { return HashOfCanonical(Canonical(spec)) }

// HashOfCanonical is Hash of a spec that is canonical already.
func HashOfCanonical(spec networkingv1.NetworkPolicySpec) string {
	sum := sha256.Sum256(appendSpec(room(), &spec))
	return hex.EncodeToString(sum[:8])
}

// SelectorHash returns a short digest of a selector's canonical form, 8 hexadecimal digits, fit for a name.
func SelectorHash(s metav1.LabelSelector) string {
	canonical := &s
	if len(s.MatchExpressions) > 0 {
		canonical = selector.Canonical(&s)
	}
	sum := sha256.Sum256(appendSelector(room(), canonical))
	return hex.EncodeToString(sum[:4])
}
