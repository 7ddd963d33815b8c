package analyzer

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
)

// Mistake is a place in a NetworkPolicy that probably says something else than its author meant.
type Mistake struct {
	// Place is such as "ingress[0].from[1]" or "policyTypes".
	Place string
	// Message is one sentence that says what the place does, and what to write instead.
	Message string
}

// Mistakes names the well-known mistakes in a hand-written policy, which needs no defaults: those of the whole policy first, then
// those of its rules in their order. Nil when there are none. It looks at one policy alone, so what it says can be meant so, or be
// made good by another policy. Rules of a direction that the policy does not isolate mean nothing and are passed over, and so is
// what cannot be read.
func Mistakes(policy *networkingv1.NetworkPolicy) []Mistake {
	spec := policy.Spec
	types := networkpolicy.Canonical(networkingv1.NetworkPolicySpec{PolicyTypes: spec.PolicyTypes, Egress: spec.Egress}).PolicyTypes
	var out mistakes
	if len(spec.PolicyTypes) == 0 && len(spec.Egress) == 0 {
		out.add("policyTypes", "without policyTypes and egress rules, only ingress is isolated and these pods may still connect to anybody; write policyTypes: [Ingress, Egress], and what they may connect to under egress")
	}
	if slices.Contains(types, networkingv1.PolicyTypeEgress) {
		out.dns(spec.Egress)
	}
	if slices.Contains(types, networkingv1.PolicyTypeIngress) {
		for i, r := range spec.Ingress {
			out.rule(givenRule{networkpolicy.Ingress, i, r.From, r.Ports})
		}
	}
	if slices.Contains(types, networkingv1.PolicyTypeEgress) {
		for i, r := range spec.Egress {
			out.rule(givenRule{networkpolicy.Egress, i, r.To, r.Ports})
		}
	}
	return out
}

type mistakes []Mistake

func (m *mistakes) add(place, format string, args ...any) {
	*m = append(*m, Mistake{place, fmt.Sprintf(format, args...)})
}

// givenRule is a rule of either direction as it is written.
type givenRule struct {
	direction networkpolicy.Direction
	index     int
	peers     []networkingv1.NetworkPolicyPeer
	ports     []networkingv1.NetworkPolicyPort
}

// place returns "ingress[0].from".
func (r givenRule) place() string {
	list := "from"
	if r.direction == networkpolicy.Egress {
		list = "to"
	}
	return fmt.Sprintf("%s[%d].%s", r.direction, r.index, list)
}

// verb says what the other end may do.
func (r givenRule) verb() string {
	if r.direction == networkpolicy.Egress {
		return "lets these pods connect to"
	}
	return "admits"
}

// numbers returns the ports of the rule that are given by number, and whether all are and can be read.
func (r givenRule) numbers() (portset.Set, bool) {
	if len(r.ports) == 0 {
		return portset.All(), true
	}
	var read readRule
	for _, p := range r.ports {
		if err := read.addPort(p); err != nil {
			return read.numbers, false
		}
	}
	return read.numbers, len(read.names) == 0
}

func (m *mistakes) rule(r givenRule) {
	if len(r.peers) == 0 {
		m.everybody(r)
		return
	}
	if len(r.ports) == 0 {
		m.add(fmt.Sprintf("%s[%d].ports", r.direction, r.index), "without ports the rule admits every port of every protocol; list the ports that are needed")
	}
	m.either(r)
	for i, p := range r.peers {
		m.namespaces(fmt.Sprintf("%s[%d]", r.place(), i), p)
	}
	m.blocks(r)
}

// everybody names a rule whose list of peers is empty or missing, which means the same.
func (m *mistakes) everybody(r givenRule) {
	numbers, complete := r.numbers()
	ports := "these ports"
	switch {
	case complete && r.direction == networkpolicy.Egress && dnsPorts().Covers(numbers):
		m.add(r.place(), "an empty or missing list means everybody, so anything can leave to anybody on port 53, not to the cluster's DNS alone; write a namespaceSelector with kubernetes.io/metadata.name: kube-system and a podSelector with k8s-app: kube-dns in one item")
		return
	case numbers.IsAll():
		ports = "every port"
	}
	m.add(r.place(), "an empty or missing list means everybody, inside the cluster and outside, so the rule %s anybody on %s; name the peers, or remove the rule if nobody is meant", r.verb(), ports)
}

// dnsPorts returns those on which DNS is served; OpenShift's pods serve it on 5353.
func dnsPorts() portset.Set {
	var out portset.Set
	for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
		out = out.Union(portset.Of(protocol, 53, 53)).Union(portset.Of(protocol, 5353, 5353))
	}
	return out
}

// dns names a policy that isolates egress and opens it for DNS nowhere, or over one protocol only.
func (m *mistakes) dns(egress []networkingv1.NetworkPolicyEgressRule) {
	var admitted portset.Set
	for i, rule := range egress {
		numbers, complete := givenRule{networkpolicy.Egress, i, rule.To, rule.Ports}.numbers()
		if !complete {
			// A port with a name may be that of DNS.
			return
		}
		admitted = admitted.Union(numbers)
	}
	over := func(protocol corev1.Protocol) bool {
		return !admitted.Intersect(portset.Every(protocol)).Intersect(dnsPorts()).IsEmpty()
	}
	const what = "let these pods connect to the cluster's DNS on port 53 over UDP and TCP"
	switch udp, tcp := over(corev1.ProtocolUDP), over(corev1.ProtocolTCP); {
	case !udp && !tcp:
		m.add("egress", "no rule admits DNS, so unless another policy does, these pods find nobody by name; %s, if they need names", what)
	case !tcp:
		m.add("egress", "DNS is admitted over UDP alone, so long answers, which come over TCP, are lost; %s", what)
	case !udp:
		m.add("egress", "DNS is admitted over TCP alone, and most questions are asked over UDP; %s", what)
	}
}
