package analyzer

import (
	"cmp"
	"fmt"
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// gravest returns the message of the widening that concerns a profile most: one that is true today, of a tier, of who may come in.
func gravest(namespace string, list []Widening, profile snapshot.ProfileKey) string {
	var of []Widening
	for _, w := range list {
		if w.Profile == profile && w.Undecided == "" {
			of = append(of, w)
		}
	}
	if len(of) == 0 {
		return ""
	}
	rank := func(w Widening) int {
		rank := 0
		for i, lesser := range []bool{w.Direction == networkpolicy.Egress, w.Tier == "", !w.Today} {
			if lesser {
				rank += 1 << i
			}
		}
		return rank
	}
	return slices.MinFunc(of, func(a, b Widening) int { return cmp.Compare(rank(a), rank(b)) }).message(namespace)
}

// WidenedFindings words widenings of a namespace, in their order, by profile. Undecided says, for a profile, why it cannot be told
// whether a policy widens it; the first such reason.
func WidenedFindings(namespace string, list []Widening) (findings map[snapshot.ProfileKey][]v1alpha1.Finding, undecided map[snapshot.ProfileKey]string) {
	findings, undecided = map[snapshot.ProfileKey][]v1alpha1.Finding{}, map[snapshot.ProfileKey]string{}
	for _, w := range list {
		if w.Undecided != "" {
			undecided[w.Profile] = cmp.Or(undecided[w.Profile], w.Undecided)
			continue
		}
		findings[w.Profile] = append(findings[w.Profile], finding.New(v1alpha1.CodeForeignPolicyWidens, namespace, placeOf(w.Tier), "%s", w.message(namespace)))
	}
	return findings, undecided
}

// placeOf returns "tier database", or the setting that isolates pods in no tier.
func placeOf(tier string) string {
	if tier == "" {
		return "isolation"
	}
	return "tier " + tier
}

// WidenedByProfiles returns, for each profile that acts in the namespace or is previewed there, a finding for each other profile
// that enforces there and admits, for a pod of its own, what its own policies do not: by design, profiles of a namespace add up.
// What cannot be told is left out, since it is about what somebody has declared. In the order of the other profiles.
func WidenedByProfiles(in WidenInput) (map[snapshot.ProfileKey][]v1alpha1.Finding, error) {
	in = in.sorted()
	out := map[snapshot.ProfileKey][]v1alpha1.Finding{}
	budget := selector.NewBudget(maxSteps)
	for _, o := range in.Outputs {
		subjects, err := subjectsOf(o, in.Namespace)
		if err != nil {
			return nil, err
		}
		replaced := replacedBy(o)
		for _, other := range in.Outputs {
			if other.Disposition != compiler.Enforce || other.Profile.Key == o.Profile.Key || replaced[other.Profile.Key] {
				continue
			}
			list, err := in.judge(o.Profile.Key, subjects, sidesOf(o.Policies), sidesOf(other.Policies), budget)
			if err != nil {
				return nil, err
			}
			if f, ok := widenedBy(in.Namespace.Name, other.Profile.Key, list); ok {
				out[o.Profile.Key] = append(out[o.Profile.Key], f)
			}
		}
	}
	return out, nil
}

// widenedBy words what one other profile adds.
func widenedBy(namespace string, other snapshot.ProfileKey, list []Widening) (v1alpha1.Finding, bool) {
	var now, someday []string
	for _, w := range list {
		switch {
		case w.Undecided != "":
		case w.Today:
			now = append(now, w.Tier)
		default:
			someday = append(someday, w.Tier)
		}
	}
	switch {
	case len(now) > 0:
		return finding.New(v1alpha1.CodeWidenedByProfile, namespace, other.String(),
			"%s allows more than this profile does for %s: profiles of a namespace add up. If that is not meant, narrow it, or make the selectors of tiers exclude each other.",
			other, tiersInWords(now)), true
	case len(someday) > 0:
		return finding.New(v1alpha1.CodeWidenedByProfile, namespace, other.String(),
			"%s would allow more than this profile does for %s: profiles of a namespace add up. No pod runs now of which that is true.",
			other, tiersInWords(someday)), true
	}
	return v1alpha1.Finding{}, false
}

// tiersInWords returns "pods of tiers a and b and pods that no tier of this profile selects".
func tiersInWords(tiers []string) string {
	slices.Sort(tiers)
	tiers = slices.Compact(tiers)
	const others = "pods that no tier of this profile selects"
	if tiers[0] != "" {
		return "pods of " + tierNames(tiers)
	}
	if len(tiers) == 1 {
		return others
	}
	return "pods of " + tierNames(tiers[1:]) + " and " + others
}

func tierNames(tiers []string) string {
	if len(tiers) == 1 {
		return "tier " + tiers[0]
	}
	return fmt.Sprintf("tiers %s", enumerate(tiers, "and"))
}
