package random

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Policy draws a NetworkPolicy as anybody might write one, of everything that the API has, and valid. It is not defaulted:
// policyTypes, protocols and whole lists may be missing, as in a file. The number makes its name unlike those of others.
func (d Drawer) Policy(namespace string, number int) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprint("foreign", number)},
	}
	p.Spec.PodSelector = *d.labelSelector("app")
	p.Spec.PolicyTypes = OneOf(d,
		nil, []networkingv1.PolicyType{}, []networkingv1.PolicyType{"Ingress"}, []networkingv1.PolicyType{"Egress"},
		[]networkingv1.PolicyType{"Ingress", "Egress"},
	)
	if d.oneIn(4) {
		p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{}
	}
	if d.oneIn(4) {
		p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{}
	}
	for range d.IntN(3) {
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: d.policyPeers(), Ports: d.policyPorts()})
	}
	for range d.IntN(3) {
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: d.policyPeers(), Ports: d.policyPorts()})
	}
	return p
}

// policyPeers draws no list, an empty one, or one of up to three peers. Not everybody in two of three cases.
func (d Drawer) policyPeers() []networkingv1.NetworkPolicyPeer {
	switch d.IntN(6) {
	case 0:
		return nil
	case 1:
		return []networkingv1.NetworkPolicyPeer{}
	}
	var out []networkingv1.NetworkPolicyPeer
	for range 1 + d.IntN(3) {
		out = append(out, OneOf(d,
			networkingv1.NetworkPolicyPeer{PodSelector: d.labelSelector("app")},
			networkingv1.NetworkPolicyPeer{NamespaceSelector: d.labelSelector("team")},
			networkingv1.NetworkPolicyPeer{PodSelector: d.labelSelector("app"), NamespaceSelector: d.labelSelector("team")},
			networkingv1.NetworkPolicyPeer{PodSelector: d.labelSelector("app"), NamespaceSelector: d.labelSelector("kubernetes.io/metadata.name", "shop", "data", "kube-system")},
			networkingv1.NetworkPolicyPeer{IPBlock: d.ipBlock()},
		))
	}
	return out
}

// labelSelector draws a selector with all four operators, by default on the values a, b and c.
func (d Drawer) labelSelector(key string, values ...string) *metav1.LabelSelector {
	if len(values) == 0 {
		values = []string{"a", "b", "c"}
	}
	s := &metav1.LabelSelector{}
	if d.oneIn(2) {
		s.MatchLabels = map[string]string{key: OneOf(d, values...)}
	}
	for range OneOf(d, 0, 0, 1, 2) {
		e := metav1.LabelSelectorRequirement{Key: OneOf(d, key, "other", "tier")}
		e.Operator = OneOf(d, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)
		if e.Operator == metav1.LabelSelectorOpIn || e.Operator == metav1.LabelSelectorOpNotIn {
			e.Values = []string{OneOf(d, append(values, "x", "")...), OneOf(d, values...)}
		}
		s.MatchExpressions = append(s.MatchExpressions, e)
	}
	return s
}

// ipBlock draws a range with up to two exceptions that lie strictly inside it: of pods, of other addresses, of everything, or
// of one address.
func (d Drawer) ipBlock() *networkingv1.IPBlock {
	cidr := OneOf(d,
		netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(d.IntN(256))}), 24+d.IntN(9)),
		netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(d.IntN(8))}), 24+d.IntN(9)),
		netip.PrefixFrom(netip.IPv4Unspecified(), d.IntN(9)),
		netip.PrefixFrom(netip.MustParseAddr("2001:db8::1"), 32+d.IntN(97)),
		netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	).Masked()
	block := &networkingv1.IPBlock{CIDR: cidr.String(), Except: OneOf(d, nil, []string{})}
	for range d.IntN(3) {
		bits := cidr.Bits() + 1 + d.IntN(3)
		if bits <= cidr.Addr().BitLen() {
			block.Except = append(block.Except, netip.PrefixFrom(d.inside(cidr), bits).Masked().String())
		}
	}
	return block
}

// inside draws an address of a range.
func (d Drawer) inside(cidr netip.Prefix) netip.Addr {
	bytes := cidr.Addr().AsSlice()
	for bit := cidr.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= byte(d.IntN(2)) << (7 - bit%8)
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// policyPorts draws no list, an empty one, or one of up to three ports: by number, by name, ranges, and whole protocols.
func (d Drawer) policyPorts() []networkingv1.NetworkPolicyPort {
	switch d.IntN(6) {
	case 0:
		return nil
	case 1:
		return []networkingv1.NetworkPolicyPort{}
	}
	var out []networkingv1.NetworkPolicyPort
	for range 1 + d.IntN(3) {
		port := networkingv1.NetworkPolicyPort{Protocol: OneOf(d, nil, new(corev1.ProtocolTCP), new(corev1.ProtocolUDP), new(corev1.ProtocolSCTP))}
		number := OneOf(d, 1, 53, 80, 443, 8080, 65535)
		switch d.IntN(6) {
		case 0:
		case 1:
			port.Port = new(intstr.FromString(OneOf(d, "http", "dns", "nobodys")))
		case 2:
			port.Port = new(intstr.FromInt(number))
			port.EndPort = new(int32(min(number+d.IntN(1000), 65535)))
		default:
			port.Port = new(intstr.FromInt(number))
		}
		out = append(out, port)
	}
	return out
}
