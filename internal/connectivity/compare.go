package connectivity

import (
	"fmt"
	"maps"
	"slices"

	"firebreak.dev/firebreak/internal/portset"
)

// ChangeKind says what became of a connection.
type ChangeKind string

// The kinds of changes.
const (
	// Gained: on these ports there was no connection.
	Gained ChangeKind = "Gained"
	// Lost: on these ports there is no connection any more.
	Lost ChangeKind = "Lost"
	// Widened: the ports that the destination declares stay as they were, and others are open besides.
	Widened ChangeKind = "Widened"
	// Narrowed: the ports that the destination declares stay as they were, and others are closed.
	Narrowed ChangeKind = "Narrowed"
)

// Change is what differs between two parties.
type Change struct {
	Kind     ChangeKind
	From, To Party
	// Ports are those that differ: those in Some did, or do, for some pods only, and those in Undecidable depend on the
	// network plugin before or after.
	Ports Ports
	// Kept are the ports that were and stay open; empty when none is.
	Kept Ports
	// Causes are what opened or closed them, at either end; empty when they could not be told.
	Causes []Cause
	pair   pair
}

// Counts are numbers of connections, which are pairs of parties.
type Counts struct{ Gained, Lost, Widened, Narrowed, Unchanged int }

// Changed says whether a connection changed.
func (c Counts) Changed() bool { return c.Gained+c.Lost+c.Widened+c.Narrowed > 0 }

func (c *Counts) add(kind ChangeKind) {
	switch kind {
	case Gained:
		c.Gained++
	case Lost:
		c.Lost++
	case Widened:
		c.Widened++
	case Narrowed:
		c.Narrowed++
	}
}

// Comparison is what differs between two views.
type Comparison struct {
	Counts Counts
	// Changes are the first MaxListed, sorted by source and destination, gained before lost; Omitted is how many more there are.
	Changes []Change
	Omitted int
	// Turned are the namespaces that are isolated now and were not, or the other way round, by name.
	Turned []Turn
	// Profiles are those that came, went, or changed their mode; Tiers those that choose other pods; Findings those that came
	// or went. All sorted.
	Profiles []ProfileChange
	Tiers    []TierChange
	Findings []FindingChange
	// Inside are the parties that were asked for.
	Inside []Party
	// Marks says whether the ports of Changes bear marks.
	Marks Marks
	// Guessed: pods of which none is known are among the parties.
	Guessed bool
}

// MaxListed is how many changes are listed, and traced to their causes. All are counted.
const MaxListed = 20_000

// Compare returns what differs between two views within the scope. Parties are those of both: pods that only one of them knows
// are judged in the other as if they ran there, so that what differs is what policies do. Equal views have no changes, and what
// is gained one way is lost the other way. An error names a policy or a selector that cannot be read.
func Compare(before, after *View, scope Scope) (*Comparison, error) {
	f, err := newField(scope, before, after)
	if err != nil {
		return nil, fmt.Errorf("compare connections: %w", err)
	}
	out := &Comparison{Turned: f.turned()}
	out.Counts.Unchanged = f.countFree()
	for c := range f.cells() {
		changes := f.changesOf(c)
		if len(changes) == 0 {
			out.Counts.Unchanged++
		}
		for _, change := range changes {
			out.add(change)
		}
	}
	t := newTracer(f)
	for i := range out.Changes {
		c := &out.Changes[i]
		if c.Causes, err = t.causes(*c); err != nil {
			return nil, fmt.Errorf("trace what changed from %s to %s: %w", c.From, c.To, err)
		}
		if at := slices.IndexFunc(out.Turned, func(t Turn) bool { return t.Explains(*c) }); at >= 0 {
			out.Turned[at].note(*c)
		}
	}
	for _, p := range f.parties {
		if p.Inside {
			out.Inside = append(out.Inside, p.Party)
		}
	}
	out.Profiles, out.Findings = f.profileChanges(), f.findingChanges()
	out.Tiers = f.tierChanges()
	return out, nil
}

// add counts a change, and lists it unless there are too many.
func (c *Comparison) add(change Change) {
	c.Counts.add(change.Kind)
	c.Marks.note(change.Ports)
	c.Guessed = c.Guessed || change.From.Someday || change.To.Someday
	if len(c.Changes) < MaxListed {
		c.Changes = append(c.Changes, change)
		return
	}
	c.Omitted++
	for i, t := range c.Turned {
		if (change.From.Namespace == t.Namespace || change.To.Namespace == t.Namespace) && t.fits(change.Kind) {
			c.Turned[i].Counts.add(change.Kind)
			return
		}
	}
}

