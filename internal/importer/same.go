package importer

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// maxKinds is how many kinds of pods, or of namespaces, are told apart at most.
const maxKinds = 4096

var errTooManyKinds = errors.New("their selectors are too many, or tell too many kinds of pods and namespaces apart, to compare them")

// Same returns nil when two lists of policies of a namespace admit the same, for each pod that there could be in it, in both
// directions, from and to each pod that there could be in any namespace and each address outside. ErrDiffers says where not;
// another error, that it cannot be told.
func Same(ns snapshot.Namespace, before, after []*networkingv1.NetworkPolicy) error {
	c, err := newComparison(ns, before, after)
	if err != nil {
		return err
	}
	for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
		if err := c.compare(direction); err != nil {
			return err
		}
	}
	return nil
}

// comparison is two lists of policies with everybody whom they can tell apart.
type comparison struct {
	before, after *evaluator.Namespace
	// pods are one of each kind in the namespace, as those that policies select.
	pods []snapshot.Pod
	// others are one of each kind in each kind of namespace, as the other end.
	others []evaluator.Other
}

func newComparison(ns snapshot.Namespace, before, after []*networkingv1.NetworkPolicy) (*comparison, error) {
	c := &comparison{}
	var err error
	if c.before, err = evaluator.Read(ns, before); err != nil {
		return nil, err
	}
	if c.after, err = evaluator.Read(ns, after); err != nil {
		return nil, err
	}
	n := namedBy(slices.Concat(before, after))
	kinds, err := kindsOf(n.subjects)
	if err != nil {
		return nil, err
	}
	for _, labels := range kinds {
		c.pods = append(c.pods, n.pods(ns.Name, labels)...)
	}
	peers, err := kindsOf(n.pod)
	if err != nil {
		return nil, err
	}
	namespaces, err := n.namespaces(ns)
	if err != nil {
		return nil, err
	}
	for _, where := range namespaces {
		name := ns.Name
		if where != nil {
			name = where.Name()
		}
		for _, labels := range peers {
			for _, pod := range n.pods(name, labels) {
				c.others = append(c.others, evaluator.Other{Pod: &pod, Namespace: where})
			}
		}
	}
	return c, nil
}

// compare holds both against each other in one direction.
func (c *comparison) compare(direction networkpolicy.Direction) error {
	var others []evaluator.Other
	seen := map[[2]string]bool{}
	for _, other := range append(slices.Clone(c.others), c.addresses(direction)...) {
		view := [2]string{c.before.View(direction, c.seenBy(c.before, other)), c.after.View(direction, c.seenBy(c.after, other))}
		if other.Pod == nil || !seen[view] {
			others = append(others, other)
		}
		seen[view] = true
	}
	for i := range c.pods {
		pod := &c.pods[i]
		for _, other := range others {
			was := c.before.Admits(direction, pod, c.seenBy(c.before, other))
			is := c.after.Admits(direction, pod, c.seenBy(c.after, other))
			// What is undecidable of a pod is what its address is admitted, and addresses are compared by themselves.
			if !was.Ports.Equal(is.Ports) {
				return fmt.Errorf("%w: %s of pods with labels %v and %s would be %s, not %s", ErrDiffers, direction, pod.Labels, inWords(other), is.Ports, was.Ports)
			}
		}
	}
	return nil
}

// seenBy returns the other end as policies see it that may be its own.
func (c *comparison) seenBy(by *evaluator.Namespace, other evaluator.Other) evaluator.Other {
	if other.Pod != nil && other.Namespace == nil {
		other.Namespace = by
	}
	return other
}

func inWords(other evaluator.Other) string {
	switch {
	case other.Pod == nil:
		return "address " + other.Address.String()
	case other.Namespace == nil:
		return fmt.Sprintf("pods with labels %v of the namespace", other.Pod.Labels)
	}
	return fmt.Sprintf("pods with labels %v of namespace %s", other.Pod.Labels, other.Namespace.Name())
}

// addresses returns one of each kind that the rules of a direction tell apart: where ranges begin, and after they end.
func (c *comparison) addresses(direction networkpolicy.Direction) []evaluator.Other {
	bounds := []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	for _, policies := range []*evaluator.Namespace{c.before, c.after} {
		named, excepted := policies.Blocks(direction)
		for _, p := range slices.Concat(named, excepted) {
			bounds = append(bounds, p.Masked().Addr())
			if next := ipset.Last(p).Next(); next.IsValid() {
				bounds = append(bounds, next)
			}
		}
	}
	slices.SortFunc(bounds, netip.Addr.Compare)
	var out []evaluator.Other
	for _, addr := range slices.Compact(bounds) {
		out = append(out, evaluator.Other{Address: addr})
	}
	return out
}

