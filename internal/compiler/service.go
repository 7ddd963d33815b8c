package compiler

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// service returns what is behind a Service: the pods of its selector, or the addresses of its EndpointSlices when it has
// none. As a destination it is reached on these ports, or on its own target ports when there are none.
func (c *compilation) service(peer v1alpha1.ServicePeer, ports []v1alpha1.Port, place string, destination bool) []target {
	name := types.NamespacedName{Namespace: c.serviceNamespace(peer), Name: peer.Name}
	find := c.find
	if peer.Namespace == "" {
		find = c.findHere
	}
	found := c.servicesNamed(name)
	switch {
	case len(found) == 0:
		find(v1alpha1.CodeUnresolvedPeer, place, "There is no Service %s, so nothing is allowed here; create it or correct the reference.", name)
		return nil
	case found[0].Spec.Type == corev1.ServiceTypeExternalName:
		find(v1alpha1.CodeUnresolvedPeer, place, "Service %s is only a name for %s, so nothing is allowed here; use ipBlocks with the addresses behind it.", name, found[0].Spec.ExternalName)
		return nil
	case len(found[0].Spec.Selector) == 0:
		return c.endpoints(name, ports, place, destination, find)
	}
	service := found[0]
	own := targetPorts(service)
	if destination {
		checkServicePorts(service, own, ports, place, find)
	}
	if len(ports) == 0 {
		ports = own
	}
	if destination && len(ports) == 0 {
		find(v1alpha1.CodeUnresolvedPeer, place, "Service %s has no ports, so nothing is allowed here; give the entry ports.", name)
	}
	return []target{{c.podsOf(name.Namespace, &metav1.LabelSelector{MatchLabels: service.Spec.Selector}), ports}}
}

func (c *compilation) serviceNamespace(peer v1alpha1.ServicePeer) string {
	if peer.Namespace != "" {
		return peer.Namespace
	}
	return c.here.itself()
}

// finder is compilation.find or findHere.
type finder = func(code v1alpha1.FindingCode, place, format string, args ...any)

// targetPorts returns the ports on which the pods of a Service serve, by number or name.
func targetPorts(s corev1.Service) []v1alpha1.Port {
	var out []v1alpha1.Port
	for _, p := range s.Spec.Ports {
		out = append(out, v1alpha1.Port{Port: targetPort(p), Protocol: cmp.Or(p.Protocol, corev1.ProtocolTCP)})
	}
	return out
}

// targetPort returns the port of the pods; what the API server would have written when it is not given.
func targetPort(p corev1.ServicePort) intstr.IntOrString {
	if p.TargetPort == (intstr.IntOrString{}) {
		return intstr.FromInt32(p.Port)
	}
	return p.TargetPort
}

// checkServicePorts finds ports of an entry that are the Service's and not its pods'.
func checkServicePorts(s corev1.Service, own, ports []v1alpha1.Port, place string, find finder) {
	for _, port := range ports {
		serves := slices.ContainsFunc(own, func(p v1alpha1.Port) bool { return p.Port == port.Port && p.Protocol == port.Protocol })
		i := slices.IndexFunc(s.Spec.Ports, func(p corev1.ServicePort) bool {
			sameProtocol := cmp.Or(p.Protocol, corev1.ProtocolTCP) == port.Protocol
			return sameProtocol && (port.Port == intstr.FromInt32(p.Port) || (p.Name != "" && port.Port == intstr.FromString(p.Name)))
		})
		if serves || i < 0 || port.EndPort != nil {
			continue
		}
		target := targetPort(s.Spec.Ports[i])
		find(v1alpha1.CodeServicePortNotPodPort, place, "Port %s is Service %s/%s's own; its pods serve on %s, and that is the port that counts: leave ports out, or give that one.",
			port.Port.String(), s.Namespace, s.Name, target.String())
	}
}

// endpoints returns the addresses and ports that the EndpointSlices of a Service without selector list. An address that
// is a pod's is left out: whoever edits the list could reach pods by it that nobody selected.
func (c *compilation) endpoints(name types.NamespacedName, ports []v1alpha1.Port, place string, destination bool, find finder) []target {
	find(v1alpha1.CodeServiceWithoutSelector, place, "Service %s has no selector, so whoever may edit its EndpointSlices chooses the addresses that are allowed here; use ipBlocks if they do not change.", name)
	numeric := slices.DeleteFunc(slices.Clone(ports), func(p v1alpha1.Port) bool { return p.Port.Type == intstr.String })
	if len(numeric) < len(ports) {
		find(v1alpha1.CodeUnresolvedPeer, place, "Service %s stands for addresses, towards which a port name means nothing; give the entry numbers.", name)
	}
	var out []target
	listed := c.endpointsOf(name)
	for _, e := range listed.groups {
		t := target{hosts(e.addresses), e.ports}
		if len(ports) > 0 {
			t.ports = numeric
		}
		if destination && len(e.ports) == 0 && len(ports) == 0 {
			find(v1alpha1.CodeUnresolvedPeer, place, "An EndpointSlice of Service %s gives no port, so nothing is allowed towards its addresses; give the entry ports.", name)
		}
		out = append(out, t)
	}
	listed.findLeftOut("Service "+name.String(), "refer to pods by a Service with a selector, or by pods", place, find)
	if isUnresolved(out) {
		find(v1alpha1.CodeUnresolvedPeer, place, "Service %s has no selector, and no EndpointSlice gives it an address that can be allowed here; see kubectl get endpointslices -n %s -l kubernetes.io/service-name=%s.",
			name, name.Namespace, name.Name)
	}
	return out
}
