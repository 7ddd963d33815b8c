package cluster

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
func (ns *podNamespace) join(key string, pod *corev1.Pod) *podClass {
	class, ok := ns.classes[key]
	if !ok {
		class = &podClass{key: key, Pod: snapshot.Pod{
			Namespace: ns.name, Labels: maps.Clone(pod.Labels), HostNetwork: pod.Spec.HostNetwork,
			Ports: containerPorts(pod), Workload: workloadOf(pod),
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

// classKey is equal for pods of equal labels, ports, network and workload.
func classKey(pod *corev1.Pod) string {
	var b strings.Builder
	workload := workloadOf(pod)
	fmt.Fprintf(&b, "%t %q %q", pod.Spec.HostNetwork, workload.Kind, workload.Name)
	for _, port := range containerPorts(pod) {
		fmt.Fprintf(&b, "\x00%s %s %d", port.Name, port.Protocol, port.Port)
	}
	// Neither keys nor values of labels may contain these characters, and only labels have an equals sign.
	for _, k := range slices.Sorted(maps.Keys(pod.Labels)) {
		b.WriteString("\x00" + k + "=" + pod.Labels[k])
	}
	return b.String()
}

// containerPorts returns the ports of the containers that run as long as the pod does: its containers, and those of its init
// containers that are sidecars. They are sorted, each once, with the API server's default for the protocol.
func containerPorts(pod *corev1.Pod) []snapshot.ContainerPort {
	var out []snapshot.ContainerPort
	add := func(c *corev1.Container) {
		for _, port := range c.Ports {
			protocol := cmp.Or(port.Protocol, corev1.ProtocolTCP)
			out = append(out, snapshot.ContainerPort{Name: port.Name, Protocol: protocol, Port: port.ContainerPort})
		}
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i])
	}
	for i := range pod.Spec.InitContainers {
		if policy := pod.Spec.InitContainers[i].RestartPolicy; policy != nil && *policy == corev1.ContainerRestartPolicyAlways {
			add(&pod.Spec.InitContainers[i])
		}
	}
	slices.SortFunc(out, func(a, b snapshot.ContainerPort) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Name, b.Name))
	})
	return slices.Clip(slices.Compact(out))
}

// workloadOf returns what a pod was made by. A Deployment names its ReplicaSets after itself and the hash of the pod
// template, which it gives to the pods as a label.
func workloadOf(pod *corev1.Pod) snapshot.Workload {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return snapshot.Workload{Kind: "Pod", Name: pod.Name}
	}
	hash := pod.Labels[appsv1.DefaultDeploymentUniqueLabelKey]
	if deployment, ok := strings.CutSuffix(owner.Name, "-"+hash); ok && hash != "" && owner.Kind == "ReplicaSet" {
		return snapshot.Workload{Kind: "Deployment", Name: deployment}
	}
	return snapshot.Workload{Kind: owner.Kind, Name: owner.Name}
}
