package connectivity

import (
	"fmt"
	"strings"

	"firebreak.dev/firebreak/internal/portset"
)

// Ports are those on which a party can reach another.
type Ports struct {
	// Allowed are open between all pods of the two parties.
	Allowed portset.Set
	// Some are open between some of their pods only.
	Some portset.Set
	// Undecidable are other ports, on which it depends on the network plugin.
	Undecidable portset.Set
	// Declared are those on which the destination says that it serves; empty when it does not say.
	Declared portset.Set

	names map[int32]string
}

// The marks that follow ports in Words.
const (
	// MarkUndeclared follows a port that the destination does not declare.
	MarkUndeclared = "*"
	// MarkUndecidable follows a port on which it depends on the network plugin.
	MarkUndecidable = "?"
	// MarkSome follows ports that are open between some pods only.
	MarkSome = " (some pods)"
)

// All returns the ports that are open for certain, or may be.
func (p Ports) All() portset.Set { return p.Allowed.Union(p.Some).Union(p.Undecidable) }

// Beyond returns the ports that are open and that the destination does not declare; nothing when it declares none.
func (p Ports) Beyond() portset.Set {
	if p.Declared.IsEmpty() {
		return portset.Set{}
	}
	return p.All().Minus(p.Declared)
}

// String returns the ports as people say it, with marks: "TCP/8080, TCP/9090*", "every port", "TCP/443?".
func (p Ports) String() string {
	var parts []string
	for _, part := range []struct {
		ports portset.Set
		mark  string
	}{{p.Allowed, ""}, {p.Some, MarkSome}, {p.Undecidable, MarkUndecidable}} {
		if !part.ports.IsEmpty() {
			parts = append(parts, p.words(part.ports)+part.mark)
		}
	}
	if len(parts) == 0 {
		return "no port"
	}
	return strings.Join(parts, ", ")
}

// words says a set, and which of it is not declared.
func (p Ports) words(ports portset.Set) string {
	if p.Declared.IsEmpty() || isMost(ports) || p.Declared.Covers(ports) {
		return p.plain(ports)
	}
	var parts []string
	if declared := ports.Intersect(p.Declared); !declared.IsEmpty() {
		parts = append(parts, p.plain(declared))
	}
	for _, r := range ports.Minus(p.Declared).Ranges() {
		parts = append(parts, p.one(r)+MarkUndeclared)
	}
	return strings.Join(parts, ", ")
}

// isMost says whether a set is best said by what it lacks.
func isMost(ports portset.Set) bool {
	return len(portset.All().Minus(ports).Ranges()) <= 4 && ports.Covers(portset.Of("SCTP", portset.First, portset.First))
}

// plain says a set.
func (p Ports) plain(ports portset.Set) string {
	if ports.IsAll() {
		return "every port"
	}
	prefix, list := "", ports.Ranges()
	if isMost(ports) {
		prefix, list = "every port but ", portset.All().Minus(ports).Ranges()
	}
	parts := make([]string, 0, len(list))
	for _, r := range list {
		parts = append(parts, p.one(r))
	}
	return prefix + strings.Join(parts, ", ")
}

// one says a range, by its name when that is all that is known.
func (p Ports) one(r portset.Range) string {
	if name := p.names[r.First]; r.First == r.Last && name != "" {
		return fmt.Sprintf("%s/%s", r.Protocol, name)
	}
	return r.String()
}

// List returns the ranges of a set of ports, each as people say it.
func (p Ports) List(ports portset.Set) []string {
	if ports.IsAll() {
		return []string{"every port"}
	}
	var out []string
	for _, r := range ports.Ranges() {
		out = append(out, p.one(r))
	}
	return out
}

func (f *field) portsOf(s state, to int) Ports {
	return Ports{Allowed: s.allowed, Some: s.some, Undecidable: s.undecidable, Declared: f.declared(to), names: f.numbers.byNumber}
}
