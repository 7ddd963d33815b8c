package importer

import (
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/selector"
)

// drawn makes policies of few words, so that they often have to do with each other.
type drawn struct{ *rand.Rand }

func (d drawn) one(list ...string) string { return list[d.IntN(len(list))] }

func (d drawn) selector(key string) metav1.LabelSelector {
	s := metav1.LabelSelector{}
	for range d.IntN(3) {
		e := metav1.LabelSelectorRequirement{Key: d.one(key, "y")}
		switch d.IntN(5) {
		case 0:
			e.Operator = metav1.LabelSelectorOpExists
		case 1:
			e.Operator = metav1.LabelSelectorOpDoesNotExist
		case 2:
			e.Operator, e.Values = metav1.LabelSelectorOpNotIn, []string{d.one("1", "2")}
		case 3:
			e.Operator, e.Values = metav1.LabelSelectorOpIn, []string{"1", "2"}
		default:
			s.MatchLabels = map[string]string{e.Key: d.one("1", "2")}
			continue
		}
		s.MatchExpressions = append(s.MatchExpressions, e)
	}
	return s
}

func (d drawn) namespaces() *metav1.LabelSelector {
	switch d.IntN(6) {
	case 0:
		return selector.NamespaceNames(d.one("shop", "else"))
	case 1:
		return selector.NotNamespaceNames(d.one("shop", "else"))
	case 2:
		return &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}
	case 3:
		return &metav1.LabelSelector{}
	}
	return nil
}

func (d drawn) peers() []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	// Often there are ranges only, lest pods show every difference.
	ranges := 1 + d.IntN(4)
	for range d.IntN(3) {
		if d.IntN(ranges) == 0 {
			out = append(out, block(d.one("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9"), d.one("10.0.0.0/9", "10.1.0.0/16")))
			continue
		}
		pods := d.selector("x")
		out = append(out, networkingv1.NetworkPolicyPeer{PodSelector: &pods, NamespaceSelector: d.namespaces()})
	}
	return out
}

func (d drawn) ports() []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for range d.IntN(3) {
		p := []networkingv1.NetworkPolicyPort{port(80), port(81), port("http"), port("web"), {}}[d.IntN(5)]
		switch d.IntN(6) {
		case 0:
			p.Protocol = new(corev1.ProtocolUDP)
		case 1:
			p = port(80)
			p.EndPort = new(int32(65535))
		case 2:
			p = port(1)
			p.EndPort = new(int32(79))
		}
		out = append(out, p)
	}
	return out
}

func (d drawn) policy(name string) *networkingv1.NetworkPolicy {
	types := [][]networkingv1.PolicyType{{"Ingress"}, {"Egress"}, {"Ingress", "Egress"}}[d.IntN(3)]
	p := policy(name, "", types...)
	p.Spec.PodSelector = d.selector("x")
	for range d.IntN(3) {
		from(p, d.ports(), d.peers()...)
		to(p, d.ports(), d.peers()...)
	}
	return p
}

// changed returns policies that may mean the same.
func (d drawn) changed(list []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, p := range list {
		out = append(out, p.DeepCopy())
	}
	p := out[d.IntN(len(out))]
	other := d.policy("other")
	switch d.IntN(7) {
	case 0:
		// Each rule in a policy of its own.
		for i, r := range p.Spec.Ingress {
			one := policy(fmt.Sprint("piece-", i), "", "Ingress")
			one.Spec.PodSelector, one.Spec.Ingress = p.Spec.PodSelector, []networkingv1.NetworkPolicyIngressRule{r}
			out = append(out, one)
		}
		p.Spec.Ingress = nil
	case 1:
		// Its pods in two parts, with the label and without.
		for i, operator := range []metav1.LabelSelectorOperator{metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist} {
			one := p.DeepCopy()
			one.Name = fmt.Sprint("half-", i)
			one.Spec.PodSelector.MatchExpressions = append(one.Spec.PodSelector.MatchExpressions, metav1.LabelSelectorRequirement{Key: "x", Operator: operator})
			out = append(out, one)
		}
		return slices.DeleteFunc(out, func(o *networkingv1.NetworkPolicy) bool { return o == p })
	case 2:
		p.Spec.PodSelector = d.selector("x")
	case 3:
		out = append(out, other)
	case 4:
		p.Spec.Ingress = other.Spec.Ingress
	case 5:
		for i := range p.Spec.Egress {
			p.Spec.Egress[i].Ports = d.ports()
		}
	default:
		p.Spec.PolicyTypes = other.Spec.PolicyTypes
	}
	return out
}
