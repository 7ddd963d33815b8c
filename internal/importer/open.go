package importer

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
)

// maxPieces is into how many parts the pods of a tier are divided at most.
const maxPieces = 8

// keepOpen keeps open what no policy closes. A tier is isolated both ways, a policy perhaps one way only.
func (t *translation) keepOpen(in Input, sources []source) *Omission {
	if t.isolatesAll {
		return nil
	}
	for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
		closed := t.closed(in, sources, direction)
		for _, here := range slices.Clone(t.tiers) {
			if here.isPiece {
				continue
			}
			pieces, err := without(here.selector, closed)
			if err != nil {
				return &Omission{Policy: here.isolatedBy[0], Field: "spec.podSelector", Reason: fmt.Sprintf(
					"some of its pods are not isolated for %s, and which ones a profile cannot say: %v", direction, err)}
			}
			t.open(here, direction, pieces)
		}
	}
	return nil
}

// closed returns the selectors of the pods that policies isolate in a direction, whether they are imported or stay.
func (t *translation) closed(in Input, sources []source, direction networkpolicy.Direction) []*metav1.LabelSelector {
	var out []*metav1.LabelSelector
	for _, here := range t.tiers {
		if here.isolates[direction] {
			out = append(out, here.selector)
		}
	}
	for _, policy := range slices.Concat(in.Beside, in.Policies) {
		if slices.ContainsFunc(sources, func(s source) bool { return s.name == policy.Name }) {
			continue
		}
		spec := networkpolicy.Canonical(policy.Spec)
		for _, kind := range spec.PolicyTypes {
			if strings.EqualFold(string(kind), string(direction)) {
				out = append(out, &spec.PodSelector)
			}
		}
	}
	return out
}

// without returns selectors that together choose what one chooses and none of the others does; that one itself when it has nothing in
// common with the others.
func without(s *metav1.LabelSelector, others []*metav1.LabelSelector) ([]*metav1.LabelSelector, error) {
	pieces := []*metav1.LabelSelector{s}
	for _, other := range others {
		var next []*metav1.LabelSelector
		for _, piece := range pieces {
			if areApart(piece, other) {
				next = append(next, piece)
				continue
			}
			_, meets, err := selector.Witness([]*metav1.LabelSelector{piece, other}, nil)
			if err != nil {
				return nil, err
			}
			if !meets {
				next = append(next, piece)
				continue
			}
			left, err := minus(piece, other)
			if err != nil {
				return nil, err
			}
			next = append(next, left...)
		}
		if len(next) > maxPieces {
			return nil, fmt.Errorf("they fall into more than %d groups", maxPieces)
		}
		pieces = next
	}
	return pieces, nil
}

// minus returns selectors that together choose what one chooses and another does not: for each requirement of that one, those that
// do not meet it.
func minus(s, other *metav1.LabelSelector) ([]*metav1.LabelSelector, error) {
	var out []*metav1.LabelSelector
	for _, r := range requirements(other) {
		piece := selector.And(s, &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{negated(r)}})
		_, some, err := selector.Witness([]*metav1.LabelSelector{piece}, nil)
		if err != nil {
			return nil, err
		}
		if !some {
			continue
		}
		if _, why := toAPI(piece); why != "" {
			return nil, fmt.Errorf("%s", why)
		}
		out = append(out, piece)
	}
	return out, nil
}

// requirements returns a selector as expressions, in a certain order.
func requirements(s *metav1.LabelSelector) []metav1.LabelSelectorRequirement {
	var out []metav1.LabelSelectorRequirement
	for key, value := range s.MatchLabels {
		out = append(out, selector.In(key, value))
	}
	slices.SortFunc(out, func(a, b metav1.LabelSelectorRequirement) int { return strings.Compare(a.Key, b.Key) })
	return append(out, s.MatchExpressions...)
}

// negated returns the requirement that exactly those objects meet that do not meet another.
func negated(r metav1.LabelSelectorRequirement) metav1.LabelSelectorRequirement {
	opposite := map[metav1.LabelSelectorOperator]metav1.LabelSelectorOperator{
		metav1.LabelSelectorOpIn:           metav1.LabelSelectorOpNotIn,
		metav1.LabelSelectorOpNotIn:        metav1.LabelSelectorOpIn,
		metav1.LabelSelectorOpExists:       metav1.LabelSelectorOpDoesNotExist,
		metav1.LabelSelectorOpDoesNotExist: metav1.LabelSelectorOpExists,
	}
	return metav1.LabelSelectorRequirement{Key: r.Key, Operator: opposite[r.Operator], Values: r.Values}
}

// open adds that parts of a tier may do, in a direction, what nothing keeps them from.
func (t *translation) open(whole *tier, direction networkpolicy.Direction, pieces []*metav1.LabelSelector) {
	for _, piece := range pieces {
		here := t.bySelector[selectorKey(piece)]
		if here == nil {
			here = t.tierOf(piece)
			here.isPiece = true
		}
		if here == whole || here.isPiece {
			here.open[direction] = true
		}
		for _, port := range everyPort() {
			t.atoms = append(t.atoms, atom{direction, here, v1alpha1.Peer{Anywhere: &v1alpha1.AnywherePeer{}}, port, origin{policy: "open-" + string(direction), direction: direction}})
		}
	}
	if len(pieces) == 0 {
		return
	}
	what := map[networkpolicy.Direction]string{
		networkpolicy.Ingress: "who may connect to some of these pods", networkpolicy.Egress: "where some of these pods may connect to",
	}[direction]
	t.remark(fmt.Sprintf("No NetworkPolicy restricts %s, so entry open-%s leaves that open. Put what is needed in its place. "+
		"Protocols other than TCP, UDP and SCTP, such as ICMP, are closed by most network plugins all the same.", what, direction))
}
