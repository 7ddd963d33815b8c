package connectivity

import (
	"cmp"
	"iter"
	"maps"
	"slices"

	"firebreak.dev/firebreak/internal/portset"
)

// cell is how a party fares with another, in each view.
type cell struct {
	pair
	states [2]state
}

// evaluate finds the pairs that may have a connection.
func (f *field) evaluate() error {
	for v := range f.views {
		w, err := f.newWorld(v)
		if err != nil {
			return err
		}
		f.worlds = append(f.worlds, w)
	}
	f.freeFrom, f.freeTo = make([]bool, len(f.parties)), make([]bool, len(f.parties))
	for i := range f.parties {
		f.freeFrom[i], f.freeTo[i] = true, true
		for _, w := range f.worlds {
			f.freeFrom[i] = f.freeFrom[i] && w.isOpen(i, w.openEgress)
			f.freeTo[i] = f.freeTo[i] && w.isOpen(i, w.openIngress)
		}
	}
	candidates := map[pair]bool{}
	for _, w := range f.worlds {
		w.candidates(f, candidates)
	}
	f.pairs = slices.SortedFunc(maps.Keys(candidates), pair.compare)
	f.withAddresses()
	slices.SortFunc(f.outside, compareCells)
	return nil
}

// cells yields how parties fare with each other, sorted by pair: those that have a connection in some view, but for those that are
// free. They are not kept, since they may be many.
func (f *field) cells() iter.Seq[cell] {
	return func(yield func(cell) bool) {
		outside := f.outside
		emit := func(c cell) bool {
			return (c.states[0].isEmpty() && c.states[1].isEmpty()) || yield(c)
		}
		for _, p := range f.pairs {
			for len(outside) > 0 && outside[0].compare(p) < 0 {
				if !emit(outside[0]) {
					return
				}
				outside = outside[1:]
			}
			c := cell{pair: p}
			for v, w := range f.worlds {
				c.states[v] = w.between(f, p.from, p.to)
			}
			if !emit(c) {
				return
			}
		}
		for _, c := range outside {
			if !emit(c) {
				return
			}
		}
	}
}

func (p pair) compare(q pair) int {
	return cmp.Or(cmp.Compare(p.from, q.from), cmp.Compare(p.to, q.to))
}

func compareCells(a, b cell) int { return a.compare(b.pair) }

// isAskedFor says whether the connections between two parties are wanted.
func (f *field) isAskedFor(from, to int) bool {
	if source := f.parties[from]; source.Kind == KindDNS && source.Someday {
		// Nothing is known of these pods but that they answer.
		return false
	}
	return f.parties[from].Inside || f.parties[to].Inside
}

// countFree returns the number of pairs that are asked for of which no policy isolates either end, in any view.
func (f *field) countFree() int {
	to, toInside := f.count(f.freeTo)
	n := 0
	for i, p := range f.parties[:len(f.freeFrom)] {
		switch {
		case !f.freeFrom[i] || (p.Kind == KindDNS && p.Someday):
		case !p.Inside:
			n += toInside
		case f.freeTo[i] && f.isLonely(i):
			n += to - 1
		default:
			n += to
		}
	}
	return n
}

// count returns how many parties are free, and how many of these were asked for.
func (f *field) count(free []bool) (all, inside int) {
	for i, is := range free {
		if is {
			all++
			if f.parties[i].Inside {
				inside++
			}
		}
	}
	return all, inside
}

// declared returns the ports on which a party says that it serves; nothing when it does not say.
func (f *field) declared(party int) portset.Set {
	known, ok := f.declaredBy[party]
	if !ok {
		known = f.findDeclared(party)
		f.declaredBy[party] = known
	}
	return known
}

func (f *field) findDeclared(party int) portset.Set {
	var out portset.Set
	for _, m := range f.parties[party].members {
		out = out.Union(m.declared)
		if m.dns && m.someday {
			out = out.Union(f.dnsPorts)
		}
	}
	return out
}
