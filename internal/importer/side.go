package importer

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
)

// A pair of pods, and the namespace of the second, are taken for one object that bears the labels of all three, so that one selector
// can speak of them: which end a label is of, its key begins with.
const (
	ofSubject   = "subject "
	ofOther     = "other "
	ofNamespace = "namespace "
)

// of returns a selector of one end as one of pairs.
func of(end string, s *metav1.LabelSelector) *metav1.LabelSelector {
	out := &metav1.LabelSelector{}
	for key, value := range s.MatchLabels {
		if out.MatchLabels == nil {
			out.MatchLabels = map[string]string{}
		}
		out.MatchLabels[end+key] = value
	}
	for _, e := range s.MatchExpressions {
		out.MatchExpressions = append(out.MatchExpressions, metav1.LabelSelectorRequirement{Key: end + e.Key, Operator: e.Operator, Values: e.Values})
	}
	return out
}

// side is what a list of policies says in a direction.
type side struct {
	// isolatedBy are the selectors of the pods that are isolated, each once, and isIsolated says which these are, by their keys.
	isolatedBy []*metav1.LabelSelector
	isIsolated map[string]bool
	terms      []*term
	byKey      map[string]*term
}

// term is all that a list of policies says to the pods of one selector of one peer.
type term struct {
	clause evaluator.Clause
	// subject is a selector of pairs that asks for nothing but whom the term speaks to, and pair asks for the other end, too; it is nil
	// where the other end are addresses.
	subject, pair *metav1.LabelSelector
	numbers       portset.Set
	names         []evaluator.PortName
}

func sideOf(n *evaluator.Namespace, direction networkpolicy.Direction) *side {
	out := &side{isIsolated: map[string]bool{}, byKey: map[string]*term{}}
	for _, s := range n.IsolatedBy(direction) {
		if key := selectorKey(of(ofSubject, s)); !out.isIsolated[key] {
			out.isIsolated[key] = true
			out.isolatedBy = append(out.isolatedBy, of(ofSubject, s))
		}
	}
	for _, clause := range n.Clauses(direction) {
		subject := of(ofSubject, clause.Subject)
		key := termKey(subject, clause)
		t := out.byKey[key]
		if t == nil {
			t = &term{clause: clause, subject: subject, pair: pairOf(n.Name(), clause)}
			out.byKey[key] = t
			out.terms = append(out.terms, t)
		}
		t.numbers = t.numbers.Union(clause.Numbers)
		for _, name := range clause.Names {
			if !slices.Contains(t.names, name) {
				t.names = append(t.names, name)
			}
		}
	}
	return out
}

// pairOf returns the selector of the pairs of pods that a clause of a namespace's policies speaks of. A peer without a namespaceSelector
// is in that namespace, whatever labels it has.
func pairOf(own string, c evaluator.Clause) *metav1.LabelSelector {
	subject := of(ofSubject, c.Subject)
	switch {
	case c.Everyone:
		return subject
	case c.Pods == nil:
		return nil
	case c.Namespaces == nil:
		return selector.And(subject, of(ofOther, c.Pods), of(ofNamespace, selector.NamespaceNames(own)))
	}
	return selector.And(subject, of(ofOther, c.Pods), of(ofNamespace, c.Namespaces))
}

// termKey is equal for clauses of the same pods and the same peer. The subject is that of the clause, or another in its place.
func termKey(subject *metav1.LabelSelector, c evaluator.Clause) string {
	if c.Everyone {
		return selectorKey(subject) + " everyone"
	}
	return fmt.Sprint(selectorKey(subject), " ", networkpolicy.Key(c.Pods), networkpolicy.Key(c.Namespaces), c.CIDR, c.Except)
}

// areApart says whether it can be seen at once that nothing matches both selectors. No means that something may.
func areApart(a, b *metav1.LabelSelector) bool {
	for key, value := range a.MatchLabels {
		if other, has := b.MatchLabels[key]; has && other != value {
			return true
		}
	}
	return false
}
