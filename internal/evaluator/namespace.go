package evaluator

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Namespace is a namespace with its NetworkPolicies, read so that they answer fast. It decides about one end of each
// connection of its pods; the other end is decided by the other pod's namespace. It is never changed.
type Namespace struct {
	name   string
	labels labels.Set
	// policies are sorted by name.
	policies []policy
}

// Read reads the NetworkPolicies of a namespace, which may have no defaults applied. The label that holds a namespace's name
// is added where it is missing, as the API server does. An error names the policy and the field that cannot be read.
func Read(ns snapshot.Namespace, policies []*networkingv1.NetworkPolicy) (*Namespace, error) {
	out := &Namespace{name: ns.Name, labels: ns.Labels}
	if _, ok := ns.Labels[selector.NamespaceNameLabel]; !ok {
		out.labels = maps.Clone(labels.Set(ns.Labels))
		if out.labels == nil {
			out.labels = labels.Set{}
		}
		out.labels[selector.NamespaceNameLabel] = ns.Name
	}
	for _, given := range policies {
		read, err := readPolicy(given)
		if err != nil {
			return nil, fmt.Errorf("read NetworkPolicy %s/%s: %w", ns.Name, given.Name, err)
		}
		out.policies = append(out.policies, read)
	}
	slices.SortFunc(out.policies, func(a, b policy) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// Name is the name of the namespace.
func (n *Namespace) Name() string { return n.name }

// Other is the other end of a connection: a pod with the namespace it is in, or an address outside the cluster.
type Other struct {
	Pod *snapshot.Pod
	// Namespace is that of the pod.
	Namespace *Namespace
	// Address is looked at when there is no pod.
	Address netip.Addr
}

// Admission is what one end of a connection admits.
type Admission struct {
	// Isolated is false when no policy restricts this end. Every port is admitted then.
	Isolated bool
	// Ports are admitted for certain.
	Ports portset.Set
	// Undecidable are other ports, which some network plugins would admit and others not: a rule names addresses, and the
	// other end is a pod with such an address.
	Undecidable portset.Set
}

// Admits returns what the policies admit at one end: at a pod of this namespace, for connections that it receives from, or
// opens to, the other.
func (n *Namespace) Admits(direction networkpolicy.Direction, pod *snapshot.Pod, other Other) Admission {
	if isItself(pod, other.Pod) || pod.HostNetwork {
		return Admission{Ports: portset.All()}
	}
	var out Admission
	for i := range n.policies {
		p := &n.policies[i]
		side := p.side(direction)
		if !side.isolates || !p.pods.Matches(labels.Set(pod.Labels)) {
			continue
		}
		out.Isolated = true
		for j := range side.rules {
			r := &side.rules[j]
			switch fit, _ := n.fit(r, other); fit {
			case matches:
				out.Ports = out.Ports.Union(r.ports.of(destinationOf(direction, pod, other)))
			case mayMatch:
				out.Undecidable = out.Undecidable.Union(r.ports.of(destinationOf(direction, pod, other)))
			case matchesNot:
			}
		}
	}
	if !out.Isolated {
		out.Ports = portset.All()
	}
	out.Undecidable = out.Undecidable.Minus(out.Ports)
	return out
}

// View returns what the rules of a direction see of another pod: two pods of which the views are equal are admitted alike, at any pod
// of the namespace but themselves.
func (n *Namespace) View(direction networkpolicy.Direction, other Other) string {
	var out []byte
	for i := range n.policies {
		for _, r := range n.policies[i].side(direction).rules {
			f, _ := n.fit(&r, other)
			out = append(out, "-?+"[f])
			if f != matchesNot && direction == networkpolicy.Egress && len(r.ports.names) > 0 {
				out = append(out, r.ports.of(other.Pod).String()...)
			}
		}
	}
	return string(out)
}

// Isolating returns the names of the policies that restrict this end of a pod, sorted; nil when none does.
func (n *Namespace) Isolating(direction networkpolicy.Direction, pod *snapshot.Pod) []string {
	var out []string
	for _, i := range selectedBy(n, direction, pod) {
		out = append(out, n.policies[i].name)
	}
	return out
}

// Mentions says whether a rule chooses pods of another namespace by that namespace's labels. Where none does, all pods of the
// other namespace are alike to the rules, but for their addresses.
func (n *Namespace) Mentions(other *Namespace) bool {
	for i := range n.policies {
		for _, side := range []side{n.policies[i].ingress, n.policies[i].egress} {
			for _, r := range side.rules {
				for _, p := range r.peers {
					if p.pods != nil && n.fitsNamespace(p, other) {
						return true
					}
				}
			}
		}
	}
	return false
}

// IsEmpty says whether there is no policy.
func (n *Namespace) IsEmpty() bool { return len(n.policies) == 0 }

// destinationOf returns the pod that a connection goes to; nil when that is an address.
func destinationOf(direction networkpolicy.Direction, pod *snapshot.Pod, other Other) *snapshot.Pod {
	if direction == networkpolicy.Ingress {
		return pod
	}
	return other.Pod
}

// fit is whether a rule speaks of somebody.
type fit int

const (
	matchesNot fit = iota
	// mayMatch: it depends on the network plugin.
	mayMatch
	matches
)

// fit says whether a rule speaks of the other end, and by which of its peers, which is -1 when it speaks of everyone.
func (n *Namespace) fit(r *rule, other Other) (best fit, by int) {
	if r.everyone {
		return matches, -1
	}
	for i, p := range r.peers {
		if f := n.fitPeer(p, other); f > best {
			best, by = f, i
		}
	}
	return best, by
}

func (n *Namespace) fitPeer(p peer, other Other) fit {
	switch {
	case p.pods == nil && other.Pod == nil:
		if p.block.contains(other.Address) {
			return matches
		}
	case p.pods == nil:
		if mayHoldAddress(p.block, other.Pod) {
			return mayMatch
		}
	case other.Pod == nil || other.Pod.HostNetwork:
		// Selectors choose pods, and one on its node's network is the node.
	case n.fitsNamespace(p, other.Namespace) && p.pods.Matches(labels.Set(other.Pod.Labels)):
		return matches
	}
	return matchesNot
}

func (n *Namespace) fitsNamespace(p peer, other *Namespace) bool {
	if p.namespaces == nil {
		return other.name == n.name
	}
	return p.namespaces.Matches(other.labels)
}

// mayHoldAddress says whether a pod has an address of the block, or may have, when its addresses are not known.
func mayHoldAddress(b block, pod *snapshot.Pod) bool {
	return pod.Addresses == nil || slices.ContainsFunc(pod.Addresses, b.contains)
}

// isItself says whether two pods are one, which can always reach itself.
func isItself(a, b *snapshot.Pod) bool {
	return a != nil && b != nil && a.Name != "" && a.Name == b.Name && a.Namespace == b.Namespace
}

// Blocks returns the ranges of addresses that the rules of a direction name, and those that they except, in the order of
// policies and rules; some of them several times.
func (n *Namespace) Blocks(direction networkpolicy.Direction) (named, excepted []netip.Prefix) {
	for i := range n.policies {
		for _, r := range n.policies[i].side(direction).rules {
			for _, p := range r.peers {
				if p.pods == nil {
					named, excepted = append(named, p.block.cidr), append(excepted, p.block.except...)
				}
			}
		}
	}
	return named, excepted
}
