package connectivity

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// world is what one view decides.
type world struct {
	evaluator *evaluator.Evaluator
	matrix    *evaluator.Matrix
	rules     map[string]*evaluator.Namespace
	pods      []snapshot.Pod
	// classes are those of the matrix, by party, ascending; holders the parties by class.
	classes [][]int
	holders [][]int
	// openEgress and openIngress are by class: no policy isolates it.
	openEgress, openIngress []bool
}

// newWorld reads the policies of a view.
func (f *field) newWorld(v int) (*world, error) {
	w := &world{rules: map[string]*evaluator.Namespace{}, classes: make([][]int, len(f.parties))}
	var in evaluator.World
	for _, name := range f.names {
		ns := snapshot.Namespace{Name: name, Labels: f.labels[v][name]}
		var policies []*networkingv1.NetworkPolicy
		if p := f.places[v][name]; p != nil {
			policies = p.policies
		}
		read, err := evaluator.Read(ns, policies)
		if err != nil {
			return nil, err
		}
		w.rules[name] = read
		in.Namespaces, in.Policies = append(in.Namespaces, ns), append(in.Policies, policies...)
	}
	var partyOf []int
	for i, p := range f.parties {
		for _, m := range p.members {
			for _, pod := range m.pods[v] {
				in.Pods, partyOf = append(in.Pods, pod), append(partyOf, i)
			}
		}
	}
	var err error
	if w.evaluator, err = evaluator.New(in); err != nil {
		return nil, err
	}
	w.pods = in.Pods
	w.matrix = w.evaluator.Matrix()
	for class, c := range w.matrix.Classes() {
		var holders []int
		for _, at := range c.Members {
			holders = append(holders, partyOf[at])
		}
		slices.Sort(holders)
		holders = slices.Compact(holders)
		w.holders = append(w.holders, holders)
		for _, i := range holders {
			w.classes[i] = append(w.classes[i], class)
		}
		rules := w.rules[c.Pod.Namespace]
		w.openEgress = append(w.openEgress, len(rules.Isolating(networkpolicy.Egress, &c.Pod)) == 0)
		w.openIngress = append(w.openIngress, len(rules.Isolating(networkpolicy.Ingress, &c.Pod)) == 0)
	}
	return w, nil
}

// isOpen says whether no policy isolates any pod of a party.
func (w *world) isOpen(party int, open []bool) bool {
	for _, class := range w.classes[party] {
		if !open[class] {
			return false
		}
	}
	return true
}

// pair is a party and one that it may reach, by index.
type pair struct{ from, to int }

// candidates notes the pairs of parties between which something may be possible, but for those that are free.
func (w *world) candidates(f *field, into map[pair]bool) {
	note := func(from, to int) {
		for _, s := range w.holders[from] {
			for _, d := range w.holders[to] {
				if f.isAskedFor(s, d) && (!f.freeFrom[s] || !f.freeTo[d]) {
					into[pair{s, d}] = true
				}
			}
		}
	}
	for flow := range w.matrix.Flows() {
		if w.openEgress[flow.Sources[0]] && w.openIngress[flow.Destinations[0]] {
			w.candidatesAmongOpen(f, flow, into)
			continue
		}
		for _, from := range flow.Sources {
			for _, to := range flow.Destinations {
				note(from, to)
			}
		}
	}
}

// candidatesAmongOpen notes pairs of which both ends are open: only those that are not free, as most are.
func (w *world) candidatesAmongOpen(f *field, flow evaluator.Flow, into map[pair]bool) {
	sources, destinations := w.partiesOf(flow.Sources), w.partiesOf(flow.Destinations)
	for _, s := range sources {
		for _, d := range destinations {
			if f.isAskedFor(s, d) && (!f.freeFrom[s] || !f.freeTo[d]) {
				into[pair{s, d}] = true
			}
		}
	}
}

func (w *world) partiesOf(classes []int) []int {
	var out []int
	for _, class := range classes {
		out = append(out, w.holders[class]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// state is how a party fares with another.
type state struct {
	// allowed is open between all their pods, some between some of them only; undecidable depends on the network plugin.
	allowed, some, undecidable portset.Set
}

func (s state) isEmpty() bool {
	return s.allowed.IsEmpty() && s.some.IsEmpty() && s.undecidable.IsEmpty()
}

func (s state) equal(t state) bool {
	return s.allowed.Equal(t.allowed) && s.some.Equal(t.some) && s.undecidable.Equal(t.undecidable)
}

// gatherer joins how pairs of pods fare into how their parties fare.
type gatherer struct {
	any              bool
	all, some, maybe portset.Set
}

func (g *gatherer) add(allowed, undecidable portset.Set) {
	if !g.any {
		g.all = allowed
	}
	g.any = true
	g.all, g.some, g.maybe = g.all.Intersect(allowed), g.some.Union(allowed), g.maybe.Union(undecidable)
}

func (g *gatherer) state() state {
	some := g.some.Minus(g.all)
	return state{allowed: g.all, some: some, undecidable: g.maybe.Minus(g.all).Minus(some)}
}

// between returns how a party fares with another.
func (w *world) between(f *field, from, to int) state {
	var g gatherer
	for _, s := range w.classes[from] {
		for _, d := range w.classes[to] {
			if s == d && from == to && f.isLonely(from) {
				continue
			}
			ports := w.matrix.Between(s, d)
			g.add(ports.Allowed, ports.Undecidable)
		}
	}
	return g.state()
}

func (f *field) isLonely(party int) bool {
	p := f.parties[party]
	return len(p.members) == 1 && p.members[0].isLonely()
}
