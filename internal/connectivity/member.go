package connectivity

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"

	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// member is pods of one namespace that are followed from one view to the other: those of a workload, or one that may come.
type member struct {
	namespace string
	// id is the same in both views.
	id string
	// name is what the pods are called when they are in no tier; longName, if any, where others are called the same.
	name, longName string
	// someday: no such pod is known in either view.
	someday bool
	// others: it stands for the pods of other namespaces. dns: it is the cluster's DNS.
	others, dns bool
	// pods are those of each view; where a view has none, those of the other, as if they ran there.
	pods [2][]snapshot.Pod
	// groups are the tiers by view; nil for what is in none. home is the tier that a pod that may come stands for: it is called
	// so even where the tier is gone.
	groups [2]*group
	home   *group
	// declared are the ports on which the pods say they serve.
	declared portset.Set
}

// fill gives a view without pods those of the other, and notes the ports that they declare.
func (m *member) fill() {
	for v := range m.pods {
		if len(m.pods[v]) == 0 {
			m.pods[v] = m.pods[1-v]
		}
	}
	if m.someday {
		// It is taken to have ports of every name, and declares none of them.
		return
	}
	for v := range m.pods {
		for _, p := range m.pods[v] {
			for _, port := range p.Ports {
				m.declared = m.declared.Union(portset.Of(port.Protocol, port.Port, port.Port))
			}
		}
	}
}

// isLonely says whether it is one pod, which has no other of its kind to talk to.
func (m *member) isLonely() bool {
	for _, pods := range m.pods {
		if len(pods) != 1 || pods[0].Count > 1 || pods[0].Name == "" || pods[0].Workload.Kind != "Pod" {
			return false
		}
	}
	return true
}

// workloadsOf returns the pods of a namespace by workload, as far as policies govern them, one member each. Pods of one
// workload that are in different tiers, in either view, are members by their labels. Policies do not govern pods on the host network;
// those of a workload that has others, or had, are there, because whatever was denied to these is open to them.
func workloadsOf(namespace string, pods [2][]snapshot.Pod, groups [2][]group) []*member {
	byWorkload := map[string]*[2][]snapshot.Pod{}
	governed := map[string]bool{}
	for v := range pods {
		for _, p := range pods[v] {
			governed[p.Workload.String()] = governed[p.Workload.String()] || (!p.HostNetwork && !p.Completed)
		}
	}
	for v := range pods {
		for _, p := range pods[v] {
			name := p.Workload.String()
			if p.Completed || !governed[name] {
				continue
			}
			if byWorkload[name] == nil {
				byWorkload[name] = &[2][]snapshot.Pod{}
			}
			byWorkload[name][v] = append(byWorkload[name][v], withAddresses(p))
		}
	}
	var out []*member
	for _, name := range slices.Sorted(maps.Keys(byWorkload)) {
		out = append(out, membersOf(namespace, name, *byWorkload[name], groups)...)
	}
	return out
}

func membersOf(namespace, workload string, pods [2][]snapshot.Pod, groups [2][]group) []*member {
	parts := map[string]*member{}
	split := !uniform(pods, groups)
	for v := range pods {
		for _, p := range pods[v] {
			id := "workload " + workload
			if split {
				id += " " + labels.Set(p.Labels).String()
			}
			if parts[id] == nil {
				parts[id] = &member{namespace: namespace, id: id, name: workload}
			}
			parts[id].pods[v] = append(parts[id].pods[v], p)
		}
	}
	out := make([]*member, 0, len(parts))
	for _, id := range slices.Sorted(maps.Keys(parts)) {
		out = append(out, parts[id])
	}
	return out
}

// uniform says whether the pods of a workload are all in one tier, in each view.
func uniform(pods [2][]snapshot.Pod, groups [2][]group) bool {
	for v := range pods {
		first := ""
		for i, p := range pods[v] {
			key := ""
			if g := groupFor(groups[v], p.Labels); g != nil {
				key = g.key
			}
			if i > 0 && key != first {
				return false
			}
			first = key
		}
	}
	return true
}

// privateAddresses are of the private ranges, and such as hardly anybody names.
func privateAddresses() []netip.Addr {
	return []netip.Addr{
		netip.AddrFrom4([4]byte{10, 254, 253, 252}), netip.AddrFrom4([4]byte{172, 30, 253, 252}),
		netip.AddrFrom4([4]byte{192, 168, 253, 252}), netip.AddrFrom4([4]byte{100, 126, 253, 252}),
		netip.MustParseAddr("fd00:fefd:fcfb::1"),
	}
}

// withAddresses gives a pod of which no address is known one of each private range: it may have any of these, and has no
// public one. Otherwise every rule about the internet would leave it open whether it means the pod.
func withAddresses(p snapshot.Pod) snapshot.Pod {
	if p.Addresses == nil {
		p.Addresses = privateAddresses()
	}
	return p
}

func compareMembers(a, b *member) int {
	return cmp.Or(cmp.Compare(a.namespace, b.namespace), cmp.Compare(a.id, b.id))
}
