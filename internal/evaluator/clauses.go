package evaluator

import (
	"net/netip"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
)

// Clause is what a rule says of one of its peers to the pods that its policy selects. A pod that a policy isolates admits what the
// clauses admit that speak of it, all together, and nothing else.
type Clause struct {
	// Subject chooses the pods that it speaks to, in the namespace of the policy.
	Subject *metav1.LabelSelector
	// Everyone: it speaks of whoever there is. Then the next four are nothing.
	Everyone bool
	// Pods chooses the pods at the other end; nil when that are addresses. Namespaces chooses theirs, and is nil when that is the
	// policy's own.
	Pods, Namespaces *metav1.LabelSelector
	// CIDR are the addresses at the other end, without those in Except; not valid when that are pods.
	CIDR   netip.Prefix
	Except []netip.Prefix
	// Numbers are ports by number, and Names by name: each destination gives a name numbers of its own, and an address none.
	Numbers portset.Set
	Names   []PortName
}

// HasAddress says whether the clause speaks of an address outside the cluster.
func (c Clause) HasAddress(addr netip.Addr) bool {
	return c.Everyone || block{c.CIDR, c.Except}.contains(addr)
}

// Clauses returns what the policies say in a direction, in their order.
func (n *Namespace) Clauses(direction networkpolicy.Direction) []Clause {
	var out []Clause
	for i := range n.policies {
		subject := selectorOf(n.policies[i].pods)
		for _, r := range n.policies[i].side(direction).rules {
			said := Clause{Subject: subject, Everyone: r.everyone, Numbers: r.ports.numbers, Names: r.ports.names}
			if r.everyone {
				out = append(out, said)
			}
			for _, p := range r.peers {
				of := said
				of.CIDR, of.Except = p.block.cidr, p.block.except
				if p.pods != nil {
					of.Pods = selectorOf(p.pods)
				}
				if p.namespaces != nil {
					of.Namespaces = selectorOf(p.namespaces)
				}
				out = append(out, of)
			}
		}
	}
	return out
}

// IsolatedBy returns the selectors of the policies that restrict a direction, in the order of the policies.
func (n *Namespace) IsolatedBy(direction networkpolicy.Direction) []*metav1.LabelSelector {
	var out []*metav1.LabelSelector
	for i := range n.policies {
		if n.policies[i].side(direction).isolates {
			out = append(out, selectorOf(n.policies[i].pods))
		}
	}
	return out
}

// selectorOf returns what was compiled as policies write it, and the same for what is written in two ways: a label that must have one
// value stands in MatchLabels.
func selectorOf(compiled labels.Selector) *metav1.LabelSelector {
	out := &metav1.LabelSelector{MatchLabels: map[string]string{}}
	operators := map[selection.Operator]metav1.LabelSelectorOperator{
		selection.Equals: metav1.LabelSelectorOpIn, selection.In: metav1.LabelSelectorOpIn, selection.NotIn: metav1.LabelSelectorOpNotIn,
		selection.Exists: metav1.LabelSelectorOpExists, selection.DoesNotExist: metav1.LabelSelectorOpDoesNotExist,
	}
	requirements, _ := compiled.Requirements()
	for _, r := range requirements {
		// What policies cannot write would get no operator, and whoever reads it says so.
		e := metav1.LabelSelectorRequirement{Key: r.Key(), Operator: operators[r.Operator()], Values: r.Values().List()}
		if _, has := out.MatchLabels[e.Key]; !has && e.Operator == metav1.LabelSelectorOpIn && len(e.Values) == 1 {
			out.MatchLabels[e.Key] = e.Values[0]
			continue
		}
		out.MatchExpressions = append(out.MatchExpressions, e)
	}
	return selector.Canonical(out)
}
