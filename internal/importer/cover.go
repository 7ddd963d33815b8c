package importer

import (
	"fmt"
	"net/netip"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
)

// proof looks for what one side admits and another does not. What a side admits is the union of its terms, so each term is held against
// the other side by itself: that takes as long as there are terms, however many kinds of pods their selectors tell apart.
type proof struct {
	direction networkpolicy.Direction
	// addresses are one of each kind that the terms of both sides tell apart.
	addresses []netip.Addr
	budget    *selector.Budget
}

// claim is what a side admits to the pods that match all of some selectors and none of others. The other side isolates them.
type claim struct {
	all, none []*metav1.LabelSelector
	// of has the peer and the ports.
	of *term
}

// example is a pair, by their labels, and a port that one side admits and another does not.
type example struct {
	labels map[string]string
	// address is the other end, when that is no pod.
	address netip.Addr
	// port is the one that the destination gives the name, if there is a name.
	port portset.Range
	name evaluator.PortName
}

// notAdmitted returns an example of what one side admits and another does not; nil when there is none.
func (p *proof) notAdmitted(by, of *side) (*example, error) {
	claims, err := p.claims(of, by)
	if err != nil {
		return nil, err
	}
	for _, c := range claims {
		if found, err := p.against(c, by); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// claims returns what a side admits to the pods that another isolates: the others, that side admits everything.
func (p *proof) claims(of, by *side) ([]claim, error) {
	var out []claim
	for _, t := range of.terms {
		parts, err := p.isolatedParts(t.subject, by)
		if err != nil {
			return nil, err
		}
		for _, all := range parts {
			out = append(out, claim{all: all, of: t})
		}
	}
	// Whom nothing isolates admits everything.
	open := &term{clause: evaluator.Clause{Everyone: true}, pair: &metav1.LabelSelector{}, numbers: portset.All()}
	for _, s := range by.isolatedBy {
		if of.isIsolated[selectorKey(s)] {
			continue
		}
		c := claim{all: []*metav1.LabelSelector{s}, none: of.isolatedBy, of: open}
		_, some, err := p.witness(c.all, c.none)
		if err != nil {
			return nil, err
		}
		if some {
			out = append(out, c)
		}
	}
	return out, nil
}

// isolatedParts divides the pods that match a selector by which selector of a side isolates them, and leaves out those of which none
// does. The parts may overlap.
func (p *proof) isolatedParts(s *metav1.LabelSelector, by *side) ([][]*metav1.LabelSelector, error) {
	whole := []*metav1.LabelSelector{s}
	if by.isIsolated[selectorKey(s)] {
		return [][]*metav1.LabelSelector{whole}, nil
	}
	var out [][]*metav1.LabelSelector
	for _, isolating := range by.isolatedBy {
		if areApart(s, isolating) {
			continue
		}
		_, beyond, err := p.witness(whole, []*metav1.LabelSelector{isolating})
		if err != nil {
			return nil, err
		}
		if !beyond {
			return [][]*metav1.LabelSelector{whole}, nil
		}
		out = append(out, []*metav1.LabelSelector{s, isolating})
	}
	return out, nil
}

func (p *proof) witness(all, none []*metav1.LabelSelector) (map[string]string, bool, error) {
	var near []*metav1.LabelSelector
	for _, s := range none {
		if !slices.ContainsFunc(all, func(a *metav1.LabelSelector) bool { return areApart(a, s) }) {
			near = append(near, s)
		}
	}
	// Looking at each costs something, too.
	if err := p.budget.Spend(len(none) / lookedAtInAStep); err != nil {
		return nil, false, err
	}
	return p.budget.Witness(all, near)
}

// lookedAtInAStep is how many terms or selectors are passed over in the time of a step of a search.
const lookedAtInAStep = 8

// against holds a claim against a side.
func (p *proof) against(c claim, by *side) (*example, error) {
	want := c.besides(by)
	if want.isEmpty() {
		return nil, nil
	}
	var near []*term
	for _, t := range by.terms {
		if !slices.ContainsFunc(c.all, func(a *metav1.LabelSelector) bool { return areApart(a, t.subject) }) {
			near = append(near, t)
		}
	}
	if c.of.pair != nil {
		if found, err := p.againstPods(c, want, near); found != nil || err != nil {
			return found, err
		}
	}
	return p.againstAddresses(c, want, near)
}

// wanted are ports to look for.
type wanted struct {
	numbers portset.Set
	names   []evaluator.PortName
}

func (w wanted) isEmpty() bool { return w.numbers.IsEmpty() && len(w.names) == 0 }

// besides returns the ports of a claim that a side does not admit by a term of the same pods, or of every pod, and the same peer, or
// everyone. As a rule that is nothing.
func (c claim) besides(by *side) wanted {
	out := wanted{c.of.numbers, c.of.names}
	for _, subject := range append([]*metav1.LabelSelector{{}}, c.all...) {
		for _, peer := range []evaluator.Clause{c.of.clause, {Everyone: true}} {
			if t := by.byKey[termKey(subject, peer)]; t != nil {
				out.numbers = out.numbers.Minus(t.numbers)
				out.names = slices.DeleteFunc(slices.Clone(out.names), func(n evaluator.PortName) bool { return t.admits(n, portset.Every(n.Protocol)) })
			}
		}
	}
	return out
}

// admits says whether a term admits a port by its name, whichever of these numbers it has.
func (t *term) admits(name evaluator.PortName, numbers portset.Set) bool {
	return slices.Contains(t.names, name) || t.numbers.Covers(numbers)
}

// answer is a term with the selector of whom it admits among those that are asked about.
type answer struct {
	*term
	whom *metav1.LabelSelector
}

func (p *proof) againstPods(c claim, want wanted, near []*term) (*example, error) {
	var answers []answer
	for _, t := range near {
		if t.pair != nil && !areApart(t.pair, c.of.pair) {
			answers = append(answers, answer{t, t.pair})
		}
	}
	// Every namespace bears its name.
	named := of(ofNamespace, &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: selector.NamespaceNameLabel, Operator: metav1.LabelSelectorOpExists},
	}})
	return p.ask(claim{all: append(slices.Clone(c.all), c.of.pair, named), none: c.none}, want, answers)
}