// mentioned is what policies name.
type mentioned struct {
	// subjects are the selectors of policies, pod and namespace those of their peers.
	subjects, pod, namespace []*metav1.LabelSelector
	// ports are a pod's that has all names that rules name; the numbers are such as no rule names, where there are such.
	ports []snapshot.ContainerPort
}

func namedBy(policies []*networkingv1.NetworkPolicy) mentioned {
	var n mentioned
	var ports []networkingv1.NetworkPolicyPort
	for _, policy := range policies {
		n.subjects = append(n.subjects, &policy.Spec.PodSelector)
		for _, rule := range policy.Spec.Ingress {
			n.addPeers(rule.From)
			ports = append(ports, rule.Ports...)
		}
		for _, rule := range policy.Spec.Egress {
			n.addPeers(rule.To)
			ports = append(ports, rule.Ports...)
		}
	}
	var numbers portset.Set
	var names []string
	for _, port := range ports {
		switch p := portOf(port); {
		case hasName(p):
			names = append(names, p.Port.StrVal)
		case p.EndPort == nil:
			numbers = numbers.Union(portset.Of(p.Protocol, p.Port.IntVal, p.Port.IntVal))
		case !isEvery([]v1alpha1.Port{p}):
			numbers = numbers.Union(portset.Of(p.Protocol, p.Port.IntVal, *p.EndPort))
		}
	}
	slices.Sort(names)
	n.ports = containerPorts(slices.Compact(names), numbers)
	return n
}

func (n *mentioned) addPeers(peers []networkingv1.NetworkPolicyPeer) {
	for _, peer := range peers {
		if peer.PodSelector != nil {
			n.pod = append(n.pod, peer.PodSelector)
		}
		if peer.NamespaceSelector != nil {
			n.namespace = append(n.namespace, peer.NamespaceSelector)
		}
	}
}

// containerPorts gives each name a number of its own for each protocol, which no rule names by itself where there is such a number.
func containerPorts(names []string, taken portset.Set) []snapshot.ContainerPort {
	var out []snapshot.ContainerPort
	next := portset.First
	for _, name := range names {
		for _, protocol := range portset.Protocols() {
			for taken.Contains(protocol, next) && next < portset.Last {
				next++
			}
			out = append(out, snapshot.ContainerPort{Name: name, Port: next, Protocol: protocol})
			next = min(next+1, portset.Last)
		}
	}
	return snapshot.SortedPorts(out)
}

// pods returns the pods of some labels that policies can tell apart: one without ports, and one with those that rules name.
func (n mentioned) pods(namespace string, labels map[string]string) []snapshot.Pod {
	out := []snapshot.Pod{{Namespace: namespace, Labels: labels}}
	if len(n.ports) > 0 {
		out = append(out, snapshot.Pod{Namespace: namespace, Labels: labels, Ports: n.ports})
	}
	return out
}

// namespaces returns one of each kind: nil for the namespace itself, with the labels that it has, and all that there could be besides.
func (n mentioned) namespaces(own snapshot.Namespace) ([]*evaluator.Namespace, error) {
	kinds, err := kindsOf(n.namespace)
	if err != nil {
		return nil, err
	}
	out := []*evaluator.Namespace{nil}
	for i, labels := range kinds {
		name := labels[selector.NamespaceNameLabel]
		if name == own.Name {
			continue
		}
		if name == "" {
			name = fmt.Sprintf("another-%d", i)
		}
		ns, err := evaluator.Read(snapshot.Namespace{Name: name, Labels: labels}, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, ns)
	}
	return out, nil
}

// kindsOf returns labels of one object of each kind that selectors tell apart.
func kindsOf(selectors []*metav1.LabelSelector) ([]map[string]string, error) {
	type kind struct {
		all, none []*metav1.LabelSelector
		labels    map[string]string
	}
	kinds := []kind{{labels: map[string]string{}}}
	budget := selector.NewBudget(selector.MaxSearch)
	seen := map[string]bool{}
	for _, s := range selectors {
		key := selectorKey(s)
		if seen[key] {
			continue
		}
		seen[key] = true
		var next []kind
		for _, k := range kinds {
			with := kind{all: append(slices.Clone(k.all), s), none: k.none}
			without := kind{all: k.all, none: append(slices.Clone(k.none), s)}
			for _, part := range []kind{with, without} {
				labels, some, err := budget.Witness(part.all, part.none)
				if errors.Is(err, selector.ErrTooComplex) {
					return nil, errTooManyKinds
				}
				if err != nil {
					return nil, err
				}
				if some {
					part.labels = labels
					next = append(next, part)
				}
			}
		}
		if len(next) > maxKinds {
			return nil, errTooManyKinds
		}
		kinds = next
	}
	out := make([]map[string]string, 0, len(kinds))
	for _, k := range kinds {
		out = append(out, k.labels)
	}
	return out, nil
}
