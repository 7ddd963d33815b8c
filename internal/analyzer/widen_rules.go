package analyzer

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

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

// readPolicy is a policy as regions of peers and sets of ports. Rules of a direction that it does not isolate mean nothing and are
// left out.
type readPolicy struct {
	name            string
	edited          bool
	pods            *metav1.LabelSelector
	ingress, egress []readRule
	// selects is pods, compiled.
	selects labels.Selector
}

func (p *readPolicy) rules(direction networkpolicy.Direction) []readRule {
	if direction == networkpolicy.Ingress {
		return p.ingress
	}
	return p.egress
}

type readRule struct {
	peers   []readPeer
	numbers portset.Set
	names   []portName
}

// portName is a port by its name, which each destination gives a number of its own.
type portName struct {
	protocol corev1.Protocol
	name     string
}

func (n portName) String() string { return fmt.Sprintf("%s/%s", n.protocol, n.name) }

// readPeer is a peer by the regions it lies in.
type readPeer struct {
	// given is the peer as it is written; nil for everybody.
	given *networkingv1.NetworkPolicyPeer
	// own matches pods of the policy's own namespace, nil for none. Others is a selector.Product of namespaces and pods, nil for
	// none; it may match the own namespace as well, so it is always asked together with neighbourhood.elsewhere.
	own, others *metav1.LabelSelector
	// ownPair and othersPair are the same as selectors of pairs: any pod, and the peer.
	ownPair, othersPair *metav1.LabelSelector
	// addresses are those outside the cluster.
	addresses []netip.Prefix
}

// paired sets what follows from own and others.
func (p readPeer) paired() readPeer {
	every := &metav1.LabelSelector{}
	if p.own != nil {
		p.ownPair = selector.Product(every, p.own)
	}
	if p.others != nil {
		p.othersPair = selector.Product(every, p.others)
	}
	return p
}

// neighbourhood is a namespace as its policies see it.
type neighbourhood struct {
	labels map[string]string
	// elsewhere is a selector of pairs: any pod, and one of another namespace.
	elsewhere *metav1.LabelSelector
	pods      []snapshot.Pod
	// podAddresses are those of the pods that are not on the host network.
	podAddresses []netip.Prefix
	// budget is what may still be done.
	budget *selector.Budget
}

func newNeighbourhood(in WidenInput) *neighbourhood {
	n := &neighbourhood{labels: maps.Clone(in.Namespace.Labels)}
	if n.labels == nil {
		n.labels = map[string]string{}
	}
	// The API server gives every namespace this label, and lets nobody change it.
	n.labels[selector.NamespaceNameLabel] = in.Namespace.Name
	elsewhere := selector.NotNamespaceNames(in.Namespace.Name)
	elsewhere.MatchExpressions = append(elsewhere.MatchExpressions, metav1.LabelSelectorRequirement{Key: selector.NamespaceNameLabel, Operator: metav1.LabelSelectorOpExists})
	n.elsewhere = selector.Product(&metav1.LabelSelector{}, selector.Product(elsewhere, nil))
	for _, pod := range in.Pods {
		if pod.HostNetwork || pod.Completed {
			continue
		}
		n.pods = append(n.pods, pod)
		for _, addr := range pod.Addresses {
			n.podAddresses = append(n.podAddresses, ipset.Host(addr))
		}
	}
	n.podAddresses = ipset.Aggregate(n.podAddresses)
	return n
}

func (n *neighbourhood) readAll(list []side) ([]readPolicy, error) {
	out := make([]readPolicy, 0, len(list))
	for _, s := range list {
		read, err := n.read(s)
		if err != nil {
			return nil, fmt.Errorf("read NetworkPolicy %s: %w", s.policy.Name, err)
		}
		out = append(out, read)
	}
	return out, nil
}

