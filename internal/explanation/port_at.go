package explanation

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

// portsAt are the ports that are asked for, at a pod of the destination; at an address when there is none.
func portsAt(e *end, ref *PortReference, pod *snapshot.Pod) ([]Port, error) {
	switch {
	case e.service != nil:
		return servicePorts(e, ref, pod)
	case ref != nil && ref.Name == "":
		return []Port{numbered(cmp.Or(ref.Protocol, corev1.ProtocolTCP), ref.Number)}, nil
	case pod == nil && ref != nil:
		return nil, fmt.Errorf("the name of a port means nothing towards %s; give a number", e.Name)
	case pod == nil:
		return nil, fmt.Errorf("say to which port: %s:443, for instance", writable(e.Given))
	case ref != nil:
		return portNamed(e, *ref, pod)
	}
	var out []Port
	if e.tier != nil {
		out = declared(e.tier.Ports, pod, e.unnumbered)
	}
	if len(out) == 0 {
		out = containerPorts(pod)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s declares no port; say to which: %s:8080, for instance", e.Name, writable(e.Given))
	}
	return out, nil
}

func portNamed(e *end, ref PortReference, pod *snapshot.Pod) ([]Port, error) {
	if out := named(ref, pod, e.unnumbered); len(out) > 0 {
		return out, nil
	}
	var known []string
	for _, p := range pod.Ports {
		if p.Name != "" {
			known = append(known, p.Name)
		}
	}
	return nil, fmt.Errorf("%s calls no port %s%s", e.Name, ref, didYouMean(ref.Name, known))
}

// writable puts an IPv6 address into brackets, so that a port can follow.
func writable(given string) string {
	if strings.Count(given, ":") > 1 && !strings.HasPrefix(given, tierPrefix) {
		return "[" + given + "]"
	}
	return given
}
