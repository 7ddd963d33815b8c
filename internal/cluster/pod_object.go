package cluster

import (
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"firebreak.dev/firebreak/internal/snapshot"
)

// watchedPod is a v1.Pod as it is received: what the store asks of it, and what lists and watches need. All else is left in
// what was sent, most of it the record of who set which field.
type watchedPod struct {
	// meta has the name, the namespace, the resource version, the labels, those owners that are its controller, and the
	// annotation of a bookmark that ends the first pods.
	meta        metav1.ObjectMeta
	phase       corev1.PodPhase
	hostNetwork bool
	// ports are those of the containers that run as long as the pod does, as snapshot.ContainerPorts has them.
	ports []snapshot.ContainerPort
	// addresses are as they were sent; on the host network they are the node's.
	addresses []string
}

// watchedPodList is a v1.PodList as it is received. The pods are in a field that apimachinery finds by its name.
type watchedPodList struct {
	meta  metav1.ListMeta
	Items []watchedPod
}

var (
	_ runtime.Object            = &watchedPod{}
	_ metav1.ObjectMetaAccessor = &watchedPod{}
	_ runtime.Object            = &watchedPodList{}
	_ metav1.ListMetaAccessor   = &watchedPodList{}
)

// errNotProtobuf says what came; an empty pod or list would be taken for the truth.
var errNotProtobuf = errors.New("pods are read from protobuf alone")

// completed says whether the pod's containers have ended for good.
func (p *watchedPod) completed() bool {
	return p.phase == corev1.PodSucceeded || p.phase == corev1.PodFailed
}

// read returns the pod as snapshot.FromPod does, but for the addresses. The result shares the labels with it.
func (p *watchedPod) read() snapshot.Pod {
	return snapshot.Pod{
		Namespace: p.meta.Namespace, Name: p.meta.Name, Labels: p.meta.Labels, Ports: p.ports, HostNetwork: p.hostNetwork,
		Completed: p.completed(), Workload: snapshot.WorkloadOf(&p.meta), Count: 1,
	}
}

// joinedAddresses joins the addresses of a pod. On the host network they are the node's and not the pod's.
func (p *watchedPod) joinedAddresses() string {
	if p.hostNetwork {
		return ""
	}
	return strings.Join(p.addresses, ",")
}

// GetObjectMeta implements metav1.ObjectMetaAccessor.
func (p *watchedPod) GetObjectMeta() metav1.Object { return &p.meta }

// GetObjectKind implements runtime.Object.
func (p *watchedPod) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject implements runtime.Object.
func (p *watchedPod) DeepCopyObject() runtime.Object {
	out := p.deepCopy()
	return &out
}

func (p *watchedPod) deepCopy() watchedPod {
	out := *p
	p.meta.DeepCopyInto(&out.meta)
	out.ports, out.addresses = slices.Clone(p.ports), slices.Clone(p.addresses)
	return out
}

// UnmarshalJSON refuses JSON, which nobody asked for.
func (p *watchedPod) UnmarshalJSON([]byte) error { return errNotProtobuf }

// GetListMeta implements metav1.ListMetaAccessor.
func (l *watchedPodList) GetListMeta() metav1.ListInterface { return &l.meta }

// GetObjectKind implements runtime.Object.
func (l *watchedPodList) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject implements runtime.Object.
func (l *watchedPodList) DeepCopyObject() runtime.Object {
	out := &watchedPodList{}
	l.meta.DeepCopyInto(&out.meta)
	for i := range l.Items {
		out.Items = append(out.Items, l.Items[i].deepCopy())
	}
	return out
}

// UnmarshalJSON refuses JSON, which nobody asked for.
func (l *watchedPodList) UnmarshalJSON([]byte) error { return errNotProtobuf }
