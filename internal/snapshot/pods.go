package snapshot

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// Pod is one pod, or several of a namespace that nothing which is decided here can tell apart.
type Pod struct {
	Namespace string
	// Name is empty when it stands for several pods, or for one that does not exist yet.
	Name   string
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