func (n *neighbourhood) read(s side) (readPolicy, error) {
	spec := networkpolicy.Canonical(s.policy.Spec)
	out := readPolicy{name: s.policy.Name, edited: s.edited, pods: &spec.PodSelector}
	var err error
	if out.selects, err = selector.Compile(out.pods); err != nil {
		return out, fmt.Errorf("podSelector: %w", err)
	}
	if slices.Contains(spec.PolicyTypes, networkingv1.PolicyTypeIngress) {
		for _, r := range spec.Ingress {
			read, err := n.readRule(r.From, r.Ports)
			if err != nil {
				return out, fmt.Errorf("ingress: %w", err)
			}
			out.ingress = append(out.ingress, read)
		}
	}
	if slices.Contains(spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
		for _, r := range spec.Egress {
			read, err := n.readRule(r.To, r.Ports)
			if err != nil {
				return out, fmt.Errorf("egress: %w", err)
			}
			out.egress = append(out.egress, read)
		}
	}
	return out, nil
}

func (n *neighbourhood) readRule(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) (readRule, error) {
	var out readRule
	if len(peers) == 0 {
		every := &metav1.LabelSelector{}
		out.peers = []readPeer{readPeer{own: every, others: selector.Product(every, nil), addresses: allAddresses()}.paired()}
	}
	for i := range peers {
		read, err := n.readPeer(&peers[i])
		if err != nil {
			return out, err
		}
		out.peers = append(out.peers, read)
	}
	if len(ports) == 0 {
		out.numbers = portset.All()
	}
	for _, p := range ports {
		if err := out.addPort(p); err != nil {
			return out, err
		}
	}
	return out, nil
}

func allAddresses() []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
}

func (n *neighbourhood) readPeer(given *networkingv1.NetworkPolicyPeer) (readPeer, error) {
	out := readPeer{given: given}
	pods := given.PodSelector
	switch {
	case given.IPBlock != nil && (pods != nil || given.NamespaceSelector != nil):
		return out, fmt.Errorf("an ipBlock stands beside a selector, which no peer may have")
	case given.IPBlock != nil:
		var err error
		out.addresses, err = readBlock(*given.IPBlock)
		return out, err
	case given.NamespaceSelector == nil && pods == nil:
		return out, fmt.Errorf("a peer names nobody; give it a selector or an ipBlock")
	case given.NamespaceSelector == nil:
		out.own = pods
		return out.paired(), nil
	}
	ours, err := selector.Matches(given.NamespaceSelector, n.labels)
	if err != nil {
		return out, fmt.Errorf("namespaceSelector: %w", err)
	}
	if pods == nil {
		pods = &metav1.LabelSelector{}
	}
	if ours {
		out.own = pods
	}
	out.others = selector.Product(given.NamespaceSelector, pods)
	return out.paired(), nil
}

func readBlock(given networkingv1.IPBlock) ([]netip.Prefix, error) {
	cidr, err := ipset.Parse(given.CIDR)
	if err != nil {
		return nil, fmt.Errorf("ipBlock: %w", err)
	}
	var except []netip.Prefix
	for _, text := range given.Except {
		e, err := ipset.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("ipBlock: except: %w", err)
		}
		except = append(except, e)
	}
	return ipset.Subtract([]netip.Prefix{cidr}, except), nil
}

func (r *readRule) addPort(given networkingv1.NetworkPolicyPort) error {
	protocol := corev1.ProtocolTCP
	if given.Protocol != nil {
		protocol = *given.Protocol
	}
	every := portset.Every(protocol)
	switch {
	case every.IsEmpty():
		return fmt.Errorf("protocol %q is none of TCP, UDP and SCTP", protocol)
	case given.Port == nil:
		r.numbers = r.numbers.Union(every)
	case given.Port.Type == intstr.String:
		r.names = append(r.names, portName{protocol, given.Port.StrVal})
	default:
		last := given.Port.IntVal
		if given.EndPort != nil {
			last = *given.EndPort
		}
		r.numbers = r.numbers.Union(portset.Of(protocol, given.Port.IntVal, last))
	}
	return nil
}
