package connectivity

import (
	"fmt"
	"slices"

	"firebreak.dev/firebreak/internal/portset"
)

// MaxFree is how many connections between pods that nothing isolates are listed one by one.
const MaxFree = 2000

// Connection is that one party can reach another.
type Connection struct {
	From, To Party
	Ports    Ports
}

// Matrix is who can reach whom.
type Matrix struct {
	// Parties are those that were asked for, and others that have a connection with them; sorted.
	Parties []Party
	// Connections are those with an end that was asked for, sorted by source and destination as Parties are. A pair that is
	// not listed, neither here nor in Open, has no connection.
	Connections []Connection
	// Open is set when connections that nothing restricts at either end are too many to list: from each to each of these
	// parties, on every port, as far as one end was asked for.
	Open *Open
	// Marks says whether Connections have ports with marks, so that a legend is wanted.
	Marks Marks
	// Guessed: pods of which none is known are among the parties.
	Guessed bool
}

// IsEmpty says whether nothing is known of what was asked for: no pods, and nothing that selects any. It is then not known either
// who can reach whom.
func (m *Matrix) IsEmpty() bool {
	return !slices.ContainsFunc(m.Parties, func(p Party) bool { return p.Inside })
}

// Open is parties of which nothing isolates the egress, and parties of which nothing isolates the ingress.
type Open struct {
	From, To []Party
	// Count is the number of connections.
	Count int
}

// Marks are the marks that ports bear somewhere.
type Marks struct{ Undeclared, Some, Undecidable bool }

func (m *Marks) note(p Ports) {
	m.Undeclared = m.Undeclared || (!p.Beyond().IsEmpty() && !isMost(p.All()))
	m.Some = m.Some || !p.Some.IsEmpty()
	m.Undecidable = m.Undecidable || !p.Undecidable.IsEmpty()
}

// Table returns who can reach whom within the scope, and with all that it talks to. An error names a policy or a selector that
// cannot be read.
func Table(v *View, scope Scope) (*Matrix, error) {
	f, err := newField(scope, v)
	if err != nil {
		return nil, fmt.Errorf("gather connections: %w", err)
	}
	m := &Matrix{}
	cells := slices.Collect(f.cells())
	if free := f.countFree(); free > MaxFree {
		m.Open = f.openBlock(free)
	} else {
		cells = append(cells, f.freeCells()...)
		slices.SortFunc(cells, compareCells)
	}
	used := make([]bool, len(f.parties))
	for _, c := range cells {
		used[c.from], used[c.to] = true, true
		ports := f.portsOf(c.states[0], c.to)
		m.Marks.note(ports)
		m.Connections = append(m.Connections, Connection{From: f.parties[c.from].Party, To: f.parties[c.to].Party, Ports: ports})
	}
	for i, p := range f.parties {
		if used[i] || p.Inside {
			m.Parties = append(m.Parties, p.Party)
			m.Guessed = m.Guessed || p.Someday
		}
	}
	return m, nil
}

// freeCells returns the pairs that are free, as cells.
func (f *field) freeCells() []cell {
	var out []cell
	for from, isFree := range f.freeFrom {
		for to := range f.freeTo {
			if !isFree || !f.freeTo[to] || !f.isAskedFor(from, to) || (from == to && f.isLonely(from)) {
				continue
			}
			c := cell{pair: pair{from, to}}
			for v := range f.views {
				c.states[v] = state{allowed: portset.All()}
			}
			out = append(out, c)
		}
	}
	return out
}

func (f *field) openBlock(count int) *Open {
	out := &Open{Count: count}
	for i := range f.freeFrom {
		if f.freeFrom[i] {
			out.From = append(out.From, f.parties[i].Party)
		}
		if f.freeTo[i] {
			out.To = append(out.To, f.parties[i].Party)
		}
	}
	return out
}
