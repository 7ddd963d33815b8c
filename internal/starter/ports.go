package starter

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// maxPorts is how many ports a tier or an entry has at most.
const maxPorts = 32

// servedPorts returns the ports of a group's pods to which Services of its namespace lead, and the names of those, sorted.
func (p *proposal) servedPorts(g *group) (ports []v1alpha1.Port, services []string) {
	for i := range p.Cluster.Facts.Services {
		s := &p.Cluster.Facts.Services[i]
		if s.Namespace != g.namespace || !leadsTo(s, g) {
			continue
		}
		services = append(services, s.Name)
		for _, port := range s.Spec.Ports {
			if target, ok := targetPort(port, g); ok {
				ports = append(ports, target)
			}
		}
	}
	slices.Sort(services)
	return tidy(ports), services
}

// leadsTo says whether a Service of the group's namespace selects one of its pods.
func leadsTo(s *corev1.Service, g *group) bool {
	return len(s.Spec.Selector) > 0 && slices.ContainsFunc(g.allLabels(), func(labels map[string]string) bool { return hasAll(labels, s.Spec.Selector) })
}

// allLabels returns the labels of each pod of the group; of a group without pods, those that a record tells.
func (g *group) allLabels() []map[string]string {
	if len(g.pods) == 0 {
		return []map[string]string{g.labels}
	}
	var out []map[string]string
	for _, pod := range g.pods {
		out = append(out, pod.Labels)
	}
	return out
}

// targetPort returns the port of a group's pods to which a Service's port leads: the same where it says no other (core/v1
// ServicePort). A name becomes the number that all of the pods give to it, and stays a name where they give none or several. ok is
// false for what is no port.
func targetPort(port corev1.ServicePort, g *group) (out v1alpha1.Port, ok bool) {
	out = v1alpha1.Port{Port: port.TargetPort, Protocol: cmp.Or(port.Protocol, corev1.ProtocolTCP)}
	if protocolRank(out.Protocol) < 0 {
		return out, false
	}
	if out.Port == intstr.FromInt32(0) || out.Port == intstr.FromString("") {
		out.Port = intstr.FromInt32(port.Port)
	}
	if out.Port.Type == intstr.String {
		if len(validation.IsValidPortName(out.Port.StrVal)) > 0 {
			return out, false
		}
		if number := numberOf(out, g); number != 0 {
			out.Port = intstr.FromInt32(number)
		}
		return out, true
	}
	return out, len(validation.IsValidPortNum(int(out.Port.IntVal))) == 0
}

// numberOf returns the number that all pods of a group give to a named port; 0 when they do not agree, and without pods.
func numberOf(named v1alpha1.Port, g *group) int32 {
	if g == nil {
		return 0
	}
	var number int32
	for _, pod := range g.pods {
		var own int32
		for _, port := range pod.Ports {
			if port.Name == named.Port.StrVal && port.Protocol == named.Protocol {
				own = port.Port
			}
		}
		if own == 0 || (number != 0 && own != number) {
			return 0
		}
		number = own
	}
	return number
}

// numbersOf returns ports and, beside those that are names, the numbers that pods of a group give to them.
func numbersOf(ports []v1alpha1.Port, g *group) []v1alpha1.Port {
	out := slices.Clone(ports)
	for _, named := range ports {
		for _, pod := range g.pods {
			for _, own := range pod.Ports {
				if named.Port.Type == intstr.String && own.Name == named.Port.StrVal && own.Protocol == named.Protocol {
					out = append(out, v1alpha1.Port{Port: intstr.FromInt32(own.Port), Protocol: own.Protocol})
				}
			}
		}
	}
	return tidy(out)
}

// declaredPorts returns the ports that the containers of a group declare.
func declaredPorts(g *group) []v1alpha1.Port {
	var out []v1alpha1.Port
	for _, pod := range g.pods {
		for _, port := range pod.Ports {
			if len(validation.IsValidPortNum(int(port.Port))) == 0 && protocolRank(port.Protocol) >= 0 {
				out = append(out, v1alpha1.Port{Port: intstr.FromInt32(port.Port), Protocol: port.Protocol})
			}
		}
	}
	return tidy(out)
}

// tidy sorts ports, each once, numbers before names.
func tidy(ports []v1alpha1.Port) []v1alpha1.Port {
	slices.SortFunc(ports, comparePorts)
	return slices.CompactFunc(ports, func(a, b v1alpha1.Port) bool { return comparePorts(a, b) == 0 })
}

func comparePorts(a, b v1alpha1.Port) int {
	return cmp.Or(cmp.Compare(a.Port.Type, b.Port.Type), cmp.Compare(a.Port.IntVal, b.Port.IntVal), cmp.Compare(a.Port.StrVal, b.Port.StrVal),
		cmp.Compare(protocolRank(a.Protocol), protocolRank(b.Protocol)))
}

// protocolRank orders protocols as people name them; -1 for what a policy cannot name.
func protocolRank(p corev1.Protocol) int {
	return slices.Index([]corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}, p)
}

// without returns the ports that others are not.
func without(ports, others []v1alpha1.Port) []v1alpha1.Port {
	return slices.DeleteFunc(slices.Clone(ports), func(p v1alpha1.Port) bool {
		return slices.ContainsFunc(others, func(o v1alpha1.Port) bool { return comparePorts(p, o) == 0 })
	})
}

// portInWords names a port: "8080", "UDP 53".
func portInWords(p v1alpha1.Port) string {
	if p.Protocol != corev1.ProtocolTCP {
		return string(p.Protocol) + " " + p.Port.String()
	}
	return p.Port.String()
}

func portsInWords(ports []v1alpha1.Port) string {
	var out []string
	for _, p := range ports {
		out = append(out, portInWords(p))
	}
	return strings.Join(out, ", ")
}
