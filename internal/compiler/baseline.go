package compiler

import (
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// defaultDeny is the policy that denies every pod of the namespace everything, both ways. It allows nothing, not even
// DNS, which would otherwise reach tiers that declared none.
func (c *compilation) defaultDeny() networkingv1.NetworkPolicy {
	return c.policy(v1alpha1.DefaultDenyTier, networkingv1.NetworkPolicySpec{},
		"Denies every pod of the namespace all traffic, both ways, that no other policy allows.")
}
