package cluster

import (
	"maps"
	"net/netip"
	"slices"

	"firebreak.dev/firebreak/internal/snapshot"
)

// podClass is a class of pods under its key. The pod has neither a name nor addresses: those are each pod's own.
type podClass struct {
	snapshot.Pod
	key string
}

// Classes returns the running pods of a namespace by class, without order, names and addresses; nil when there are none.
// Pods of one class have equal labels, ports, network and workload. Labels and ports are shared: they must not be changed.
func (p *Pods) Classes(namespace string) []snapshot.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	ns, ok := p.namespaces[namespace]
	if !ok {
		return nil
	}
	out := make([]snapshot.Pod, 0, len(ns.classes))
	for _, class := range ns.classes {
		out = append(out, class.Pod)
	}
	return out
}

// InNamespace is like Classes, with the addresses of the pods of each class, sorted, each once, and the name of a pod that
// is alone in its class. Pods on the host network have no addresses: theirs are the node's. The order is the same for the
// same pods.
func (p *Pods) InNamespace(namespace string) []snapshot.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	ns, ok := p.namespaces[namespace]
	if !ok {
		return nil
	}
	place := make(map[*podClass]int, len(ns.classes))
	out := make([]snapshot.Pod, 0, len(ns.classes))
	for _, key := range slices.Sorted(maps.Keys(ns.classes)) {
		place[ns.classes[key]] = len(out)
		out = append(out, ns.classes[key].Pod)
	}
	for name, entry := range ns.pods {
		pod := &out[place[entry.class]]
		pod.Addresses = append(pod.Addresses, splitAddresses(entry.addresses)...)
		if pod.Count == 1 {
			pod.Name = name
		}
	}
	for i := range out {
		slices.SortFunc(out[i].Addresses, netip.Addr.Compare)
		out[i].Addresses = slices.Compact(out[i].Addresses)
	}
	return out
}

// join counts a pod in its class, which comes into being with its first pod.
func (ns *podNamespace) join(key string, pod snapshot.Pod) *podClass {
	class, ok := ns.classes[key]
	if !ok {
		class = &podClass{key: key, Pod: snapshot.Pod{
			Namespace: ns.name, Labels: maps.Clone(pod.Labels), HostNetwork: pod.HostNetwork,
			Ports: pod.Ports, Workload: pod.Workload,
		}}
		ns.classes[key] = class
	}
	class.Count++
	return class
}

func (ns *podNamespace) leave(class *podClass) {
	if class.Count--; class.Count == 0 {
		delete(ns.classes, class.key)
	}
}
