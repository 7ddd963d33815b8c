package networkpolicy

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

// Direction is the direction of traffic as seen from the pods that a policy selects.
type Direction string

// The two directions.
const (
	Ingress Direction = "ingress"
	Egress  Direction = "egress"
)

// Everyone and EveryPort stand in an Atom where a policy names no peer or no port.
const (
	Everyone  = "everyone"
	EveryPort = "every port"
)

// Atom is the smallest thing a policy admits: one peer on one port in one direction. Atoms are compared by the text of
// their parts, so two atoms that differ may still overlap in the connections they admit.
type Atom struct {
	Direction Direction
	Peer      string
	Port      string
}

// Admitted returns the atoms that the policy admits for the pods it selects. A direction that the policy does not
// isolate admits everyone on every port.
func Admitted(spec networkingv1.NetworkPolicySpec) map[Atom]bool {
	spec = Canonical(spec)
	atoms := map[Atom]bool{}
	add := func(d Direction, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
		peerKeys, portKeys := []string{Everyone}, []string{EveryPort}
		if len(peers) > 0 {
			peerKeys = nil
			for _, p := range peers {
				peerKeys = append(peerKeys, Key(p))
			}
		}
		if len(ports) > 0 {
			portKeys = nil
			for _, p := range ports {
				portKeys = append(portKeys, Key(p))
			}
		}
		for _, peer := range peerKeys {
			for _, port := range portKeys {
				atoms[Atom{d, peer, port}] = true
			}
		}
	}
	for _, rule := range spec.Ingress {
		add(Ingress, rule.From, rule.Ports)
	}
	for _, rule := range spec.Egress {
		add(Egress, rule.To, rule.Ports)
	}
	if !slices.Contains(spec.PolicyTypes, networkingv1.PolicyTypeIngress) {
		add(Ingress, nil, nil)
	}
	if !slices.Contains(spec.PolicyTypes, networkingv1.PolicyTypeEgress) {
		add(Egress, nil, nil)
	}
	return atoms
}

// Difference says how the desired spec of a policy differs from the live one.
type Difference struct {
	// Equal: both mean the same, and nothing else is set.
	Equal bool
	// Selector: they select different pods.
	Selector bool
	// Adds: desired admits something that live does not. Removes: the other way round. Both compare atoms, so a rule
	// that is merely written another way sets both.
	Adds, Removes bool
}

// Compare says how desired differs from live.
func Compare(live, desired networkingv1.NetworkPolicySpec) Difference {
	if bytes.Equal(appendSpec(room(), &live), appendSpec(room(), &desired)) {
		// As it nearly always is: nobody touched what was written.
		return Difference{Equal: true}
	}
	a, b := Canonical(live), Canonical(desired)
	if reflect.DeepEqual(a, b) {
		return Difference{Equal: true}
	}
	d := Difference{Selector: !reflect.DeepEqual(a.PodSelector, b.PodSelector)}
	have, want := Admitted(a), Admitted(b)
	for atom := range want {
		d.Adds = d.Adds || !have[atom]
	}
	for atom := range have {
		d.Removes = d.Removes || !want[atom]
	}
	return d
}

// Union returns a spec that admits what either admits, for the pods that b selects: the rules of both. It isolates the
// directions that both isolate.
func Union(a, b networkingv1.NetworkPolicySpec) networkingv1.NetworkPolicySpec {
	a, b = Canonical(a), Canonical(b)
	out := networkingv1.NetworkPolicySpec{PodSelector: b.PodSelector}
	out.Ingress = append(slices.Clone(a.Ingress), b.Ingress...)
	out.Egress = append(slices.Clone(a.Egress), b.Egress...)
	for _, t := range b.PolicyTypes {
		if slices.Contains(a.PolicyTypes, t) {
			out.PolicyTypes = append(out.PolicyTypes, t)
		}
	}
	if len(out.PolicyTypes) == 0 {
		// A policy without types would be given Ingress by the API server; no direction isolated cannot be written, so
		// keep the narrower of the two meanings.
		out.PolicyTypes = b.PolicyTypes
	}
	return Canonical(out)
}

// Describe says in a few words how live differs from desired, from the point of view of somebody who changed live: "1
// egress rule added". Empty when they mean the same.
func Describe(live, desired networkingv1.NetworkPolicySpec) string {
	a, b := Canonical(live), Canonical(desired)
	var parts []string
	if !reflect.DeepEqual(a.PodSelector, b.PodSelector) {
		parts = append(parts, "podSelector changed")
	}
	if !reflect.DeepEqual(a.PolicyTypes, b.PolicyTypes) {
		parts = append(parts, fmt.Sprintf("policyTypes changed to %v", a.PolicyTypes))
	}
	parts = append(parts, describeRules(Ingress, keySet(a.Ingress), keySet(b.Ingress))...)
	parts = append(parts, describeRules(Egress, keySet(a.Egress), keySet(b.Egress))...)
	return strings.Join(parts, ", ")
}

func keySet[T any](rules []T) map[string]bool {
	set := map[string]bool{}
	for _, r := range rules {
		set[Key(r)] = true
	}
	return set
}

func describeRules(d Direction, live, desired map[string]bool) []string {
	added, removed := 0, 0
	for k := range maps.Keys(live) {
		if !desired[k] {
			added++
		}
	}
	for k := range maps.Keys(desired) {
		if !live[k] {
			removed++
		}
	}
	switch {
	case added > 0 && removed > 0:
		return []string{fmt.Sprintf("%s rules changed (%d added, %d removed)", d, added, removed)}
	case added > 0:
		return []string{fmt.Sprintf("%d %s %s added", added, d, rules(added))}
	case removed > 0:
		return []string{fmt.Sprintf("%d %s %s removed", removed, d, rules(removed))}
	}
	return nil
}

func rules(n int) string {
	if n == 1 {
		return "rule"
	}
	return "rules"
}
