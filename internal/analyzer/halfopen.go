package analyzer

import (
	"cmp"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// HalfOpen is a flow that a profile opens at its own end and that the other end denies: a connection needs both.
type HalfOpen struct {
	Tier, Entry string
	// Direction is that of the profile's end: the other one is what is missing.
	Direction networkpolicy.Direction
	// Declared are the peers of the entry, at least one, that pods stand for which do not let it through.
	Declared []v1alpha1.Peer
	// Namespace is that of the other end.
	Namespace string
	// Pod is a pod of the other end, Someday when none runs yet.
	Pod     snapshot.Pod
	Someday bool
	// Ports are declared and not admitted, at least one.
	Ports portset.Set
	// Isolating are the policies of Namespace that isolate the other end, by name.
	Isolating []*networkingv1.NetworkPolicy
}

// HalfOpenFlows returns the flows of a profile that are open at its own end only, in an order that does not depend on that of
// the input, one a tier, entry, direction and namespace. Here is the namespace of the output, with its policies as they are to
// be; others are at least those within its reach. Addresses, and everybody, are no end that could deny.
func HalfOpenFlows(output compiler.Output, here *Place, others []*Place) ([]HalfOpen, error) {
	h := halfOpen{here: here, places: append([]*Place{here}, others...), found: map[halfOpenKey]*HalfOpen{}}
	for _, flow := range output.Flows {
		tier, ok := output.Profile.Tier(flow.Tier)
		if !ok {
			continue
		}
		own, err := tierPods(tier, here.Pods)
		if err != nil {
			return nil, fmt.Errorf("tier %s: podSelector: %w", flow.Tier, err)
		}
		own = orSomeday(own, here.Namespace.Name, selector.FromAPI(tier.PodSelector))
		for _, peer := range flow.Peers {
			if err := h.judgePeer(flow, own, peer); err != nil {
				return nil, fmt.Errorf("allow entry %s: %w", flow.Entry, err)
			}
		}
	}
	out := make([]HalfOpen, 0, len(h.found))
	for _, f := range h.found {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b HalfOpen) int {
		return cmp.Or(cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Entry, b.Entry), cmp.Compare(a.Direction, b.Direction), cmp.Compare(a.Namespace, b.Namespace))
	})
	return out, nil
}

type halfOpenKey struct {
	tier, entry string
	direction   networkpolicy.Direction
	namespace   string
}

type halfOpen struct {
	here   *Place
	places []*Place
	found  map[halfOpenKey]*HalfOpen
}

func (h *halfOpen) judgePeer(flow compiler.Flow, own []*snapshot.Pod, peer networkingv1.NetworkPolicyPeer) error {
	if peer.IPBlock != nil {
		return nil
	}
	var namespaces labels.Selector
	if peer.NamespaceSelector != nil {
		var err error
		if namespaces, err = selector.Compile(peer.NamespaceSelector); err != nil {
			return err
		}
	}
	pods := peer.PodSelector
	if pods == nil {
		pods = &metav1.LabelSelector{}
	}
	_, pinned := selector.PinnedNames(peer.NamespaceSelector)
	for _, place := range h.places {
		meant := place == h.here
		if namespaces != nil {
			meant = namespaces.Matches(labels.Set(place.Namespace.Labels))
		}
		if !meant {
			continue
		}
		if err := h.judgePlace(flow, own, place, pods, namespaces == nil || pinned); err != nil {
			return err
		}
	}
	return nil
}

// judgePlace looks at the other end of a flow in one namespace. Certain: the flow means this namespace and no other, so that
// there will be such a pod when there is none.
func (h *halfOpen) judgePlace(flow compiler.Flow, own []*snapshot.Pod, place *Place, pods *metav1.LabelSelector, certain bool) error {
	others, err := matching(pods, place.Pods)
	if err != nil {
		return err
	}
	someday := len(others) == 0
	if certain {
		others = orSomeday(others, place.Namespace.Name, pods)
	}
	for _, other := range others {
		for _, mine := range own {
			h.judge(flow, mine, place, other, someday)
		}
	}
	return nil
}

// judge looks at the other end of one flow between two pods.
func (h *halfOpen) judge(flow compiler.Flow, mine *snapshot.Pod, place *Place, other *snapshot.Pod, someday bool) {
	opposite, destination := networkpolicy.Ingress, other
	if flow.Direction == networkpolicy.Ingress {
		opposite, destination = networkpolicy.Egress, mine
	}
	admission := place.Rules.Admits(opposite, other, evaluator.Other{Pod: mine, Namespace: h.here.Rules})
	missing := portsAt(flow.Ports, destination).Minus(admission.Ports).Minus(admission.Undecidable)
	if missing.IsEmpty() {
		return
	}
	key := halfOpenKey{flow.Tier, flow.Entry, flow.Direction, place.Namespace.Name}
	f, ok := h.found[key]
	if !ok {
		f = &HalfOpen{
			Tier: flow.Tier, Entry: flow.Entry, Direction: flow.Direction, Namespace: place.Namespace.Name, Pod: *other, Someday: someday,
			Isolating: isolating(place, opposite, other),
		}
		h.found[key] = f
	}
	f.Ports = f.Ports.Union(missing)
	if !slices.ContainsFunc(f.Declared, func(p v1alpha1.Peer) bool { return equality.Semantic.DeepEqual(p, flow.Declared) }) {
		f.Declared = append(f.Declared, flow.Declared)
	}
}

// isolating returns the policies that isolate a pod in a direction, by name.
func isolating(place *Place, direction networkpolicy.Direction, pod *snapshot.Pod) []*networkingv1.NetworkPolicy {
	names := map[string]bool{}
	for _, name := range place.Rules.Isolating(direction, pod) {
		names[name] = true
	}
	var out []*networkingv1.NetworkPolicy
	for _, p := range place.Policies {
		if names[p.Name] {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *networkingv1.NetworkPolicy) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// portsAt returns declared ports as the numbers that they are at a destination. A name that the pod does not know is no port.
func portsAt(ports []v1alpha1.Port, destination *snapshot.Pod) portset.Set {
	var out portset.Set
	for _, p := range ports {
		switch {
		case p.Port.Type == intstr.String:
			for _, own := range destination.Ports {
				if own.Name == p.Port.StrVal && own.Protocol == p.Protocol {
					out = out.Union(portset.Of(own.Protocol, own.Port, own.Port))
				}
			}
		case p.EndPort != nil:
			out = out.Union(portset.Of(p.Protocol, p.Port.IntVal, *p.EndPort))
		default:
			out = out.Union(portset.Of(p.Protocol, p.Port.IntVal, p.Port.IntVal))
		}
	}
	return out
}
