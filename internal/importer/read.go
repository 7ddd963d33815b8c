package importer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
)

// source is a policy as a profile can say it.
type source struct {
	name        string
	description string
	subject     *metav1.LabelSelector
	isolates    map[networkpolicy.Direction]bool
	rules       []rule
}

// rule is a rule of a policy: from each of the peers, or to it, on each of the ports.
type rule struct {
	direction networkpolicy.Direction
	peers     []v1alpha1.Peer
	ports     []v1alpha1.Port
	// everyPort: the policy names no ports, which also means protocols that have none.
	everyPort bool
}

// readAll reads policies, sorted by name, and says of which a profile cannot say something.
func readAll(policies []*networkingv1.NetworkPolicy) (sources []source, omissions []Omission) {
	policies = slices.SortedFunc(slices.Values(policies), func(a, b *networkingv1.NetworkPolicy) int { return strings.Compare(a.Name, b.Name) })
	for _, policy := range policies {
		s, field, reason := read(policy)
		if reason != "" {
			omissions = append(omissions, Omission{policy.Name, field, reason})
			continue
		}
		sources = append(sources, s)
	}
	return sources, omissions
}

// read returns a policy, or which field of it a profile cannot say and why.
func read(policy *networkingv1.NetworkPolicy) (s source, field, reason string) {
	spec := networkpolicy.Canonical(policy.Spec)
	s = source{name: policy.Name, description: describe(policy), subject: &spec.PodSelector, isolates: map[networkpolicy.Direction]bool{}}
	for _, t := range spec.PolicyTypes {
		s.isolates[networkpolicy.Direction(strings.ToLower(string(t)))] = true
	}
	if _, why := toAPI(s.subject); why != "" {
		return s, "spec.podSelector", why
	}
	// Rules of a direction that the policy does not isolate admit nothing: k8s.io/api/networking/v1, PolicyTypes.
	if s.isolates[networkpolicy.Ingress] {
		for i, r := range policy.Spec.Ingress {
			if field, reason := s.add(networkpolicy.Ingress, r.From, r.Ports); reason != "" {
				return s, fmt.Sprintf("spec.ingress[%d]%s", i, strings.Replace(field, "PEERS", "from", 1)), reason
			}
		}
	}
	if s.isolates[networkpolicy.Egress] {
		for i, r := range policy.Spec.Egress {
			if field, reason := s.add(networkpolicy.Egress, r.To, r.Ports); reason != "" {
				return s, fmt.Sprintf("spec.egress[%d]%s", i, strings.Replace(field, "PEERS", "to", 1)), reason
			}
		}
	}
	return s, "", ""
}

// add adds a rule. One that admits nobody, for its only range excepts itself, is none.
func (s *source) add(direction networkpolicy.Direction, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) (field, reason string) {
	r := rule{direction: direction, everyPort: len(ports) == 0}
	for _, port := range ports {
		r.ports = append(r.ports, portOf(port))
	}
	if r.everyPort {
		r.ports = everyPort()
	}
	// At the destination, a pod gives numbers to names; an address gives none.
	leadsByName := direction == networkpolicy.Egress && slices.ContainsFunc(r.ports, hasName)
	if r.peers, field, reason = peersOf(peers, leadsByName); reason != "" {
		return field, reason
	}
	switch {
	case len(peers) == 0 && leadsByName:
		s.addNamed(r)
	case len(peers) == 0:
		r.peers = []v1alpha1.Peer{{Anywhere: &v1alpha1.AnywherePeer{}}}
		s.rules = append(s.rules, r)
	case len(r.peers) > 0:
		s.rules = append(s.rules, r)
	}
	return "", ""
}

// peersOf returns the peers of a rule that are somebody, or which of them a profile cannot say and why.
func peersOf(peers []networkingv1.NetworkPolicyPeer, leadsByName bool) (out []v1alpha1.Peer, field, reason string) {
	for i, peer := range peers {
		p, isNobody, why := peerOf(peer)
		switch {
		case why != "":
			return nil, fmt.Sprintf(".PEERS[%d]", i), why
		case p.IPBlocks != nil && leadsByName:
			return nil, ".ports", "towards addresses, a port's name means what the network plugin makes of it; a profile says the number"
		case !isNobody:
			out = append(out, p)
		}
	}
	return out, "", ""
}

func hasName(p v1alpha1.Port) bool { return p.Port.Type == intstr.String }

// addNamed adds a rule that leads everywhere and names ports. Only pods give numbers to names, so it leads to all pods on those.
func (s *source) addNamed(r rule) {
	names, numbers := r, r
	names.ports, numbers.ports = nil, nil
	for _, p := range r.ports {
		if hasName(p) {
			names.ports = append(names.ports, p)
			continue
		}
		numbers.ports = append(numbers.ports, p)
	}
	names.peers = []v1alpha1.Peer{{Pods: &v1alpha1.PodsPeer{NamespaceSelector: &v1alpha1.LabelSelector{}}}}
	numbers.peers = []v1alpha1.Peer{{Anywhere: &v1alpha1.AnywherePeer{}}}
	s.rules = append(s.rules, names)
	if len(numbers.ports) > 0 {
		s.rules = append(s.rules, numbers)
	}
}

// everyPort returns what a rule without ports admits, of what has ports.
func everyPort() []v1alpha1.Port {
	var out []v1alpha1.Port
	for _, protocol := range portset.Protocols() {
		out = append(out, v1alpha1.Port{Port: intstr.FromInt32(portset.First), EndPort: new(portset.Last), Protocol: protocol})
	}
	return out
}

