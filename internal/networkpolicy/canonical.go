// Package networkpolicy compares NetworkPolicies by what they mean, not by how they are written: the API server's
// defaults made explicit, lists sorted, double items removed. It knows nothing of profiles.
package networkpolicy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	out.Ingress = sortUnique(out.Ingress, func(r networkingv1.NetworkPolicyIngressRule) string { return Key(r) })
	out.Egress = sortUnique(out.Egress, func(r networkingv1.NetworkPolicyEgressRule) string { return Key(r) })
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
	var out []networkingv1.NetworkPolicyPeer
	for _, p := range peers {
		peer := networkingv1.NetworkPolicyPeer{
			PodSelector:       selector.Canonical(p.PodSelector),
			NamespaceSelector: selector.Canonical(p.NamespaceSelector),
		}
		if p.IPBlock != nil {
			peer.IPBlock = &networkingv1.IPBlock{CIDR: p.IPBlock.CIDR}
			if len(p.IPBlock.Except) > 0 {
				peer.IPBlock.Except = slices.Compact(slices.Sorted(slices.Values(p.IPBlock.Except)))
			}
		}
		out = append(out, peer)
	}
	return sortUnique(out, func(p networkingv1.NetworkPolicyPeer) string { return Key(p) })
}

func canonicalPorts(ports []networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for _, p := range ports {
		port := *p.DeepCopy()
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
	return sortUnique(out, func(p networkingv1.NetworkPolicyPort) string { return Key(p) })
}

// sortUnique sorts by key and removes items with equal keys. Keys are computed once an item.
func sortUnique[T any](items []T, keyOf func(T) string) []T {
	if len(items) == 0 {
		return nil
	}
	type keyed struct {
		key  string
		item T
	}
	list := make([]keyed, 0, len(items))
	for _, item := range items {
		list = append(list, keyed{keyOf(item), item})
	}
	slices.SortFunc(list, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	out := make([]T, 0, len(list))
	for i, k := range list {
		if i == 0 || k.key != list[i-1].key {
			out = append(out, k.item)
		}
	}
	return out
}

// Key returns a text that is equal for canonical parts of a NetworkPolicy that mean the same, and for those only: their
// JSON, in which maps are sorted.
func Key(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		// Every type here is a plain API struct; JSON cannot refuse them.
		panic("encode part of a NetworkPolicy: " + err.Error())
	}
	return string(text)
}

// Hash returns a digest of the canonical form, 16 hexadecimal digits: equal for specs that mean the same.
func Hash(spec networkingv1.NetworkPolicySpec) string {
	sum := sha256.Sum256([]byte(Key(Canonical(spec))))
	return hex.EncodeToString(sum[:8])
}

// SelectorHash returns a short digest of a selector's canonical form, 8 hexadecimal digits, fit for a name.
func SelectorHash(s metav1.LabelSelector) string {
	sum := sha256.Sum256([]byte(Key(selector.Canonical(&s))))
	return hex.EncodeToString(sum[:4])
}
