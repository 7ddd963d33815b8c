package compiler

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// structure returns why the API server would refuse a policy: ValidateNetworkPolicy of Kubernetes'
// pkg/apis/networking/validation in short, with what we ask beyond it, that defaults are written out.
func structure(policy networkingv1.NetworkPolicy) error {
	for _, msg := range apivalidation.NameIsDNSSubdomain(policy.Name, false) {
		return fmt.Errorf("name %q: %s", policy.Name, msg)
	}
	if err := metav1validation.ValidateLabels(policy.Labels, nil).ToAggregate(); err != nil {
		return err
	}
	if err := apivalidation.ValidateAnnotations(policy.Annotations, nil).ToAggregate(); err != nil {
		return err
	}
	if err := selectorStructure(&policy.Spec.PodSelector); err != nil {
		return err
	}
	for _, rule := range policy.Spec.Ingress {
		if err := ruleStructure(rule.From, rule.Ports); err != nil {
			return fmt.Errorf("ingress %v: %w", rule, err)
		}
	}
	for _, rule := range policy.Spec.Egress {
		if err := ruleStructure(rule.To, rule.Ports); err != nil {
			return fmt.Errorf("egress %v: %w", rule, err)
		}
	}
	return nil
}

func selectorStructure(s *metav1.LabelSelector) error {
	return metav1validation.ValidateLabelSelector(s, metav1validation.LabelSelectorValidationOptions{}, field.NewPath("selector")).ToAggregate()
}

func ruleStructure(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) error {
	if len(ports) == 0 {
		return fmt.Errorf("every port")
	}
	for _, p := range ports {
		if err := portStructure(p); err != nil {
			return err
		}
	}
	for _, p := range peers {
		if err := peerStructure(p); err != nil {
			return err
		}
	}
	return nil
}

func portStructure(p networkingv1.NetworkPolicyPort) error {
	if p.Protocol == nil || p.Port == nil {
		return fmt.Errorf("protocol and port must be written out")
	}
	switch *p.Protocol {
	case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
	default:
		return fmt.Errorf("protocol %q", *p.Protocol)
	}
	if p.Port.Type == intstr.String {
		if msgs := validation.IsValidPortName(p.Port.StrVal); len(msgs) > 0 || p.EndPort != nil {
			return fmt.Errorf("port name %q to %v: %v", p.Port.StrVal, p.EndPort, msgs)
		}
		return nil
	}
	if msgs := validation.IsValidPortNum(int(p.Port.IntVal)); len(msgs) > 0 {
		return fmt.Errorf("port %d: %v", p.Port.IntVal, msgs)
	}
	if p.EndPort != nil && (*p.EndPort < p.Port.IntVal || *p.EndPort > 65535) {
		return fmt.Errorf("port %d to %d", p.Port.IntVal, *p.EndPort)
	}
	return nil
}

func peerStructure(p networkingv1.NetworkPolicyPeer) error {
	if p.IPBlock == nil {
		if p.PodSelector == nil && p.NamespaceSelector == nil {
			return fmt.Errorf("empty peer")
		}
		for _, s := range []*metav1.LabelSelector{p.PodSelector, p.NamespaceSelector} {
			if s == nil {
				continue
			}
			if err := selectorStructure(s); err != nil {
				return err
			}
		}
		return nil
	}
	if p.PodSelector != nil || p.NamespaceSelector != nil {
		return fmt.Errorf("ipBlock beside a selector")
	}
	cidr, err := netip.ParsePrefix(p.IPBlock.CIDR)
	if err != nil || cidr.Masked().String() != p.IPBlock.CIDR {
		return fmt.Errorf("cidr %q: %w", p.IPBlock.CIDR, err)
	}
	for _, text := range p.IPBlock.Except {
		except, err := netip.ParsePrefix(text)
		if err != nil || except.Addr().Is4() != cidr.Addr().Is4() || except.Bits() <= cidr.Bits() || !cidr.Contains(except.Addr()) {
			return fmt.Errorf("except %q is not strictly inside %s: %w", text, cidr, err)
		}
	}
	return nil
}
