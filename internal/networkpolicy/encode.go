package networkpolicy

import (
	"encoding/json"
	"slices"
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The functions here append what encoding/json writes, to the byte: hashes of it stand in live policies, and in their names.
// They exist because a policy is encoded a dozen times before it is written, and reflection takes most of the time of that.

// room is where most of what is appended has room.
func room() []byte { return make([]byte, 0, 512) }

func appendSpec(b []byte, s *networkingv1.NetworkPolicySpec) []byte {
	b = appendSelector(appendName(append(b, '{'), "podSelector"), &s.PodSelector)
	if len(s.Ingress) > 0 {
		b = appendList(appendName(b, "ingress"), s.Ingress, appendIngress)
	}
	if len(s.Egress) > 0 {
		b = appendList(appendName(b, "egress"), s.Egress, appendEgress)
	}
	if len(s.PolicyTypes) > 0 {
		b = appendList(appendName(b, "policyTypes"), s.PolicyTypes, func(b []byte, t *networkingv1.PolicyType) []byte {
			return appendText(b, string(*t))
		})
	}
	return append(b, '}')
}

func appendIngress(b []byte, r *networkingv1.NetworkPolicyIngressRule) []byte {
	return appendRule(b, r.Ports, "from", r.From)
}

func appendEgress(b []byte, r *networkingv1.NetworkPolicyEgressRule) []byte {
	return appendRule(b, r.Ports, "to", r.To)
}

func appendRule(b []byte, ports []networkingv1.NetworkPolicyPort, end string, peers []networkingv1.NetworkPolicyPeer) []byte {
	b = append(b, '{')
	if len(ports) > 0 {
		b = appendList(appendName(b, "ports"), ports, appendPort)
	}
	if len(peers) > 0 {
		b = appendList(appendName(b, end), peers, appendPeer)
	}
	return append(b, '}')
}

func appendPort(b []byte, p *networkingv1.NetworkPolicyPort) []byte {
	b = append(b, '{')
	if p.Protocol != nil {
		b = appendText(appendName(b, "protocol"), string(*p.Protocol))
	}
	if p.Port != nil {
		b = appendName(b, "port")
		if p.Port.Type == intstr.String {
			b = appendText(b, p.Port.StrVal)
		} else {
			b = strconv.AppendInt(b, int64(p.Port.IntVal), 10)
		}
	}
	if p.EndPort != nil {
		b = strconv.AppendInt(appendName(b, "endPort"), int64(*p.EndPort), 10)
	}
	return append(b, '}')
}

func appendPeer(b []byte, p *networkingv1.NetworkPolicyPeer) []byte {
	b = append(b, '{')
	if p.PodSelector != nil {
		b = appendSelector(appendName(b, "podSelector"), p.PodSelector)
	}
	if p.NamespaceSelector != nil {
		b = appendSelector(appendName(b, "namespaceSelector"), p.NamespaceSelector)
	}
	if p.IPBlock != nil {
		b = appendText(append(appendName(b, "ipBlock"), `{"cidr":`...), p.IPBlock.CIDR)
		if len(p.IPBlock.Except) > 0 {
			b = appendTexts(appendName(b, "except"), p.IPBlock.Except)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

func appendSelector(b []byte, s *metav1.LabelSelector) []byte {
	b = append(b, '{')
	if len(s.MatchLabels) > 0 {
		b = append(appendLabels(append(appendName(b, "matchLabels"), '{'), s.MatchLabels), '}')
	}
	if len(s.MatchExpressions) > 0 {
		b = appendList(appendName(b, "matchExpressions"), s.MatchExpressions, func(b []byte, r *metav1.LabelSelectorRequirement) []byte {
			b = appendText(append(b, `{"key":`...), r.Key)
			b = appendText(append(b, `,"operator":`...), string(r.Operator))
			if len(r.Values) > 0 {
				b = appendTexts(appendName(b, "values"), r.Values)
			}
			return append(b, '}')
		})
	}
	return append(b, '}')
}

// appendLabels appends labels in the order of their keys.
func appendLabels(b []byte, labels map[string]string) []byte {
	// Most have few, and room for those needs no memory of its own.
	keys := make([]string, 0, 8)
	for key := range labels {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for i, key := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(append(appendText(b, key), ':'), labels[key])
	}
	return b
}

// appendName appends the name of a field, with what is between it and the one before.
func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(append(b, '"'), name...)
	return append(b, `":`...)
}

func appendList[T any](b []byte, list []T, item func([]byte, *T) []byte) []byte {
	b = append(b, '[')
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = item(b, &list[i])
	}
	return append(b, ']')
}

func appendTexts(b []byte, list []string) []byte {
	return appendList(b, list, func(b []byte, text *string) []byte { return appendText(b, *text) })
}

// appendText appends a text. What is more than letters, digits and the like, which neither labels nor addresses have, is left
// to the package that knows how to write it.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return append(b, encoded(text)...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// encoded is what encoding/json writes.
func encoded(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		// Every type here is a plain API struct; JSON cannot refuse them.
		panic("encode part of a NetworkPolicy: " + err.Error())
	}
	return text
}
