package analyzer

import (
	"slices"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// atom is ports that the same declared rules cover.
type atom struct {
	ports portset.Set
	// name is set when a rule names the ports so; ports are then those that known pods give to the name, if any.
	name *portName
	// covering are indices of covers.
	covering []int
}

// atoms splits the ports of a rule by which declared rules cover them.
func (q *question) atoms(rule readRule) ([]atom, error) {
	out, err := q.split(rule.numbers, nil)
	if err != nil {
		return nil, err
	}
	for i := range rule.names {
		name := &rule.names[i]
		numbers := q.given(*name)
		if !numbers.IsEmpty() {
			more, err := q.split(numbers, name)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
			continue
		}
		if q.running && q.direction == networkpolicy.Ingress {
			// None of these pods has a port of this name.
			continue
		}
		if err := q.budget.Spend(1 + len(q.covers)/matchesPerStep); err != nil {
			return nil, err
		}
		a := atom{name: name}
		for j := range q.covers {
			if c := &q.covers[j]; slices.Contains(c.rule.names, *name) || c.ports.Covers(portset.Every(name.protocol)) {
				a.covering = append(a.covering, j)
			}
		}
		out = append(out, a)
	}
	return out, nil
}

func (q *question) split(ports portset.Set, name *portName) ([]atom, error) {
	if ports.IsEmpty() {
		return nil, nil
	}
	cells := []atom{{ports: ports, name: name}}
	for i := range q.covers {
		c := &q.covers[i]
		covered := c.ports
		if name != nil && slices.Contains(c.rule.names, *name) {
			covered = portset.All()
		}
		if err := q.budget.Spend(len(cells)); err != nil {
			return nil, err
		}
		var next []atom
		for _, cell := range cells {
			inside, outside := cell, cell
			inside.ports, outside.ports = cell.ports.Intersect(covered), cell.ports.Minus(covered)
			if !outside.ports.IsEmpty() {
				next = append(next, outside)
			}
			if !inside.ports.IsEmpty() {
				inside.covering = append(slices.Clone(cell.covering), i)
				next = append(next, inside)
			}
		}
		cells = next
	}
	return cells, nil
}

// given returns the numbers that known pods give to a name; nothing where others, which are not known, do.
func (q *question) given(name portName) portset.Set {
	var out portset.Set
	if q.direction == networkpolicy.Egress {
		return out
	}
	for i := range q.known {
		out = out.Union(numbersOf(&q.known[i], name))
	}
	return out
}

// agreed returns the numbers that every known pod gives to a name; nothing without known pods.
func (q *question) agreed(name portName) portset.Set {
	if q.direction == networkpolicy.Egress || len(q.known) == 0 {
		return portset.Set{}
	}
	out := portset.All()
	for i := range q.known {
		out = out.Intersect(numbersOf(&q.known[i], name))
	}
	return out
}

func numbersOf(pod *snapshot.Pod, name portName) portset.Set {
	var out portset.Set
	for _, p := range pod.Ports {
		if p.Name == name.name && p.Protocol == name.protocol {
			out = out.Union(portset.Of(p.Protocol, p.Port, p.Port))
		}
	}
	return out
}
