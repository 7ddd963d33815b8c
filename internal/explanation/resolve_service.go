package explanation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// service finds the pods behind a Service.
func (r resolver) service(e *end, name string) error {
	e.Name = "Service " + name
	s, ok := r.world.service(e.Namespace, name)
	if !ok {
		var names []string
		for _, other := range r.world.Cluster.Facts.Services {
			if other.Namespace == e.Namespace {
				names = append(names, "svc/"+other.Name)
			}
		}
		return fmt.Errorf("no Service %s is known in namespace %s%s", name, e.Namespace, didYouMean(name, names))
	}
	switch {
	case s.Spec.Type == corev1.ServiceTypeExternalName:
		return hostName(s.Spec.ExternalName)
	case len(s.Spec.Selector) == 0:
		return errors.New("the Service selects no pods; ask for an address that its EndpointSlices list")
	}
	e.service = s
	pods := &metav1.LabelSelector{MatchLabels: s.Spec.Selector}
	var err error
	if e.pods, err = matching(pods, e.place.Pods); err != nil {
		return fmt.Errorf("selector of Service %s: %w", name, err)
	}
	return e.orSomeday(pods, targetPorts(s), "selector of Service "+name)
}

func targetPorts(s *corev1.Service) []v1alpha1.Port {
	var out []v1alpha1.Port
	for _, p := range s.Spec.Ports {
		out = append(out, v1alpha1.Port{Port: targetPort(p), Protocol: cmp.Or(p.Protocol, corev1.ProtocolTCP)})
	}
	return out
}

// targetPort is the port of the pods; what the API server would have written when it is not given.
func targetPort(p corev1.ServicePort) intstr.IntOrString {
	if p.TargetPort == (intstr.IntOrString{}) {
		return intstr.FromInt32(p.Port)
	}
	return p.TargetPort
}

// servicePorts are the ports of the Service that are meant, at one of its pods. An error says which there are.
func servicePorts(e *end, ref *PortReference, pod *snapshot.Pod) ([]Port, error) {
	var out []Port
	var known []string
	for _, p := range e.service.Spec.Ports {
		protocol := cmp.Or(p.Protocol, corev1.ProtocolTCP)
		target := targetPort(p)
		known = append(known, fmt.Sprintf("%d/%s (target port %s)", p.Port, strings.ToLower(string(protocol)), target.String()))
		if ref != nil && !ref.meansServicePort(p.Port, p.Name, protocol) {
			continue
		}
		for _, port := range targets(e, target, protocol, pod) {
			port.ServicePort = p.Port
			out = append(out, port)
		}
	}
	switch {
	case len(out) > 0:
	case ref != nil:
		return nil, fmt.Errorf("%s has no port %s at these pods; it has %s", e.Name, ref, strings.Join(known, ", "))
	default:
		return nil, fmt.Errorf("%s leads to no port of its pods", e.Name)
	}
	slices.SortFunc(out, Port.compare)
	return slices.Compact(out), nil
}

// targets are the ports that a target port stands for, at a pod.
func targets(e *end, target intstr.IntOrString, protocol corev1.Protocol, pod *snapshot.Pod) []Port {
	if target.Type == intstr.String {
		return named(PortReference{Name: target.StrVal, Protocol: protocol}, pod, e.unnumbered)
	}
	return []Port{numbered(protocol, target.IntVal)}
}
