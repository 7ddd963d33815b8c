// Package portset does exact arithmetic on sets of ports: of TCP, UDP and SCTP, the protocols that a NetworkPolicy can name,
// each with the ports 1 to 65535. Names of ports are no ports: who knows the pod resolves them.
package portset

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// The lowest and the highest port.
const (
	First int32 = 1
	Last  int32 = 65535
)

// protocolCount is the number of protocols, and the order in which they are written: TCP, UDP, SCTP.
const protocolCount = 3

// Range is the ports from First to Last of one protocol, both included.
type Range struct {
	Protocol    corev1.Protocol
	First, Last int32
}

// Set is a set of ports. The zero value is empty. Sets share memory and are never changed: every operation returns a new one.
type Set struct {
	// spans are sorted, disjoint and not adjacent.
	spans [protocolCount][]span
}

type span struct{ first, last int32 }

// All returns every port of every protocol.
func All() Set {
	var s Set
	for i := range s.spans {
		s.spans[i] = []span{{First, Last}}
	}
	return s
}

// Of returns the ports from first to last of a protocol, as far as they exist; nothing for a protocol that NetworkPolicies
// do not know.
func Of(protocol corev1.Protocol, first, last int32) Set {
	var s Set
	i, ok := indexOf(protocol)
	first, last = max(first, First), min(last, Last)
	if ok && first <= last {
		s.spans[i] = []span{{first, last}}
	}
	return s
}

// Every returns all ports of a protocol.
func Every(protocol corev1.Protocol) Set { return Of(protocol, First, Last) }

// Protocols returns the protocols in the order in which sets are written.
func Protocols() []corev1.Protocol {
	return []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}
}

func indexOf(protocol corev1.Protocol) (int, bool) {
	switch protocol {
	case corev1.ProtocolTCP:
		return 0, true
	case corev1.ProtocolUDP:
		return 1, true
	case corev1.ProtocolSCTP:
		return 2, true
	}
	return 0, false
}

// Union returns the ports that are in one of the sets.
func (s Set) Union(t Set) Set {
	switch {
	case t.IsEmpty():
		return s
	case s.IsEmpty():
		return t
	}
	var out Set
	for i := range s.spans {
		out.spans[i] = join(slices.Concat(s.spans[i], t.spans[i]))
	}
	return out
}

// join sorts spans and joins those that meet or overlap.
func join(list []span) []span {
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	var out []span
	for _, p := range list {
		if n := len(out); n > 0 && p.first <= out[n-1].last+1 {
			out[n-1].last = max(out[n-1].last, p.last)
			continue
		}
		out = append(out, p)
	}
	return out
}

// Intersect returns the ports that are in both sets.
func (s Set) Intersect(t Set) Set {
	var out Set
	for i := range s.spans {
		a, b := s.spans[i], t.spans[i]
		for len(a) > 0 && len(b) > 0 {
			if first, last := max(a[0].first, b[0].first), min(a[0].last, b[0].last); first <= last {
				out.spans[i] = append(out.spans[i], span{first, last})
			}
			if a[0].last < b[0].last {
				a = a[1:]
			} else {
				b = b[1:]
			}
		}
	}
	return out
}

// Minus returns the ports that are in s and not in t.
func (s Set) Minus(t Set) Set {
	var out Set
	for i := range s.spans {
		for _, p := range s.spans[i] {
			next := p.first
			for _, q := range t.spans[i] {
				if q.last < next || q.first > p.last {
					continue
				}
				if q.first > next {
					out.spans[i] = append(out.spans[i], span{next, q.first - 1})
				}
				next = q.last + 1
			}
			if next <= p.last {
				out.spans[i] = append(out.spans[i], span{next, p.last})
			}
		}
	}
	return out
}

// IsEmpty says whether no port is in the set.
func (s Set) IsEmpty() bool {
	for i := range s.spans {
		if len(s.spans[i]) > 0 {
			return false
		}
	}
	return true
}

// IsAll says whether every port of every protocol is in the set.
func (s Set) IsAll() bool { return s.Equal(All()) }

// Equal says whether two sets hold the same ports.
func (s Set) Equal(t Set) bool {
	for i := range s.spans {
		if !slices.Equal(s.spans[i], t.spans[i]) {
			return false
		}
	}
	return true
}

// Covers says whether every port of t is in s.
func (s Set) Covers(t Set) bool { return t.Minus(s).IsEmpty() }

// Contains says whether a port is in the set.
func (s Set) Contains(protocol corev1.Protocol, port int32) bool {
	i, ok := indexOf(protocol)
	return ok && slices.ContainsFunc(s.spans[i], func(p span) bool { return p.first <= port && port <= p.last })
}

// Ranges returns the set as the fewest ranges: TCP, UDP, SCTP, by port. Nil for the empty set.
func (s Set) Ranges() []Range {
	var out []Range
	for i, protocol := range Protocols() {
		for _, p := range s.spans[i] {
			out = append(out, Range{protocol, p.first, p.last})
		}
	}
	return out
}

// String returns "TCP/80, TCP/8000-8010, UDP/53", "every TCP port, UDP/53", "every port" or "no port".
func (s Set) String() string {
	switch {
	case s.IsEmpty():
		return "no port"
	case s.IsAll():
		return "every port"
	}
	var parts []string
	for _, r := range s.Ranges() {
		parts = append(parts, r.String())
	}
	return strings.Join(parts, ", ")
}

// String returns "TCP/80", "TCP/8000-8010" or "every TCP port".
func (r Range) String() string {
	switch {
	case r.First == First && r.Last == Last:
		return fmt.Sprintf("every %s port", r.Protocol)
	case r.First == r.Last:
		return fmt.Sprintf("%s/%d", r.Protocol, r.First)
	}
	return fmt.Sprintf("%s/%d-%d", r.Protocol, r.First, r.Last)
}
