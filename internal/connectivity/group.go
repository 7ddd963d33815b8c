package connectivity

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"firebreak.dev/firebreak/internal/portset"
)

// Group is changes that have the same kind, ports and causes: from each of the sources to each of the destinations.
type Group struct {
	Kind     ChangeKind
	From, To []Party
	Ports    Ports
	Causes   []Cause
}

// Split takes the changes apart that follow from a turn: what is closed, or open, in groups, with a loss that leaves something
// counted as a loss of all; what stays open; and the other changes.
func (t Turn) Split(changes []Change) (groups []Group, stay []Connection, rest []Change) {
	var mine []Change
	for _, c := range changes {
		if !t.Explains(c) {
			rest = append(rest, c)
			continue
		}
		if !c.Kept.All().IsEmpty() && t.Closed {
			stay = append(stay, Connection{From: c.From, To: c.To, Ports: c.Kept})
		}
		if c.Ports.All().Union(c.Kept.All()).IsAll() {
			c.Ports = Ports{Allowed: portset.All()}
		}
		// The turn is the cause.
		c.Kind, c.Causes = Lost, nil
		if !t.Closed {
			c.Kind = Gained
		}
		mine = append(mine, c)
	}
	return Groups(mine), stay, rest
}

// Groups gathers changes into as few groups as come easily: what has one cause is one line to whoever reads it. They are in the
// order of their first sources and destinations, gains before losses.
func Groups(changes []Change) []Group {
	bySource := gathered(changes, func(g Group) string { return keyOf(g.To) }, func(g Group) string { return keyOf(g.From) })
	byDestination := gathered(changes, func(g Group) string { return keyOf(g.From) }, func(g Group) string { return keyOf(g.To) })
	out := bySource
	if len(byDestination) < len(bySource) {
		out = byDestination
	}
	slices.SortStableFunc(out, func(a, b Group) int { return cmp.Compare(kindRank(a.Kind), kindRank(b.Kind)) })
	return out
}

func kindRank(k ChangeKind) int {
	return slices.Index([]ChangeKind{Gained, Widened, Lost, Narrowed}, k)
}

// gathered joins changes that are alike and have the same first end, then those that have the same list of second ends.
func gathered(changes []Change, first, second func(Group) string) []Group {
	groups := make([]Group, 0, len(changes))
	for _, c := range changes {
		groups = append(groups, Group{Kind: c.Kind, From: []Party{c.From}, To: []Party{c.To}, Ports: c.Ports, Causes: c.Causes})
	}
	return join(join(groups, first), second)
}

// join joins groups that are alike and of which a part is the same.
func join(groups []Group, part func(Group) string) []Group {
	var out []Group
	at := map[string]int{}
	for _, g := range groups {
		key := strings.Join([]string{string(g.Kind), g.Ports.String(), fmt.Sprint(g.Causes), part(g)}, "\x00")
		i, known := at[key]
		if !known {
			at[key] = len(out)
			out = append(out, g)
			continue
		}
		out[i].From, out[i].To = union(out[i].From, g.From), union(out[i].To, g.To)
	}
	return out
}

func union(a, b []Party) []Party {
	a = slices.Clip(a)
	for _, p := range b {
		if !slices.Contains(a, p) {
			a = append(a, p)
		}
	}
	return a
}

func keyOf(list []Party) string {
	var b strings.Builder
	for _, p := range list {
		b.WriteString(p.Key + "\x01" + p.Was + "\x00")
	}
	return b.String()
}

// WholeNamespaces returns the namespaces all of whose parties, and more than one, are in a list, and the rest of the list.
// Inside are all parties of the namespaces that were asked for.
func WholeNamespaces(list, inside []Party) (namespaces []string, rest []Party) {
	total, here := map[string]int{}, map[string]int{}
	for _, p := range inside {
		total[p.Namespace]++
	}
	for _, p := range list {
		if p.Inside {
			here[p.Namespace]++
		}
	}
	for _, p := range list {
		if !p.Inside || total[p.Namespace] < 2 || here[p.Namespace] < total[p.Namespace] {
			rest = append(rest, p)
		} else if !slices.Contains(namespaces, p.Namespace) {
			namespaces = append(namespaces, p.Namespace)
		}
	}
	return namespaces, rest
}
