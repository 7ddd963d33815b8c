package cluster

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

// The fields that are read, from k8s.io/api/core/v1/generated.proto.
const (
	podMetadata = 1
	podSpec     = 2
	podStatus   = 3

	listMetadata = 1
	listItems    = 2

	specContainers     = 2
	specHostNetwork    = 11
	specInitContainers = 20

	containerPorts         = 6
	containerRestartPolicy = 24

	portName          = 1
	portContainerPort = 3
	portProtocol      = 4

	statusPhase  = 1
	statusPodIPs = 12

	podIPAddress = 1
)

// The fields that are read, from k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto.
const (
	metaName            = 1
	metaNamespace       = 3
	metaResourceVersion = 6
	metaLabels          = 11
	metaAnnotations     = 12
	metaOwnerReferences = 13

	ownerKind       = 1
	ownerName       = 3
	ownerController = 6

	listResourceVersion    = 2
	listContinue           = 3
	listRemainingItemCount = 4
)

// Reset makes the pod empty; the decoder of apimachinery asks for it.
func (p *watchedPod) Reset() { *p = watchedPod{} }

// Unmarshal reads a v1.Pod from protobuf. After an error, the pod is not to be used.
func (p *watchedPod) Unmarshal(data []byte) error {
	err := eachField(data, func(f wireField) error {
		switch f.number {
		case podMetadata:
			return f.message(p.readMetadata)
		case podSpec:
			return f.message(p.readSpec)
		case podStatus:
			return f.message(p.readStatus)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read a pod: %w", err)
	}
	p.ports = snapshot.SortedPorts(p.ports)
	return nil
}

func (p *watchedPod) readMetadata(f wireField) error {
	switch f.number {
	case metaName:
		return f.text(&p.meta.Name)
	case metaNamespace:
		return f.text(&p.meta.Namespace)
	case metaResourceVersion:
		return f.text(&p.meta.ResourceVersion)
	case metaLabels:
		return p.readLabel(f)
	case metaAnnotations:
		return p.readAnnotation(f)
	case metaOwnerReferences:
		return p.readOwner(f)
	}
	return nil
}

func (p *watchedPod) readLabel(f wireField) error {
	key, value, err := f.entry()
	if err != nil {
		return err
	}
	if p.meta.Labels == nil {
		p.meta.Labels = map[string]string{}
	}
	p.meta.Labels[string(key)] = string(value)
	return nil
}

// readAnnotation keeps the one annotation that is for the reflector: the end of the first pods of a watch.
func (p *watchedPod) readAnnotation(f wireField) error {
	key, value, err := f.entry()
	if err == nil && string(key) == metav1.InitialEventsAnnotationKey {
		p.meta.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: string(value)}
	}
	return err
}

func (p *watchedPod) readOwner(f wireField) error {
	var owner metav1.OwnerReference
	var controller bool
	err := f.message(func(f wireField) error {
		switch f.number {
		case ownerKind:
			return f.text(&owner.Kind)
		case ownerName:
			return f.text(&owner.Name)
		case ownerController:
			return f.truth(&controller)
		}
		return nil
	})
	if err == nil && controller {
		owner.Controller = &controller
		p.meta.OwnerReferences = append(p.meta.OwnerReferences, owner)
	}
	return err
}

func (p *watchedPod) readSpec(f wireField) error {
	switch f.number {
	case specHostNetwork:
		return f.truth(&p.hostNetwork)
	case specContainers:
		_, err := p.readContainer(f)
		return err
	case specInitContainers:
		before := len(p.ports)
		policy, err := p.readContainer(f)
		// The others end before the pod serves anything.
		if policy != corev1.ContainerRestartPolicyAlways {
			p.ports = p.ports[:before]
		}
		return err
	}
	return nil
}

// readContainer adds the ports of a container.
func (p *watchedPod) readContainer(f wireField) (corev1.ContainerRestartPolicy, error) {
	var policy string
	err := f.message(func(f wireField) error {
		switch f.number {
		case containerPorts:
			return p.readPort(f)
		case containerRestartPolicy:
			return f.text(&policy)
		}
		return nil
	})
	return corev1.ContainerRestartPolicy(policy), err
}

func (p *watchedPod) readPort(f wireField) error {
	var port snapshot.ContainerPort
	var protocol string
	err := f.message(func(f wireField) error {
		switch f.number {
		case portName:
			return f.text(&port.Name)
		case portContainerPort:
			return f.int32(&port.Port)
		case portProtocol:
			return f.text(&protocol)
		}
		return nil
	})
	port.Protocol = corev1.Protocol(protocol)
	p.ports = append(p.ports, port)
	return err
}

func (p *watchedPod) readStatus(f wireField) error {
	switch f.number {
	case statusPhase:
		return f.text((*string)(&p.phase))
	case statusPodIPs:
		var address string
		err := f.message(func(f wireField) error {
			if f.number == podIPAddress {
				return f.text(&address)
			}
			return nil
		})
		p.addresses = append(p.addresses, address)
		return err
	}
	return nil
}

// Reset makes the list empty; the decoder of apimachinery asks for it.
func (l *watchedPodList) Reset() { *l = watchedPodList{} }

// Unmarshal reads a v1.PodList from protobuf. After an error, the list is not to be used: a pod that cannot be read is not
// left out.
func (l *watchedPodList) Unmarshal(data []byte) error {
	err := eachField(data, func(f wireField) error {
		switch f.number {
		case listMetadata:
			return f.message(l.readMetadata)
		case listItems:
			return l.readItem(f)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read a list of pods: %w", err)
	}
	return nil
}

func (l *watchedPodList) readItem(f wireField) error {
	if f.wire != protowire.BytesType {
		return f.mistyped()
	}
	l.Items = append(l.Items, watchedPod{})
	return l.Items[len(l.Items)-1].Unmarshal(f.bytes)
}

func (l *watchedPodList) readMetadata(f wireField) error {
	switch f.number {
	case listResourceVersion:
		return f.text(&l.meta.ResourceVersion)
	case listContinue:
		return f.text(&l.meta.Continue)
	case listRemainingItemCount:
		var remaining int64
		err := f.int64(&remaining)
		l.meta.RemainingItemCount = &remaining
		return err
	}
	return nil
}
