package connectivity

import (
	"cmp"
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
)

// ProfileChange is a profile that came, went, or changed its mode.
type ProfileChange struct {
	Profile snapshot.ProfileKey
	// Before and After are its modes; empty where there is no such profile.
	Before, After v1alpha1.Mode
}

// TierChange is a tier that has another selector.
type TierChange struct {
	Profile snapshot.ProfileKey
	Tier    string
	// Before and After are the selectors, as kubectl takes them.
	Before, After string
}

// FindingChange is a finding that came or went, about a profile that is there afterwards.
type FindingChange struct {
	Profile snapshot.ProfileKey
	Finding v1alpha1.Finding
	// Gone: it was there, and is not any more.
	Gone bool
}

// profiles returns the profiles of a view that act, or would act, in a namespace that was asked for.
func (f *field) profiles(v int) map[snapshot.ProfileKey]compiler.Output {
	out := map[snapshot.ProfileKey]compiler.Output{}
	for namespace, p := range f.places[v] {
		if !f.scope.has(namespace) {
			continue
		}
		for _, o := range p.outputs {
			if _, known := out[o.Profile.Key]; (!known || o.Selected) && !o.Profile.Deleting && (o.Selected || o.Profile.Key.Namespace != "" || f.scope.isAll()) {
				out[o.Profile.Key] = o
			}
		}
	}
	return out
}

func (f *field) profileChanges() []ProfileChange {
	before, after := f.profiles(0), f.profiles(1)
	var out []ProfileChange
	for key, o := range before {
		if then := after[key].Profile.Mode; then != o.Profile.Mode {
			out = append(out, ProfileChange{key, o.Profile.Mode, then})
		}
	}
	for key, o := range after {
		if _, known := before[key]; !known {
			out = append(out, ProfileChange{key, "", o.Profile.Mode})
		}
	}
	slices.SortFunc(out, func(a, b ProfileChange) int { return compareKeys(a.Profile, b.Profile) })
	return out
}

func compareKeys(a, b snapshot.ProfileKey) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// tierChanges returns the tiers that are in both views and have another selector.
func (f *field) tierChanges() []TierChange {
	var out []TierChange
	seen := map[string]bool{}
	for _, namespace := range f.names {
		var groups [2][]group
		for v := range f.views {
			// What cannot be read was an error before.
			groups[v], _ = groupsOf(namespace, f.at(v, namespace), f.labels[v][namespace])
		}
		for _, b := range groups[0] {
			for _, a := range groups[1] {
				if a.key == b.key && a.matcher.String() != b.matcher.String() && !seen[a.key] && f.scope.has(namespace) {
					seen[a.key] = true
					out = append(out, TierChange{Profile: a.profile, Tier: a.tier, Before: b.matcher.String(), After: a.matcher.String()})
				}
			}
		}
	}
	return out
}

// findingChanges returns what the compilation found in one view and not in the other.
func (f *field) findingChanges() []FindingChange {
	var found [2]map[FindingChange]bool
	for v := range f.views {
		found[v] = map[FindingChange]bool{}
		for namespace, p := range f.places[v] {
			for _, o := range p.outputs {
				if !f.scope.has(namespace) {
					continue
				}
				for _, finding := range o.Findings {
					found[v][FindingChange{Profile: o.Profile.Key, Finding: finding}] = true
				}
			}
		}
	}
	var out []FindingChange
	stay := f.profiles(1)
	for v := range found {
		for c := range found[v] {
			if _, stays := stay[c.Profile]; !found[1-v][c] && stays {
				c.Gone = v == 0
				out = append(out, c)
			}
		}
	}
	slices.SortFunc(out, func(a, b FindingChange) int {
		return cmp.Or(compareBools(a.Gone, b.Gone), compareKeys(a.Profile, b.Profile), cmp.Compare(a.Finding.Code, b.Finding.Code),
			cmp.Compare(a.Finding.Place, b.Finding.Place), cmp.Compare(a.Finding.Message, b.Finding.Message))
	})
	return out
}
