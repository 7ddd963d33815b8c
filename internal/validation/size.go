package validation

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Bounds of what a profile may become, in bytes: one policy, and all of them in a namespace. etcd refuses objects of more than about 1.5 MB, and a profile of that
// size can, tier by tier and reference by reference, ask for a thousand times as much.
const (
	MaxPolicySize  = 1 << 20
	MaxProfileSize = 8 << 20
)

// What the parts of a policy take besides the texts in them, as JSON, roughly and rather too much.
const (
	peerOverhead        = 64
	portSize            = 64
	requirementOverhead = 48
	labelOverhead       = 8
)

// validateSize refuses a profile whose policies would be too large to be stored. It counts every reference to a tier as
// the tier's whole selector, which is what it becomes.
func validateSize(p snapshot.Profile, path *field.Path) field.ErrorList {
	sizes := map[string]int{}
	for _, tier := range p.Tiers {
		sizes[tier.Name] = peerOverhead + selectorSize(tier.PodSelector) + selectorSize(tier.NamespaceSelector) + selectorSize(p.NamespaceSelector)
	}
	policies := map[string]int{}
	for _, entry := range p.Allow {
		from, to := peersSize(entry.From, sizes), peersSize(entry.To, sizes)
		ports := portSize * max(len(entry.Ports), 1)
		for _, peer := range entry.From {
			policies[peer.Tier] += to + ports*len(entry.To)
		}
		for _, peer := range entry.To {
			policies[peer.Tier] += from + ports*len(entry.From)
		}
	}
	total := 0
	var errs field.ErrorList
	for i, tier := range p.Tiers {
		size := policies[tier.Name]
		total += size
		if size > MaxPolicySize {
			errs = append(errs, field.Invalid(path.Index(i).Child("name"), tier.Name, fmt.Sprintf(
				"the policy of this tier would take about %d KiB, more than the %d KiB that can be stored; use smaller selectors or fewer entries",
				size>>10, MaxPolicySize>>10)))
		}
	}
	if total > MaxProfileSize {
		errs = append(errs, field.Invalid(path, len(p.Tiers), fmt.Sprintf(
			"the policies of this profile would take about %d KiB, more than %d KiB; use smaller selectors, fewer entries, or several profiles",
			total>>10, MaxProfileSize>>10)))
	}
	return errs
}

func peersSize(peers []v1alpha1.Peer, tiers map[string]int) int {
	size := 0
	for _, p := range peers {
		size += peerOverhead + tiers[p.Tier]
		switch {
		case p.Pods != nil:
			size += selectorSize(p.Pods.PodSelector) + selectorSize(p.Pods.NamespaceSelector) + textSize(p.Pods.Namespaces)
		case p.IPBlocks != nil:
			// Every range is a peer of its own, and holds those of the exceptions that lie in it: each lies in one.
			size += peerOverhead*len(p.IPBlocks.CIDRs) + textSize(p.IPBlocks.CIDRs) + textSize(p.IPBlocks.Except)
		case p.Internet != nil:
			size += 4*peerOverhead + textSize(p.Internet.Except)
		}
	}
	return size
}

func textSize(texts []string) int {
	size := 0
	for _, t := range texts {
		size += len(t) + labelOverhead
	}
	return size
}

func selectorSize(s *v1alpha1.LabelSelector) int {
	if s == nil {
		return 0
	}
	size := 0
	for k, v := range s.MatchLabels {
		size += len(k) + len(v) + labelOverhead
	}
	for _, e := range s.MatchExpressions {
		size += len(e.Key) + requirementOverhead
		for _, v := range e.Values {
			size += len(v) + labelOverhead
		}
	}
	return size
}
