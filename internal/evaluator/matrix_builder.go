package evaluator

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
)

// matrixBuilder finds the classes that rules mean, each set of them once.
type matrixBuilder struct {
	evaluator *Evaluator
	classes   []Class
	// inNamespace and withLabel hold classes, ascending. Those on the host network are not among them: selectors do not choose
	// them.
	inNamespace map[string][]int
	withLabel   map[[2]string][]int
	everyone    [2]*peerSet
	ends        map[string]*end
	namespaces  map[string]map[string]bool
	peerSets    map[peerKey]*peerSet
}

// peerKey is equal for peers that mean the same. Its parts stand apart, because whoever writes a selector chooses its text.
type peerKey struct {
	direction networkpolicy.Direction
	// namespace is that of peers without namespaceSelector; empty for others.
	namespace               string
	namespaces, pods, block string
}

func newMatrixBuilder(e *Evaluator, classes []Class) *matrixBuilder {
	b := &matrixBuilder{
		evaluator: e, classes: classes, inNamespace: map[string][]int{}, withLabel: map[[2]string][]int{},
		ends: map[string]*end{}, namespaces: map[string]map[string]bool{}, peerSets: map[peerKey]*peerSet{},
		everyone: [2]*peerSet{{}, {}},
	}
	for i, c := range classes {
		for _, set := range b.everyone {
			set.members = append(set.members, i)
		}
		if c.Pod.HostNetwork {
			continue
		}
		b.inNamespace[c.Pod.Namespace] = append(b.inNamespace[c.Pod.Namespace], i)
		for k, v := range c.Pod.Labels {
			b.withLabel[[2]string{k, v}] = append(b.withLabel[[2]string{k, v}], i)
		}
	}
	return b
}

// end returns what is decided at one end of a class.
func (b *matrixBuilder) end(direction networkpolicy.Direction, class int) *end {
	pod := &b.classes[class].Pod
	n := b.evaluator.namespaces[pod.Namespace]
	selected := selectedBy(n, direction, pod)
	key := fmt.Sprint(pod.Namespace, direction, selected)
	out, ok := b.ends[key]
	if ok {
		return out
	}
	out = &end{open: len(selected) == 0}
	for _, i := range selected {
		for j := range n.policies[i].side(direction).rules {
			out.entries = append(out.entries, b.entries(n, direction, &n.policies[i].side(direction).rules[j])...)
		}
	}
	b.ends[key] = out
	return out
}

// entries returns a rule as one entry for what is sure, and one for what is not.
func (b *matrixBuilder) entries(n *Namespace, direction networkpolicy.Direction, r *rule) []entry {
	if r.everyone {
		// One set a direction: which of its members are open is asked of their other end.
		which := b.everyone[0]
		if direction == networkpolicy.Egress {
			which = b.everyone[1]
		}
		return []entry{{which, true, r.ports}}
	}
	var out []entry
	for _, p := range r.peers {
		if set := b.peerSet(n, direction, p); len(set.members) > 0 {
			out = append(out, entry{set, p.pods != nil, r.ports})
		}
	}
	return out
}

// peerSet returns the classes that a peer means, or may mean.
func (b *matrixBuilder) peerSet(n *Namespace, direction networkpolicy.Direction, p peer) *peerSet {
	key := peerKey{direction: direction}
	switch {
	case p.pods == nil:
		key.block = fmt.Sprint(p.block)
	case p.namespaces == nil:
		key.namespace, key.pods = n.name, p.pods.String()
	default:
		key.namespaces, key.pods = p.namespaces.String(), p.pods.String()
	}
	set, ok := b.peerSets[key]
	if !ok {
		set = &peerSet{members: b.members(n, p)}
		b.peerSets[key] = set
	}
	return set
}

func (b *matrixBuilder) members(n *Namespace, p peer) []int {
	var out []int
	switch {
	case p.pods == nil:
		for i := range b.classes {
			// The members of a class are in the same blocks.
			if mayHoldAddress(p.block, &b.evaluator.pods[b.classes[i].Members[0]]) {
				out = append(out, i)
			}
		}
	case p.namespaces == nil:
		out = b.matching(b.inNamespace[n.name], p.pods)
	default:
		namespaces := b.matchingNamespaces(p.namespaces)
		if few, ok := b.withOneLabel(p.pods); ok {
			for _, i := range b.matching(few, p.pods) {
				if namespaces[b.classes[i].Pod.Namespace] {
					out = append(out, i)
				}
			}
			return out
		}
		for name := range namespaces {
			out = append(out, b.matching(b.inNamespace[name], p.pods)...)
		}
		slices.Sort(out)
	}
	return out
}

func (b *matrixBuilder) matching(among []int, s labels.Selector) []int {
	var out []int
	for _, i := range among {
		if s.Matches(labels.Set(b.classes[i].Pod.Labels)) {
			out = append(out, i)
		}
	}
	return out
}

// withOneLabel returns the classes that have a label which the selector demands: few to look at instead of all. False when it
// demands none.
func (b *matrixBuilder) withOneLabel(s labels.Selector) ([]int, bool) {
	requirements, _ := s.Requirements()
	for _, r := range requirements {
		if value, ok := demanded(r); ok {
			return b.withLabel[[2]string{r.Key(), value}], true
		}
	}
	return nil, false
}

func demanded(r labels.Requirement) (value string, ok bool) {
	switch r.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		if values := r.ValuesUnsorted(); len(values) == 1 {
			return values[0], true
		}
	default:
	}
	return "", false
}

// matchingNamespaces returns the namespaces that a selector chooses.
func (b *matrixBuilder) matchingNamespaces(s labels.Selector) map[string]bool {
	key := s.String()
	out, ok := b.namespaces[key]
	if ok {
		return out
	}
	out = map[string]bool{}
	b.namespaces[key] = out
	requirements, _ := s.Requirements()
	for _, r := range requirements {
		if name, ok := demanded(r); ok && r.Key() == selector.NamespaceNameLabel {
			if n := b.evaluator.namespaces[name]; n != nil && s.Matches(n.labels) {
				out[name] = true
			}
			return out
		}
	}
	for name, n := range b.evaluator.namespaces {
		if s.Matches(n.labels) {
			out[name] = true
		}
	}
	return out
}
