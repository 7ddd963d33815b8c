package snapshot

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
)

// Pod is one pod, or several of a namespace that nothing which is decided here can tell apart.
type Pod struct {
	Namespace string
	// Name is empty when it stands for several pods, or for one that does not exist yet.
	Name string
	// Names are those of the pods it stands for, sorted, where they are kept; nil otherwise.
	Names  []string
	Labels map[string]string
	// Ports are those that the containers declare, sorted, each once.
	Ports []ContainerPort
	// HostNetwork: NetworkPolicies do not govern the pod, neither as the one that is selected nor as a peer.
	HostNetwork bool
	// Completed: its containers have ended for good, so that it has no network any more.
	Completed bool
	// Addresses are those of all the pods it stands for, of both families; nil when they are not known.
	Addresses []netip.Addr
	Workload  Workload
	// Count is the number of pods that it stands for; 0 counts as 1.
	Count int
}

// ContainerPort is a port on which a container says that it serves.
type ContainerPort struct {
	// Name is empty for most.
	Name     string
	Protocol corev1.Protocol
	Port     int32
}

// Workload is what a pod was made by, as people know it: the Deployment, not its ReplicaSet; the Pod itself when nothing made
// it.
type Workload struct {
	Kind, Name string
}

// String returns "Deployment web".
func (w Workload) String() string { return w.Kind + " " + w.Name }

// FromPod reads a pod. The result shares the labels with it.
func FromPod(pod *corev1.Pod) Pod {
	return Pod{
		Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, Ports: ContainerPorts(&pod.Spec), HostNetwork: pod.Spec.HostNetwork,
		Completed: pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed,
		Addresses: AddressesOfPod(pod), Workload: WorkloadOf(pod), Count: 1,
	}
}

// FromTemplate returns the pods that a workload of a namespace makes from a template, as far as they are known before they
// run: without name and addresses. The result shares the labels with the template.
func FromTemplate(namespace string, workload Workload, template *corev1.PodTemplateSpec, count int) Pod {
	return Pod{
		Namespace: namespace, Labels: template.Labels, Ports: ContainerPorts(&template.Spec), HostNetwork: template.Spec.HostNetwork,
		Workload: workload, Count: count,
	}
}

// AddressesOfPod returns the addresses of a pod; none on the host network, where they are the node's.
func AddressesOfPod(pod *corev1.Pod) []netip.Addr {
	var out []netip.Addr
	for _, ip := range pod.Status.PodIPs {
		if addr, err := netip.ParseAddr(ip.IP); err == nil && !pod.Spec.HostNetwork {
			out = append(out, addr.Unmap())
		}
	}
	return out
}

// ContainerPorts returns the ports of the containers that run as long as the pod does: its containers, and those of its init
// containers that are sidecars. They are sorted, each once, with the API server's default for the protocol.
func ContainerPorts(spec *corev1.PodSpec) []ContainerPort {
	var out []ContainerPort
	add := func(c *corev1.Container) {
		for _, port := range c.Ports {
			out = append(out, ContainerPort{Name: port.Name, Protocol: port.Protocol, Port: port.ContainerPort})
		}
	}
	for i := range spec.Containers {
		add(&spec.Containers[i])
	}
	for i := range spec.InitContainers {
		if policy := spec.InitContainers[i].RestartPolicy; policy != nil && *policy == corev1.ContainerRestartPolicyAlways {
			add(&spec.InitContainers[i])
		}
	}
	return SortedPorts(out)
}

// SortedPorts returns ports sorted, each once, with the API server's default for the protocol. What it is given it changes.
func SortedPorts(ports []ContainerPort) []ContainerPort {
	for i := range ports {
		ports[i].Protocol = cmp.Or(ports[i].Protocol, corev1.ProtocolTCP)
	}
	slices.SortFunc(ports, func(a, b ContainerPort) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Name, b.Name))
	})
	return slices.Clip(slices.Compact(ports))
}

// WorkloadOf returns what a pod was made by. A Deployment names its ReplicaSets after itself and the hash of the pod
// template, which it gives to the pods as a label.
func WorkloadOf(pod metav1.Object) Workload {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return Workload{Kind: "Pod", Name: pod.GetName()}
	}
	hash := pod.GetLabels()[appsv1.DefaultDeploymentUniqueLabelKey]
	if deployment, ok := strings.CutSuffix(owner.Name, "-"+hash); ok && hash != "" && owner.Kind == "ReplicaSet" {
		return Workload{Kind: "Deployment", Name: deployment}
	}
	return Workload{Kind: owner.Kind, Name: owner.Name}
}

// ClassKey is equal for pods of equal labels, ports, network and workload.
func (p Pod) ClassKey() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%t %q %q", p.HostNetwork, p.Workload.Kind, p.Workload.Name)
	for _, port := range p.Ports {
		fmt.Fprintf(&b, "\x00%s %s %d", port.Name, port.Protocol, port.Port)
	}
	// Neither keys nor values of labels may contain these characters, and only labels have an equals sign.
	for _, k := range slices.Sorted(maps.Keys(p.Labels)) {
		b.WriteString("\x00" + k + "=" + p.Labels[k])
	}
	return b.String()
}
