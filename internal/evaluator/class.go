package evaluator

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Class is a number of pods of one namespace that no policy of the World can tell apart.
type Class struct {
	// Pod has the labels that some selector names, the ports that some rule names, and no addresses.
	Pod snapshot.Pod
	// Members are the pods of the class, by index in World.Pods, ascending.
	Members []int
}

// vocabulary is what policies speak of: what they do not name cannot matter.
type vocabulary struct {
	labelKeys map[string]bool
	portNames map[PortName]bool
	blocks    blocks
}

func vocabularyOf(namespaces map[string]*Namespace) vocabulary {
	v := vocabulary{labelKeys: map[string]bool{}, portNames: map[PortName]bool{}}
	name := func(s labels.Selector) {
		if s == nil {
			return
		}
		requirements, _ := s.Requirements()
		for _, r := range requirements {
			v.labelKeys[r.Key()] = true
		}
	}
	var list []block
	// In order, because blocks and with them classes get theirs from it.
	for _, of := range slices.Sorted(maps.Keys(namespaces)) {
		n := namespaces[of]
		for i := range n.policies {
			name(n.policies[i].pods)
			for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
				for _, r := range n.policies[i].side(direction).rules {
					for _, p := range r.ports.names {
						v.portNames[p] = true
					}
					for _, p := range r.peers {
						name(p.pods)
						if p.pods == nil {
							list = append(list, p.block)
						}
					}
				}
			}
		}
	}
	v.blocks = newBlocks(list)
	return v
}

// classes sorts pods into classes, in the order of namespaces and of what tells classes apart. Completed pods are in none.
func (v vocabulary) classes(pods []snapshot.Pod) []Class {
	byKey := map[string]int{}
	var keys []string
	var out []Class
	for i := range pods {
		if pods[i].Completed {
			continue
		}
		reduced := v.reduce(&pods[i])
		key := v.key(&reduced, &pods[i])
		at, ok := byKey[key]
		if !ok {
			at = len(out)
			byKey[key] = at
			keys = append(keys, key)
			out = append(out, Class{Pod: reduced})
			out[at].Pod.Count = 0
		}
		out[at].Pod.Count += max(1, pods[i].Count)
		out[at].Members = append(out[at].Members, i)
	}
	slices.Sort(keys)
	sorted := make([]Class, 0, len(out))
	for _, key := range keys {
		class := out[byKey[key]]
		if class.Pod.Count == 1 {
			class.Pod.Name, class.Pod.Workload = pods[class.Members[0]].Name, pods[class.Members[0]].Workload
		}
		sorted = append(sorted, class)
	}
	return sorted
}

// reduce returns the pod with nothing but what policies can tell it by.
func (v vocabulary) reduce(pod *snapshot.Pod) snapshot.Pod {
	out := snapshot.Pod{Namespace: pod.Namespace, HostNetwork: pod.HostNetwork, Count: max(1, pod.Count)}
	for k, value := range pod.Labels {
		if v.labelKeys[k] {
			if out.Labels == nil {
				out.Labels = map[string]string{}
			}
			out.Labels[k] = value
		}
	}
	for _, p := range pod.Ports {
		if v.portNames[PortName{p.Protocol, p.Name}] {
			out.Ports = append(out.Ports, p)
		}
	}
	slices.SortFunc(out.Ports, comparePorts)
	out.Ports = slices.Compact(out.Ports)
	return out
}

func comparePorts(a, b snapshot.ContainerPort) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
}

// key is equal for pods of one class.
func (v vocabulary) key(reduced, pod *snapshot.Pod) string {
	var b strings.Builder
	// A label's key and value, and the name of a port, contain none of the separators.
	b.WriteString(pod.Namespace)
	if pod.HostNetwork {
		b.WriteString("\x00host")
	}
	for _, k := range slices.Sorted(maps.Keys(reduced.Labels)) {
		b.WriteString("\x00" + k + "=" + reduced.Labels[k])
	}
	for _, p := range reduced.Ports {
		fmt.Fprintf(&b, "\x01%s/%s/%d", p.Name, p.Protocol, p.Port)
	}
	b.WriteString("\x02" + v.blocks.key(pod))
	return b.String()
}

// blocks tells addresses apart by the ipBlocks that hold them.
type blocks struct {
	all []block
	// bounds are the addresses at which some prefix begins, or has just ended, sorted: between two of them all addresses of a
	// family are in the same blocks.
	bounds []netip.Addr
	// cells holds which blocks hold the addresses between two bounds: one byte a block, 1 for those that do.
	cells map[cell]string
}

// cell is the addresses of one family from a bound to the next. IPv4 sorts before IPv6, so a position alone may be both.
type cell struct {
	position int
	ipv4     bool
}

func newBlocks(list []block) blocks {
	b := blocks{cells: map[cell]string{}}
	seen := map[string]bool{}
	for _, given := range list {
		key := fmt.Sprint(given.cidr, given.except)
		if seen[key] {
			continue
		}
		seen[key] = true
		b.all = append(b.all, given)
		for _, p := range append([]netip.Prefix{given.cidr}, given.except...) {
			b.bounds = append(b.bounds, p.Addr())
			if next := ipset.Last(p).Next(); next.IsValid() {
				b.bounds = append(b.bounds, next)
			}
		}
	}
	slices.SortFunc(b.bounds, netip.Addr.Compare)
	b.bounds = slices.Compact(b.bounds)
	return b
}

// key returns which blocks may hold the pod: equal for pods that the same blocks may hold.
func (b blocks) key(pod *snapshot.Pod) string {
	if len(b.all) == 0 {
		return ""
	}
	if pod.Addresses == nil {
		return "unknown"
	}
	held := make([]byte, len(b.all))
	for _, addr := range pod.Addresses {
		holds := b.holding(addr)
		for i := range held {
			held[i] |= holds[i]
		}
	}
	return string(held)
}

// holding returns which blocks hold an address, one byte a block.
func (b blocks) holding(addr netip.Addr) string {
	at, exact := slices.BinarySearchFunc(b.bounds, addr, netip.Addr.Compare)
	if exact {
		at++
	}
	where := cell{at, addr.Is4()}
	held, ok := b.cells[where]
	if !ok {
		list := make([]byte, len(b.all))
		for i, block := range b.all {
			if block.contains(addr) {
				list[i] = 1
			}
		}
		held = string(list)
		b.cells[where] = held
	}
	return held
}