func (p *proof) againstAddresses(c claim, want wanted, near []*term) (*example, error) {
	if p.direction == networkpolicy.Egress {
		// An address gives names no numbers.
		want.names = nil
	}
	asked := map[string]bool{}
	for _, addr := range p.addresses {
		if err := p.budget.Spend(1 + len(near)/lookedAtInAStep); err != nil {
			return nil, err
		}
		if !c.of.clause.HasAddress(addr) {
			continue
		}
		var answers []answer
		var which []int
		for i, t := range near {
			if t.clause.HasAddress(addr) {
				answers = append(answers, answer{t, t.subject})
				which = append(which, i)
			}
		}
		if key := fmt.Sprint(which); !asked[key] {
			asked[key] = true
			found, err := p.ask(c, want, answers)
			if found != nil {
				found.address = addr
			}
			if found != nil || err != nil {
				return found, err
			}
		}
	}
	return nil, nil
}

// ask returns somebody whom a claim is about and a port that none of the answers admits.
func (p *proof) ask(c claim, want wanted, answers []answer) (*example, error) {
	found, err := p.askPorts(c, want.numbers, answers, func(t *term, ports portset.Set) bool { return t.numbers.Covers(ports) })
	if found != nil || err != nil {
		return found, err
	}
	for _, name := range want.names {
		// A pod may give the name any number.
		found, err := p.askPorts(c, portset.Every(name.Protocol), answers, func(t *term, ports portset.Set) bool { return t.admits(name, ports) })
		if found != nil {
			found.name = name
		}
		if found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

func (p *proof) askPorts(c claim, ports portset.Set, answers []answer, admits func(*term, portset.Set) bool) (*example, error) {
	alike, err := p.alike(ports, answers)
	if err != nil {
		return nil, err
	}
	for _, part := range alike {
		none := slices.Clone(c.none)
		for _, a := range answers {
			if admits(a.term, part) {
				none = append(none, a.whom)
			}
		}
		labels, some, err := p.witness(c.all, none)
		if err != nil {
			return nil, err
		}
		if some {
			return &example{labels: labels, port: part.Ranges()[0]}, nil
		}
	}
	return nil, nil
}

// alike divides ports into those that each of the answers has all or none of, by number.
func (p *proof) alike(ports portset.Set, answers []answer) ([]portset.Set, error) {
	if ports.IsEmpty() {
		return nil, nil
	}
	out := []portset.Set{ports}
	for _, a := range answers {
		if err := p.budget.Spend(1 + len(out)/lookedAtInAStep); err != nil {
			return nil, err
		}
		var next []portset.Set
		for _, part := range out {
			for _, piece := range []portset.Set{part.Intersect(a.numbers), part.Minus(a.numbers)} {
				if !piece.IsEmpty() {
					next = append(next, piece)
				}
			}
		}
		out = next
	}
	return out, nil
}
