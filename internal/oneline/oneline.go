// Package oneline writes parts of profiles and NetworkPolicies as YAML in one line, in flow style, for people to read in a
// sentence and to paste where the sentence says. What it writes reads back as what was given.
package oneline

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
)

// Scalar writes a name, the key or value of a label, or a range of addresses: in quotes where YAML could take it for something
// else, such as true, 1.5 or nothing.
func Scalar(value string) string {
	plain := value != "" && !strings.ContainsAny(value[:1], "0123456789.-_") && !strings.Contains(value, ":") &&
		!slices.Contains([]string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}, strings.ToLower(value))
	if plain {
		return value
	}
	return `"` + value + `"`
}

func scalars(values []string) string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, Scalar(v))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// Selector writes a label selector. Nil gives "{}", as an empty one does.
func Selector(s *metav1.LabelSelector) string {
	if s == nil {
		return "{}"
	}
	var parts []string
	if len(s.MatchLabels) > 0 {
		var pairs []string
		for _, k := range slices.Sorted(maps.Keys(s.MatchLabels)) {
			pairs = append(pairs, Scalar(k)+": "+Scalar(s.MatchLabels[k]))
		}
		parts = append(parts, "matchLabels: {"+strings.Join(pairs, ", ")+"}")
	}
	var expressions []string
	for _, e := range s.MatchExpressions {
		text := fmt.Sprintf("key: %s, operator: %s", Scalar(e.Key), e.Operator)
		if len(e.Values) > 0 {
			text += ", values: " + scalars(e.Values)
		}
		expressions = append(expressions, "{"+text+"}")
	}
	if len(expressions) > 0 {
		parts = append(parts, "matchExpressions: ["+strings.Join(expressions, ", ")+"]")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Ports writes a set of ports as the items of a list, without its brackets. Of a profile's entry and of a policy's rule alike.
func Ports(ports portset.Set) string {
	var out []string
	for _, r := range ports.Ranges() {
		text := fmt.Sprintf("port: %d", r.First)
		if r.Last > r.First {
			text += fmt.Sprintf(", endPort: %d", r.Last)
		}
		if r.Protocol != "TCP" {
			text += fmt.Sprintf(", protocol: %s", r.Protocol)
		}
		out = append(out, "{"+text+"}")
	}
	return strings.Join(out, ", ")
}

// Rule writes a rule of a policy: its peers, as from or to, and its ports. One that admits everybody on every port is "{}".
func Rule(direction networkpolicy.Direction, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) string {
	var parts []string
	if len(peers) > 0 {
		list := map[networkpolicy.Direction]string{networkpolicy.Ingress: "from", networkpolicy.Egress: "to"}[direction]
		var out []string
		for _, p := range peers {
			out = append(out, Peer(p))
		}
		parts = append(parts, list+": ["+strings.Join(out, ", ")+"]")
	}
	if len(ports) > 0 {
		var out []string
		for _, p := range ports {
			out = append(out, policyPort(p))
		}
		parts = append(parts, "ports: ["+strings.Join(out, ", ")+"]")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Peer writes a peer of a policy's rule.
func Peer(p networkingv1.NetworkPolicyPeer) string {
	var parts []string
	if p.NamespaceSelector != nil {
		parts = append(parts, "namespaceSelector: "+Selector(p.NamespaceSelector))
	}
	if p.PodSelector != nil {
		parts = append(parts, "podSelector: "+Selector(p.PodSelector))
	}
	if p.IPBlock != nil {
		block := "cidr: " + Scalar(p.IPBlock.CIDR)
		if len(p.IPBlock.Except) > 0 {
			block += ", except: " + scalars(p.IPBlock.Except)
		}
		parts = append(parts, "ipBlock: {"+block+"}")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func policyPort(p networkingv1.NetworkPolicyPort) string {
	var parts []string
	if p.Port != nil {
		text := p.Port.String()
		if p.Port.Type == intstr.String {
			text = Scalar(text)
		}
		parts = append(parts, "port: "+text)
	}
	if p.EndPort != nil {
		parts = append(parts, fmt.Sprintf("endPort: %d", *p.EndPort))
	}
	if p.Protocol != nil && (*p.Protocol != "TCP" || p.Port == nil) {
		parts = append(parts, "protocol: "+string(*p.Protocol))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// Name cuts what is to be the name of a tier or an entry to the 63 characters that it may have.
func Name(name string) string {
	if len(name) <= 63 {
		return name
	}
	return strings.TrimRight(name[:63], "-")
}
