package analyzer

import (
	"cmp"
	"fmt"
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/snapshot"
)

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
// that enforces there and admits, for a pod of one of its tiers, what its own policies do not: by design, profiles of a namespace
// add up. The pods in no tier are left out: a profile declares nothing for them, and they are the others' to open. So is what cannot
// be told, since it is about what somebody has declared. In the order of the other profiles.
func WidenedByProfiles(in WidenInput) (map[snapshot.ProfileKey][]v1alpha1.Finding, error) {
	in = in.sorted()
	out := map[snapshot.ProfileKey][]v1alpha1.Finding{}
	for _, o := range in.Outputs {
		subjects, err := subjectsOf(o, in.Namespace)
		if err != nil {
			return nil, err
		}
		subjects = slices.DeleteFunc(subjects, func(s subject) bool { return s.tier == "" })
		replaced := replacedBy(o)
		for _, other := range in.Outputs {
			if other.Disposition != compiler.Enforce || other.Profile.Key == o.Profile.Key || replaced[other.Profile.Key] {
				continue
			}
			list, err := in.judge(o.Profile.Key, subjects, sidesOf(o.Policies), sidesOf(other.Policies))
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
			"Pods of %s are pods of %s, too, which allows them more than this profile does: profiles of a namespace add up. If that is not meant, make the tiers' selectors exclude each other.",
			tiersInWords(now), other), true
	case len(someday) > 0:
		return finding.New(v1alpha1.CodeWidenedByProfile, namespace, other.String(),
			"A pod of %s that bears the labels of a tier of %s as well would be allowed more than this profile allows it: profiles of a namespace add up. No such pod runs now.",
			tiersInWords(someday), other), true
	}
	return v1alpha1.Finding{}, false
}

func tiersInWords(tiers []string) string {
	slices.Sort(tiers)
	tiers = slices.Compact(tiers)
	if len(tiers) == 1 {
		return "tier " + tiers[0]
	}
	return fmt.Sprintf("tiers %s", enumerate(tiers, "and"))
}
