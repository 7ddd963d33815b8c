package evaluator

import (
	"iter"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Matrix is who can connect to whom among the pods of a World, by class. What it holds grows with the classes and with what
// rules name, not with the pairs of pods. It is not safe for concurrent use.
type Matrix struct {
	classes []Class
	// ends are by class.
	egress, ingress []*end
	// openEgress and openIngress are the classes that no policy isolates, ascending.
	openEgress, openIngress []int
}

// end is what is decided at one end of the connections of a class. Classes that the same policies select share one.
type end struct {
	open    bool
	entries []entry
}

// entry is a rule, or the part of one whose peers match for certain, or only with some network plugins.
type entry struct {
	peers *peerSet
	sure  bool
	ports ports
}

// peerSet is the classes that some peer means.
type peerSet struct {
	// members are ascending.
	members []int
	// open and closed are the members whose other end is open, and is not; filled in by Flows.
	open, closed []int
	split        bool
}

func (p *peerSet) has(class int) bool {
	_, found := slices.BinarySearch(p.members, class)
	return found
}

// Ports are those on which connections are possible.
type Ports struct {
	Allowed portset.Set
	// Undecidable are other ports, on which it depends on the network plugin.
	Undecidable portset.Set
}

// Flow is connections that are possible from each of the sources to each of the destinations, given as classes.
type Flow struct {
	Sources, Destinations []int
	Ports
}

// Matrix computes the whole matrix.
func (e *Evaluator) Matrix() *Matrix {
	m := &Matrix{classes: vocabularyOf(e.namespaces).classes(e.pods)}
	b := newMatrixBuilder(e, m.classes)
	for i := range m.classes {
		m.egress = append(m.egress, b.end(networkpolicy.Egress, i))
		m.ingress = append(m.ingress, b.end(networkpolicy.Ingress, i))
		if m.egress[i].open {
			m.openEgress = append(m.openEgress, i)
		}
		if m.ingress[i].open {
			m.openIngress = append(m.openIngress, i)
		}
	}
	return m
}

// Classes returns the classes, whose indexes the matrix speaks in. It must not be changed.
func (m *Matrix) Classes() []Class { return m.classes }

// Between returns the ports on which a pod of one class can connect to a pod of another, or to another pod of the same. What a
// class of one pod can do with itself means nothing.
func (m *Matrix) Between(source, destination int) Ports {
	to := &m.classes[destination].Pod
	return both(m.egress[source].towards(destination, to), m.ingress[destination].towards(source, to))
}

// towards returns what an end admits with another class, when the destination is this pod.
func (e *end) towards(other int, destination *snapshot.Pod) Ports {
	if e.open {
		return Ports{Allowed: portset.All()}
	}
	var out Ports
	for _, entry := range e.entries {
		switch {
		case !entry.peers.has(other):
		case entry.sure:
			out.Allowed = out.Allowed.Union(entry.ports.of(destination))
		default:
			out.Undecidable = out.Undecidable.Union(entry.ports.of(destination))
		}
	}
	out.Undecidable = out.Undecidable.Minus(out.Allowed)
	return out
}

// both returns what both ends admit.
func both(a, b Ports) Ports {
	out := Ports{Allowed: a.Allowed.Intersect(b.Allowed)}
	if !a.Undecidable.IsEmpty() || !b.Undecidable.IsEmpty() {
		out.Undecidable = a.Allowed.Union(a.Undecidable).Intersect(b.Allowed.Union(b.Undecidable)).Minus(out.Allowed)
	}
	return out
}

func (p Ports) isEmpty() bool { return p.Allowed.IsEmpty() && p.Undecidable.IsEmpty() }

// Flows yields all possible connections. A pair of classes may be in several flows, and its ports are all of theirs together;
// what is undecidable in one may be allowed in another. Flows that are written out share memory and must not be changed.
func (m *Matrix) Flows() iter.Seq[Flow] {
	return func(yield func(Flow) bool) {
		if len(m.openEgress) > 0 && len(m.openIngress) > 0 &&
			!yield(Flow{m.openEgress, m.openIngress, Ports{Allowed: portset.All()}}) {
			return
		}
		for i := range m.classes {
			if !m.flowsTo(i, yield) || !m.flowsFromOpen(i, yield) {
				return
			}
		}
	}
}

// flowsTo yields what can connect to an isolated class. False when the receiver wants no more.
func (m *Matrix) flowsTo(destination int, yield func(Flow) bool) bool {
	seen := map[int]bool{}
	for _, entry := range m.ingress[destination].entries {
		entry.peers.splitBy(m.egress)
		ports := entry.resolve(&m.classes[destination].Pod)
		if len(entry.peers.open) > 0 && !ports.isEmpty() && !yield(Flow{entry.peers.open, []int{destination}, ports}) {
			return false
		}
		for _, source := range entry.peers.closed {
			if seen[source] {
				continue
			}
			seen[source] = true
			if p := m.Between(source, destination); !p.isEmpty() && !yield(Flow{[]int{source}, []int{destination}, p}) {
				return false
			}
		}
	}
	return true
}

// flowsFromOpen yields what an isolated class can connect to that nothing isolates. False when the receiver wants no more.
func (m *Matrix) flowsFromOpen(source int, yield func(Flow) bool) bool {
	for _, entry := range m.egress[source].entries {
		entry.peers.splitBy(m.ingress)
		if len(entry.ports.names) == 0 {
			if len(entry.peers.open) > 0 && !yield(Flow{[]int{source}, entry.peers.open, entry.resolve(nil)}) {
				return false
			}
			continue
		}
		for _, destination := range entry.peers.open {
			ports := entry.resolve(&m.classes[destination].Pod)
			if !ports.isEmpty() && !yield(Flow{[]int{source}, []int{destination}, ports}) {
				return false
			}
		}
	}
	return true
}

func (e entry) resolve(destination *snapshot.Pod) Ports {
	if e.sure {
		return Ports{Allowed: e.ports.of(destination)}
	}
	return Ports{Undecidable: e.ports.of(destination)}
}

// splitBy sorts the members by whether their other end, given by class, is open.
func (p *peerSet) splitBy(ends []*end) {
	if p.split {
		return
	}
	p.split = true
	for _, i := range p.members {
		if ends[i].open {
			p.open = append(p.open, i)
		} else {
			p.closed = append(p.closed, i)
		}
	}
}

// selectedBy returns the policies of a namespace that isolate a pod in a direction, by index, as a key for those that share
// them.
func selectedBy(n *Namespace, direction networkpolicy.Direction, pod *snapshot.Pod) []int {
	var out []int
	if pod.HostNetwork {
		return nil
	}
	for i := range n.policies {
		if n.policies[i].side(direction).isolates && n.policies[i].pods.Matches(labels.Set(pod.Labels)) {
			out = append(out, i)
		}
	}
	return out
}
