package compiler

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/validation"
)

const (
	// maxPeers is how many peers a policy may have before it is worth a word. Plugins turn each into rules, or into
	// entries of sets, for each pod that the policy selects.
	maxPeers = 500
	// maxCulprits is how many entries a finding names.
	maxCulprits = 3
	// maxFlows bounds the flows of one tier: 128 entries of 32 peers, and each peer in several parts.
	maxFlows = 1 << 14
	// portSize is about what a port takes in a policy, in bytes.
	portSize = 64
)

// tooLargeError says that a policy, or all of a profile, would be larger than what can be stored.
type tooLargeError struct{ place, message string }

func (e *tooLargeError) Error() string { return e.message }

func (c *compilation) policyTooLarge(tier v1alpha1.ClusterTier, flows []flow) error {
	most, remedy := c.culprits(flows)
	return &tooLargeError{"tier " + tier.Name, fmt.Sprintf(
		"The policy of tier %s would take more than the %d KiB that can be stored, so no policy of this profile is changed in this namespace. Most peers come from %s; %s.",
		tier.Name, validation.MaxPolicySize>>10, most, remedy)}
}

func profileTooLarge() error {
	return &tooLargeError{"", fmt.Sprintf(
		"The policies of this profile would take more than %d KiB, so none of them is changed in this namespace; use fewer and wider ranges, selectors that match more, or several profiles.",
		validation.MaxProfileSize>>10)}
}

// checkSize finds a policy with more peers than network plugins take well, and the entries that it has them from.
func (c *compilation) checkSize(tier v1alpha1.ClusterTier, policy networkingv1.NetworkPolicy, flows []flow) {
	peers := countPeers(policy.Spec)
	if peers <= maxPeers {
		return
	}
	most, remedy := c.culprits(flows)
	c.find(v1alpha1.CodeTooManyPeers, "tier "+tier.Name,
		"The policy of tier %s has %d peers, and more than %d are more than many network plugins take well. Most come from %s; %s.",
		tier.Name, peers, maxPeers, most, remedy)
}

// culprits names the entries with the most peers, and says what to do about the first.
func (c *compilation) culprits(flows []flow) (most, remedy string) {
	by := map[string]int{}
	for _, f := range flows {
		by[f.entry] += len(f.peers.peers)
	}
	entries := slices.SortedFunc(maps.Keys(by), func(a, b string) int { return cmp.Or(cmp.Compare(by[b], by[a]), cmp.Compare(a, b)) })
	var names []string
	for _, entry := range entries[:min(len(entries), maxCulprits)] {
		names = append(names, fmt.Sprintf("%s (%d)", entry, by[entry]))
	}
	return strings.Join(names, ", "), c.remedy(entries[0])
}

// remedy says what to do about an entry that has too many peers.
func (c *compilation) remedy(entry string) string {
	for _, e := range c.profile.Allow {
		isNodes := func(p v1alpha1.Peer) bool { return p.Nodes != nil }
		if e.Name == entry && slices.ContainsFunc(slices.Concat(e.From, e.To), isNodes) {
			return "name the ranges of the nodes with --node-cidrs and leave nodeSelector out, so that not every node is listed"
		}
	}
	return "use fewer and wider ranges, or selectors that match more"
}

// countPeers returns the number of peers over all rules of a policy. A peer of two rules counts twice: plugins expand
// every rule by itself.
func countPeers(spec networkingv1.NetworkPolicySpec) int {
	n := 0
	for _, rule := range spec.Ingress {
		n += len(rule.From)
	}
	for _, rule := range spec.Egress {
		n += len(rule.To)
	}
	return n
}

// from marks flows with the name of what opens them: an allow entry, or DNS.
func from(entry string, flows []flow) {
	for i := range flows {
		flows[i].entry = entry
	}
}