// atLeast returns the ports that are as open as that, or more: 1 undecidable, 2 for some pods, 3 for all.
func (s state) atLeast(rank int) portset.Set {
	switch rank {
	case 1:
		return s.allowed.Union(s.some).Union(s.undecidable)
	case 2:
		return s.allowed.Union(s.some)
	}
	return s.allowed
}

// rise returns the ports that are more open in b than in a.
func rise(a, b state) state {
	switch {
	case b.isEmpty():
		return state{}
	case a.isEmpty():
		return b
	}
	var all portset.Set
	for rank := 1; rank <= 3; rank++ {
		all = all.Union(b.atLeast(rank).Minus(a.atLeast(rank)))
	}
	var out state
	out.allowed = all.Intersect(b.allowed).Minus(a.atLeast(1))
	rest := all.Minus(out.allowed)
	out.some = rest.Intersect(a.some.Union(b.some))
	out.undecidable = rest.Minus(out.some)
	return out
}

// changesOf returns what differs between two parties.
func (f *field) changesOf(c cell) []Change {
	var out []Change
	before, after := c.states[0], c.states[1]
	if before.equal(after) {
		return nil
	}
	declared := f.declared(c.to)
	kept := before.atLeast(1).Intersect(after.atLeast(1))
	add := func(kind, lesser ChangeKind, s state) {
		if s.isEmpty() {
			return
		}
		ports := f.portsOf(s, c.to)
		if !kept.Intersect(declared).IsEmpty() && ports.All().Intersect(declared).IsEmpty() {
			kind = lesser
		}
		out = append(out, Change{
			Kind: kind, From: f.parties[c.from].Party, To: f.parties[c.to].Party, Ports: ports,
			Kept: f.portsOf(state{allowed: kept}, c.to), pair: c.pair,
		})
	}
	add(Gained, Widened, rise(before, after))
	add(Lost, Narrowed, rise(after, before))
	return out
}

// Turn is a namespace that is isolated now and was not, or the other way round.
type Turn struct {
	Namespace string
	// Closed: it is isolated now; otherwise it is open now.
	Closed bool
	// Counts are the changes that follow from it.
	Counts Counts
	// Causes are the profiles and policies that isolate it, or did.
	Causes []Cause
}

// turned returns the namespaces that are isolated in one view, whatever pods may come, and not at all in the other.
func (f *field) turned() []Turn {
	byNamespace := map[string][]int{}
	for i, p := range f.parties[:len(f.freeFrom)] {
		if p.Inside && p.Namespace != "" {
			byNamespace[p.Namespace] = append(byNamespace[p.Namespace], i)
		}
	}
	var out []Turn
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		var open, closed [2]bool
		for v, w := range f.worlds {
			open[v], closed[v] = w.isolation(byNamespace[namespace])
		}
		switch {
		case open[0] && closed[1]:
			out = append(out, Turn{Namespace: namespace, Closed: true})
		case closed[0] && open[1]:
			out = append(out, Turn{Namespace: namespace})
		}
	}
	return out
}

// isolation says whether no policy isolates any pod of some parties, and whether some policy isolates each.
func (w *world) isolation(parties []int) (open, closed bool) {
	open, closed = true, true
	for _, i := range parties {
		for _, class := range w.classes[i] {
			isOpen := w.openEgress[class] && w.openIngress[class]
			open, closed = open && isOpen, closed && !isOpen
		}
	}
	return open, closed
}

// note counts a change that follows from the turn.
func (t *Turn) note(c Change) {
	t.Counts.add(c.Kind)
	for _, cause := range c.Causes {
		if t.isCause(cause) && !slices.Contains(t.Causes, cause) {
			t.Causes = append(t.Causes, cause)
		}
	}
}

func (t Turn) isCause(c Cause) bool {
	return c.Namespace == t.Namespace && (c.Kind == CauseIsolated || c.Kind == CauseOpened)
}

func (t Turn) fits(kind ChangeKind) bool { return (kind == Lost || kind == Narrowed) == t.Closed }

// Explains says whether a change follows from the turn.
func (t Turn) Explains(c Change) bool {
	return t.fits(c.Kind) && slices.ContainsFunc(c.Causes, t.isCause)
}
