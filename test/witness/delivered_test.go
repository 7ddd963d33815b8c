package witness

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// delivered returns the policy as an API server would deliver it to a plugin: with its defaults (SetDefaults_NetworkPolicy
// and SetDefaults_NetworkPolicyPort of k8s.io/kubernetes/pkg/apis/networking/v1), and after the wire, on which an empty list
// and a missing one are the same. The engine relies on both: it reads through the pointer to the protocol, isolates nothing
// without policyTypes, and takes rules that are empty but not nil for rules that admit everything.
func delivered(policy *networkingv1.NetworkPolicy) (*networkingv1.NetworkPolicy, error) {
	policy = policy.DeepCopy()
	if len(policy.Spec.PolicyTypes) == 0 {
		policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(policy.Spec.Egress) > 0 {
			policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	for _, rule := range policy.Spec.Ingress {
		defaultPorts(rule.Ports)
	}
	for _, rule := range policy.Spec.Egress {
		defaultPorts(rule.Ports)
	}
	wire, err := policy.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode NetworkPolicy %s/%s: %w", policy.Namespace, policy.Name, err)
	}
	var out networkingv1.NetworkPolicy
	if err := out.Unmarshal(wire); err != nil {
		return nil, fmt.Errorf("decode NetworkPolicy %s/%s: %w", policy.Namespace, policy.Name, err)
	}
	return &out, nil
}

func defaultPorts(ports []networkingv1.NetworkPolicyPort) {
	for i := range ports {
		if ports[i].Protocol == nil {
			ports[i].Protocol = new(corev1.ProtocolTCP)
		}
	}
}

// withoutRules isolates what the policy isolates, and admits nobody.
func withoutRules(policy *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	policy = policy.DeepCopy()
	policy.Spec.Ingress, policy.Spec.Egress = nil, nil
	return policy
}

// withoutBlocks is the policy for a plugin whose ipBlocks never match: a peer that is an ipBlock is nobody, and so is a rule
// that has no other peers.
func withoutBlocks(policy *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	out := withoutRules(policy)
	for _, rule := range policy.Spec.Ingress {
		if from := pods(rule.From); len(from) > 0 || len(rule.From) == 0 {
			out.Spec.Ingress = append(out.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: from, Ports: rule.Ports})
		}
	}
	for _, rule := range policy.Spec.Egress {
		if to := pods(rule.To); len(to) > 0 || len(rule.To) == 0 {
			out.Spec.Egress = append(out.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: to, Ports: rule.Ports})
		}
	}
	return out
}

func pods(peers []networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for _, peer := range peers {
		if peer.IPBlock == nil {
			out = append(out, peer)
		}
	}
	return out
}

// withWidestBlocks is the policy with every ipBlock as wide as the address that hides stands for: it may be any address.
func withWidestBlocks(policy *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	policy = policy.DeepCopy()
	widen := func(peers []networkingv1.NetworkPolicyPeer) {
		for i := range peers {
			if peers[i].IPBlock != nil {
				peers[i].IPBlock = &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}
			}
		}
	}
	for _, rule := range policy.Spec.Ingress {
		widen(rule.From)
	}
	for _, rule := range policy.Spec.Egress {
		widen(rule.To)
	}
	return policy
}
