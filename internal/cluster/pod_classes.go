package cluster

import (
	"cmp"
	"crypto/sha256"
	"net/netip"
	"slices"
	"unique"

	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

// podClass is a class of pods of any namespaces. The pod has no namespace, name, count or addresses: those are of a namespace or of each
// pod.
type podClass struct {
	snapshot.Pod
	key classKey
	// namespaces is how many namespaces have pods of it.
	namespaces int
}

// classKey is that of a class: a digest of what pods of it have in common, as that takes less room than all of it.
type classKey [sha256.Size]byte

func classKeyOf(pod snapshot.Pod) classKey { return sha256.Sum256([]byte(pod.ClassKey())) }

// shared returns a text that is in memory once, as a rule: nothing keeps it from being forgotten when nobody else asks for it.
func shared(text string) string { return unique.Make(text).Value() }

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
	for class := range ns.classes {
		out = append(out, ns.podsOf(class, namespace))
	}
	return out
}

// podsOf returns the pods of a class in a namespace.
func (ns *podNamespace) podsOf(class *podClass, namespace string) snapshot.Pod {
	out := class.Pod
	out.Namespace, out.Count = namespace, ns.classes[class]
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
	for _, class := range ns.sorted() {
		place[class] = len(out)
		out = append(out, ns.podsOf(class, namespace))
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

// sorted returns the classes in the order of what their pods have in common.
func (ns *podNamespace) sorted() []*podClass {
	type named struct {
		text  string
		class *podClass
	}
	list := make([]named, 0, len(ns.classes))
	for class := range ns.classes {
		list = append(list, named{class.ClassKey(), class})
	}
	slices.SortFunc(list, func(a, b named) int { return cmp.Compare(a.text, b.text) })
	out := make([]*podClass, 0, len(list))
	for _, n := range list {
		out = append(out, n.class)
	}
	return out
}

// classOf returns the class of a pod. A new one has pods in no namespace yet.
func (p *Pods) classOf(pod snapshot.Pod) *podClass {
	key := classKeyOf(pod)
	if class, ok := p.classes[key]; ok {
		return class
	}
	return p.known(newPodClass(key, pod))
}

// known returns the class that has the key of this one: itself, when there was none any more.
func (p *Pods) known(class *podClass) *podClass {
	if known, ok := p.classes[class.key]; ok {
		return known
	}
	class.namespaces = 0
	p.classes[class.key] = class
	return class
}

// newPodClass returns a class without pods. It shares no memory with the pod, which was read from what else was sent.
func newPodClass(key classKey, pod snapshot.Pod) *podClass {
	c := &podClass{key: key}
	c.HostNetwork = pod.HostNetwork
	c.Workload.Kind, c.Workload.Name = shared(pod.Workload.Kind), shared(pod.Workload.Name)
	if pod.Labels != nil {
		c.Labels = make(map[string]string, len(pod.Labels))
	}
	for k, v := range pod.Labels {
		c.Labels[shared(k)] = shared(v)
	}
	c.Ports = slices.Clip(slices.Clone(pod.Ports))
	for i := range c.Ports {
		port := &c.Ports[i]
		port.Name, port.Protocol = shared(port.Name), corev1.Protocol(shared(string(port.Protocol)))
	}
	return c
}

// join counts a pod of a namespace in its class.
func (p *Pods) join(ns *podNamespace, class *podClass) {
	if ns.classes[class]++; ns.classes[class] == 1 {
		class.namespaces++
	}
}

// leave counts one less. The class is dropped when no pod is of it.
func (p *Pods) leave(ns *podNamespace, class *podClass) {
	if ns.classes[class]--; ns.classes[class] > 0 {
		return
	}
	delete(ns.classes, class)
	if class.namespaces--; class.namespaces == 0 {
		delete(p.classes, class.key)
	}
}
