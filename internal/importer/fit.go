package importer

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The bounds of a profile.
const (
	maxTiers   = 64
	maxEntries = 128
	maxListed  = 32
)

// tooMany leaves out a policy where a profile would have too many parts: one of the last tier, or one with more entries than all may have, or
// the last that has any.
func (t *translation) tooMany(sources []source) *Omission {
	tiers, entries := len(t.tiers), t.entries()
	if (tiers <= maxTiers && len(entries) <= maxEntries) || len(sources) == 0 {
		return nil
	}
	out := &Omission{
		Policy: sources[len(sources)-1].name,
		Reason: fmt.Sprintf("a profile has at most %d tiers and %d entries", maxTiers, maxEntries),
	}
	if tiers > maxTiers {
		for _, here := range t.tiers {
			if len(here.isolatedBy) > 0 {
				out.Policy = here.isolatedBy[len(here.isolatedBy)-1]
			}
		}
		return out
	}
	count := map[string]int{}
	for _, e := range entries {
		count[e.policy]++
	}
	for _, s := range sources {
		if count[s.name] > 0 {
			out.Policy = s.name
		}
		if count[s.name] > maxEntries {
			break
		}
	}
	return out
}

// refused leaves out the policy for which a profile would be refused first; nil when that is not for a policy.
func (t *translation) refused(in Input, sources []source, errs field.ErrorList) *Omission {
	err, of := errs[0], sources
	where, number := "", 0
	switch isAt := func(format string) bool { n, _ := fmt.Sscanf(err.Field, format, &number); return n == 1 }; {
	case isAt("spec.tiers[%d]"):
		here := t.tiers[number]
		where = "tier " + here.name + ": "
		of = slices.DeleteFunc(slices.Clone(sources), func(s source) bool { return t.bySelector[selectorKey(s.subject)] != here })
	case isAt("spec.allow[%d]"):
		policy := t.entries()[number].policy
		of = slices.DeleteFunc(slices.Clone(sources), func(s source) bool { return s.name != policy })
	case strings.HasPrefix(err.Field, "metadata."):
		return nil
	}
	if len(of) == 0 {
		// No policy has this tier or entry: it leaves open what none closes.
		of = sources
	}
	reason := err.Detail
	if reason == "" {
		reason = err.ErrorBody()
	}
	return &Omission{Policy: largest(in, of), Reason: "a profile with it would be refused: " + where + reason}
}

// largest returns the name of the policy of the sources that takes most; of several the last.
func largest(in Input, sources []source) string {
	name, most := "", -1
	for _, s := range sources {
		for _, policy := range in.Policies {
			if size := policy.Spec.Size(); policy.Name == s.name && size >= most {
				name, most = s.name, size
			}
		}
	}
	return name
}