func portOf(port networkingv1.NetworkPolicyPort) v1alpha1.Port {
	out := v1alpha1.Port{Protocol: corev1.ProtocolTCP}
	if port.Protocol != nil {
		out.Protocol = *port.Protocol
	}
	if port.Port == nil {
		out.Port, out.EndPort = intstr.FromInt32(portset.First), new(portset.Last)
		return out
	}
	out.Port = *port.Port
	if port.EndPort != nil && *port.EndPort != port.Port.IntVal {
		out.EndPort = new(*port.EndPort)
	}
	return out
}

// peerOf returns a peer, that it is nobody, or why a profile cannot say it.
func peerOf(peer networkingv1.NetworkPolicyPeer) (out v1alpha1.Peer, isNobody bool, reason string) {
	if peer.IPBlock != nil {
		return blockOf(*peer.IPBlock)
	}
	pods := &v1alpha1.PodsPeer{}
	if peer.PodSelector != nil {
		if pods.PodSelector, reason = toAPI(selector.Canonical(peer.PodSelector)); reason != "" {
			return out, false, reason
		}
	}
	if names, ok := namesOf(peer.NamespaceSelector); ok {
		pods.Namespaces = names
	} else if peer.NamespaceSelector != nil {
		if pods.NamespaceSelector, reason = toAPI(selector.Canonical(peer.NamespaceSelector)); reason != "" {
			return out, false, reason
		}
	}
	return v1alpha1.Peer{Pods: pods}, false, ""
}

// maxNamespaces is how many namespaces a peer names at most.
const maxNamespaces = 64

// namesOf returns the names of namespaces, when a selector asks for nothing else. What no namespace can be called, a profile's list of
// names refuses, and its selector does not.
func namesOf(s *metav1.LabelSelector) ([]string, bool) {
	names, pinned := selector.PinnedNames(s)
	if !pinned || len(s.MatchLabels)+len(s.MatchExpressions) != 1 || len(names) > maxNamespaces {
		return nil, false
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	return names, !slices.ContainsFunc(names, func(name string) bool { return len(validation.IsDNS1123Label(name)) > 0 })
}

// The bounds of ipBlocks.
const (
	maxCIDRs  = 64
	maxExcept = 16
)

func blockOf(block networkingv1.IPBlock) (out v1alpha1.Peer, isNobody bool, reason string) {
	cidr, err := ipset.Parse(block.CIDR)
	if err != nil || cidr.Addr().Is4In6() {
		return out, false, fmt.Sprintf("a profile cannot say the range %q", block.CIDR)
	}
	blocks := &v1alpha1.IPBlocksPeer{CIDRs: []string{cidr.Masked().String()}}
	for _, text := range block.Except {
		except, err := ipset.Parse(text)
		switch {
		case err != nil || except.Addr().Is4In6():
			return out, false, fmt.Sprintf("a profile cannot say the range %q", text)
		case ipset.Contains(except, cidr):
			return out, true, ""
		case ipset.StrictlyContains(cidr, except):
			blocks.Except = append(blocks.Except, except.Masked().String())
		}
	}
	slices.Sort(blocks.Except)
	blocks.Except = slices.Compact(blocks.Except)
	if len(blocks.Except) > maxExcept {
		return out, false, fmt.Sprintf("a profile excepts %d ranges at most, not %d", maxExcept, len(blocks.Except))
	}
	return v1alpha1.Peer{IPBlocks: blocks}, false, ""
}

// The bounds of a profile's selectors.
const (
	maxRequirements = 16
	maxValues       = 32
)

// toAPI returns a selector in the form that profiles use, or why there is none.
func toAPI(s *metav1.LabelSelector) (*v1alpha1.LabelSelector, string) {
	out := &v1alpha1.LabelSelector{}
	if len(s.MatchLabels) > maxRequirements || len(s.MatchExpressions) > maxRequirements {
		return nil, fmt.Sprintf("a profile's selector has at most %d matchLabels and %d matchExpressions", maxRequirements, maxRequirements)
	}
	for _, key := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		if out.MatchLabels == nil {
			out.MatchLabels = map[string]v1alpha1.LabelValue{}
		}
		out.MatchLabels[key] = v1alpha1.LabelValue(s.MatchLabels[key])
	}
	for _, e := range s.MatchExpressions {
		requirement := v1alpha1.LabelSelectorRequirement{Key: e.Key, Operator: e.Operator}
		if len(e.Values) > maxValues {
			return nil, fmt.Sprintf("a profile's selector has at most %d values for a label", maxValues)
		}
		for _, value := range e.Values {
			requirement.Values = append(requirement.Values, v1alpha1.LabelValue(value))
		}
		out.MatchExpressions = append(out.MatchExpressions, requirement)
	}
	return out, ""
}

// maxDescription is how long a description is at most.
const maxDescription = 256

// describe returns what the annotations of a policy say that it is for: those that are called so by custom.
func describe(policy *networkingv1.NetworkPolicy) string {
	for _, key := range slices.Sorted(maps.Keys(policy.Annotations)) {
		switch strings.ToLower(key[strings.LastIndex(key, "/")+1:]) {
		case "description", "purpose", "summary", "reason", "comment":
			if text := strings.Join(strings.Fields(policy.Annotations[key]), " "); text != "" {
				return cut(text, maxDescription)
			}
		}
	}
	return ""
}

// cut shortens a text to so many characters.
func cut(text string, most int) string {
	letters := []rune(text)
	if len(letters) <= most {
		return text
	}
	return string(letters[:most-1]) + "…"
}
