package compiler

import (
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
)

// tierPolicy is the one policy of a tier: it isolates the tier's pods both ways and carries all that is open to them,
// so that isolation and allows change together.
func (c *compilation) tierPolicy(tier v1alpha1.ClusterTier, rules rules, flows []flow) networkingv1.NetworkPolicy {
	spec := networkingv1.NetworkPolicySpec{PodSelector: *selector.FromAPI(tier.PodSelector)}
	for _, r := range rules.ingress {
		spec.Ingress = append(spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: r.peers.peers, Ports: policyPorts(r.ports)})
	}
	for _, r := range rules.egress {
		spec.Egress = append(spec.Egress, networkingv1.NetworkPolicyEgressRule{To: r.peers.peers, Ports: policyPorts(r.ports)})
	}
	return c.policy(tier.Name, spec, tierPurpose(tier, flows))
}

// policy completes a policy: both directions isolated, canonical, with our labels and annotations, and with an
// owner or, for a profile that retains its policies, the annotation that stands for one.
func (c *compilation) policy(tier string, spec networkingv1.NetworkPolicySpec, purpose string) networkingv1.NetworkPolicy {
	spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	spec = networkpolicy.Canonical(spec)
	key := c.profile.Key
	policy := networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: networkingv1.SchemeGroupVersion.String(), Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{
			Name:      policyName(key, tier, spec.PodSelector),
			Namespace: c.here.name,
			Labels: map[string]string{
				v1alpha1.LabelManagedBy:   v1alpha1.ManagedBy,
				v1alpha1.LabelProfileKind: string(key.Kind),
				v1alpha1.LabelProfile:     key.Name,
				v1alpha1.LabelTier:        tier,
			},
			Annotations: map[string]string{
				v1alpha1.AnnotationPurpose:           purpose,
				v1alpha1.AnnotationProfileUID:        string(c.profile.UID),
				v1alpha1.AnnotationProfileGeneration: strconv.FormatInt(c.profile.Generation, 10),
				v1alpha1.AnnotationSpecHash:          networkpolicy.HashOfCanonical(spec),
			},
		},
		Spec: spec,
	}
	if c.profile.Retains() {
		// From the beginning, not when the profile goes: then it would be too late, see
		// docs/decisions/0009-retained-policies-have-no-owner.md.
		policy.Annotations[v1alpha1.AnnotationRetainedFor] = RetainedFor(key)
		return policy
	}
	policy.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: string(key.Kind), Name: key.Name, UID: c.profile.UID,
		Controller: new(true), BlockOwnerDeletion: new(true),
	}}
	return policy
}

func policyPorts(ports []v1alpha1.Port) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for _, p := range ports {
		out = append(out, networkingv1.NetworkPolicyPort{Protocol: new(p.Protocol), Port: new(p.Port), EndPort: p.EndPort})
	}
	return out
}
