package evaluator

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// policy is a NetworkPolicy, read.
type policy struct {
	name            string
	pods            labels.Selector
	ingress, egress side
}

// side is what a policy says of one direction.
type side struct {
	isolates bool
	// rules are empty when the policy does not isolate: they mean nothing then.
	rules []rule
}

func (p *policy) side(direction networkpolicy.Direction) *side {
	if direction == networkpolicy.Ingress {
		return &p.ingress
	}
	return &p.egress
}

// rule is one ingress or egress rule.
type rule struct {
	// everyone: the rule lists no peers, so it admits whoever there is.
	everyone bool
	peers    []peer
	ports    ports
}

// peer is either pods or addresses.
type peer struct {
	// pods is nil for addresses.
	pods labels.Selector
	// namespaces is nil when the peer's pods are those of the policy's own namespace.
	namespaces labels.Selector
	block      block
}

// block is an ipBlock.
type block struct {
	cidr   netip.Prefix
	except []netip.Prefix
}

func (b block) contains(addr netip.Addr) bool {
	if !b.cidr.Contains(addr) {
		return false
	}
	for _, e := range b.except {
		if e.Contains(addr) {
			return false
		}
	}
	return true
}

// ports are those of a rule: numbers, and names that each destination gives a number of its own.
type ports struct {
	numbers portset.Set
	names   []PortName
}

// PortName is a port that a rule names.
type PortName struct {
	Protocol corev1.Protocol
	Name     string
}

// of returns the ports of a rule at a destination. Names mean nothing at an address, which is nil here, nor at a pod on the
// host network, which is its node's address to policies. A name that several containers give to different numbers stands
// for all of them.
func (p ports) of(destination *snapshot.Pod) portset.Set {
	out := p.numbers
	if destination == nil || destination.HostNetwork {
		return out
	}
	for _, n := range p.names {
		for _, port := range destination.Ports {
			if port.Name == n.Name && port.Protocol == n.Protocol {
				out = out.Union(portset.Of(port.Protocol, port.Port, port.Port))
			}
		}
	}
	return out
}

// readPolicy reads a NetworkPolicy, with the API server's defaults where it lacks them.
func readPolicy(p *networkingv1.NetworkPolicy) (policy, error) {
	out := policy{name: p.Name}
	var err error
	if out.pods, err = selector.Compile(&p.Spec.PodSelector); err != nil {
		return out, fmt.Errorf("podSelector: %w", err)
	}
	for _, t := range networkpolicy.Canonical(networkingv1.NetworkPolicySpec{PolicyTypes: p.Spec.PolicyTypes, Egress: p.Spec.Egress}).PolicyTypes {
		switch t {
		case networkingv1.PolicyTypeIngress:
			out.ingress.isolates = true
			for i, r := range p.Spec.Ingress {
				if err := out.addRule(networkpolicy.Ingress, i, r.From, r.Ports); err != nil {
					return out, err
				}
			}
		case networkingv1.PolicyTypeEgress:
			out.egress.isolates = true
			for i, r := range p.Spec.Egress {
				if err := out.addRule(networkpolicy.Egress, i, r.To, r.Ports); err != nil {
					return out, err
				}
			}
		default:
			return out, fmt.Errorf("policyTypes: %q is not a type", t)
		}
	}
	return out, nil
}

func (p *policy) addRule(direction networkpolicy.Direction, index int, peers []networkingv1.NetworkPolicyPeer, portList []networkingv1.NetworkPolicyPort) error {
	list := map[networkpolicy.Direction]string{networkpolicy.Ingress: "from", networkpolicy.Egress: "to"}[direction]
	r := rule{everyone: len(peers) == 0}
	for i, given := range peers {
		read, err := readPeer(given)
		if err != nil {
			return fmt.Errorf("%s[%d].%s[%d]: %w", direction, index, list, i, err)
		}
		r.peers = append(r.peers, read)
	}
	if len(portList) == 0 {
		r.ports.numbers = portset.All()
	}
	for i, given := range portList {
		if err := r.ports.add(given); err != nil {
			return fmt.Errorf("%s[%d].ports[%d]: %w", direction, index, i, err)
		}
	}
	side := p.side(direction)
	side.rules = append(side.rules, r)
	return nil
}

func readPeer(given networkingv1.NetworkPolicyPeer) (peer, error) {
	var out peer
	switch {
	case given.IPBlock != nil && (given.PodSelector != nil || given.NamespaceSelector != nil):
		return out, fmt.Errorf("ipBlock stands beside a selector, which no peer may have")
	case given.IPBlock != nil:
		var err error
		out.block, err = readBlock(*given.IPBlock)
		return out, err
	case given.PodSelector == nil && given.NamespaceSelector == nil:
		return out, fmt.Errorf("the peer names nobody; give it a selector or an ipBlock")
	}
	out.pods = labels.Everything()
	for field, s := range map[string]*metav1.LabelSelector{"podSelector": given.PodSelector, "namespaceSelector": given.NamespaceSelector} {
		if s == nil {
			continue
		}
		compiled, err := selector.Compile(s)
		if err != nil {
			return out, fmt.Errorf("%s: %w", field, err)
		}
		if field == "podSelector" {
			out.pods = compiled
		} else {
			out.namespaces = compiled
		}
	}
	return out, nil
}

func readBlock(given networkingv1.IPBlock) (block, error) {
	cidr, err := ipset.Parse(given.CIDR)
	if err != nil {
		return block{}, fmt.Errorf("ipBlock.cidr: %w", err)
	}
	out := block{cidr: cidr}
	for i, text := range given.Except {
		except, err := ipset.Parse(text)
		if err != nil {
			return block{}, fmt.Errorf("ipBlock.except[%d]: %w", i, err)
		}
		out.except = append(out.except, except)
	}
	return out, nil
}

func (p *ports) add(given networkingv1.NetworkPolicyPort) error {
	protocol := corev1.ProtocolTCP
	if given.Protocol != nil {
		protocol = *given.Protocol
	}
	if portset.Every(protocol).IsEmpty() {
		return fmt.Errorf("protocol %q is none of TCP, UDP and SCTP", protocol)
	}
	switch {
	case given.Port == nil && given.EndPort != nil:
		return fmt.Errorf("endPort %d needs a port to begin at", *given.EndPort)
	case given.Port == nil:
		p.numbers = p.numbers.Union(portset.Every(protocol))
	case given.Port.Type == intstr.String:
		if given.EndPort != nil {
			return fmt.Errorf("endPort %d needs a number to begin at, not the name %q", *given.EndPort, given.Port.StrVal)
		}
		p.names = append(p.names, PortName{protocol, given.Port.StrVal})
	default:
		last := given.Port.IntVal
		if given.EndPort != nil {
			last = *given.EndPort
		}
		set := portset.Of(protocol, given.Port.IntVal, last)
		if set.IsEmpty() {
			return fmt.Errorf("%d to %d are no ports", given.Port.IntVal, last)
		}
		p.numbers = p.numbers.Union(set)
	}
	return nil
}
