package explanation

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// PortReference is a port as somebody named it: by number, or by name.
type PortReference struct {
	Number int32
	Name   string
	// Protocol is empty when none was given: TCP for a number, any for a name.
	Protocol corev1.Protocol
}

// String returns "5432", "http" or "53/udp".
func (p PortReference) String() string {
	text := p.Name
	if text == "" {
		text = strconv.Itoa(int(p.Number))
	}
	if p.Protocol != "" {
		text += "/" + strings.ToLower(string(p.Protocol))
	}
	return text
}

func (p PortReference) meansProtocol(protocol corev1.Protocol) bool {
	if p.Protocol == "" {
		return p.Name != "" || protocol == corev1.ProtocolTCP
	}
	return p.Protocol == protocol
}

// meansServicePort says whether a port of a Service is meant, by its number or its name.
func (p PortReference) meansServicePort(number int32, name string, protocol corev1.Protocol) bool {
	if !p.meansProtocol(protocol) {
		return false
	}
	if p.Name != "" {
		return p.Name == name
	}
	return p.Number == number
}

func parsePort(text string, given bool) (*PortReference, error) {
	if !given {
		return nil, nil
	}
	number, protocol, hasProtocol := strings.Cut(text, "/")
	out := &PortReference{Name: number}
	if hasProtocol {
		out.Protocol = corev1.Protocol(strings.ToUpper(protocol))
		if !slices.Contains(portset.Protocols(), out.Protocol) {
			return nil, fmt.Errorf("protocol %q is none of tcp, udp and sctp", protocol)
		}
	}
	if n, err := strconv.Atoi(number); err == nil {
		if n < int(portset.First) || n > int(portset.Last) {
			return nil, fmt.Errorf("%d is no port: ports are %d to %d", n, portset.First, portset.Last)
		}
		out.Number, out.Name = int32(n), "" //nolint:gosec // just compared with the bounds
	}
	if number == "" {
		return nil, errors.New("a port is missing behind the colon")
	}
	return out, nil
}

// String returns "TCP/5432", "TCP/8000-8010", "TCP/http" or "TCP/80 → 8080".
func (p Port) String() string {
	text := string(p.Protocol) + "/"
	if p.ServicePort != 0 && p.ServicePort != p.Number {
		text += fmt.Sprintf("%d → ", p.ServicePort)
	}
	switch {
	case p.Number == 0:
		return text + p.Name
	case p.Last > p.Number:
		return text + fmt.Sprintf("%d-%d", p.Number, p.Last)
	}
	text += strconv.Itoa(int(p.Number))
	if p.Name != "" {
		text += " (" + p.Name + ")"
	}
	return text
}

func (p Port) compare(q Port) int {
	return cmp.Or(cmp.Compare(p.Protocol, q.Protocol), cmp.Compare(p.ServicePort, q.ServicePort), cmp.Compare(p.evaluated, q.evaluated), cmp.Compare(p.Name, q.Name))
}

// set returns the numbers of the port where decisions are made.
func (p Port) set() portset.Set {
	return portset.Of(p.Protocol, p.evaluated, max(p.evaluated, p.Last))
}

// numbered returns a port with a number.
func numbered(protocol corev1.Protocol, number int32) Port {
	return Port{Protocol: protocol, Number: number, evaluated: number}
}

// withPorts returns a pod that stands for others which are not there, with the ports that they are to have. A name to which
// nobody gives a number gets one that the rest do not use.
func withPorts(pod *snapshot.Pod, ports []v1alpha1.Port) (out *snapshot.Pod, unnumbered map[string]bool) {
	out, unnumbered = new(*pod), map[string]bool{}
	next := portset.Last
	for _, p := range ports {
		switch {
		case p.Port.Type == intstr.String:
			out.Ports = append(out.Ports, snapshot.ContainerPort{Name: p.Port.StrVal, Protocol: p.Protocol, Port: next})
			unnumbered[p.Port.StrVal] = true
			next--
		case p.EndPort == nil:
			out.Ports = append(out.Ports, snapshot.ContainerPort{Protocol: p.Protocol, Port: p.Port.IntVal})
		}
	}
	return out, unnumbered
}

// declared are the ports that a tier declares, at one of its pods.
func declared(ports []v1alpha1.Port, pod *snapshot.Pod, unnumbered map[string]bool) []Port {
	var out []Port
	for _, p := range ports {
		if p.Port.Type == intstr.String {
			out = append(out, named(PortReference{Name: p.Port.StrVal, Protocol: p.Protocol}, pod, unnumbered)...)
			continue
		}
		port := numbered(p.Protocol, p.Port.IntVal)
		if p.EndPort != nil && *p.EndPort > port.Number {
			port.Last = *p.EndPort
		}
		out = append(out, port)
	}
	return out
}

// named are the ports that a pod gives a name.
func named(ref PortReference, pod *snapshot.Pod, unnumbered map[string]bool) []Port {
	var out []Port
	for _, p := range pod.Ports {
		if p.Name != ref.Name || !ref.meansProtocol(p.Protocol) {
			continue
		}
		port := Port{Protocol: p.Protocol, Number: p.Port, Name: p.Name, evaluated: p.Port}
		if unnumbered[p.Name] {
			port.Number = 0
		}
		out = append(out, port)
	}
	return out
}

// containerPorts are the ports that the containers of a pod declare.
func containerPorts(pod *snapshot.Pod) []Port {
	var out []Port
	for _, p := range pod.Ports {
		out = append(out, numbered(p.Protocol, p.Port))
	}
	slices.SortFunc(out, Port.compare)
	return slices.Compact(out)
}
