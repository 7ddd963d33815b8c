package report

import (
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/enforcement"
	"firebreak.dev/firebreak/internal/finding"
)

// enforcementFinding says that nothing was seen that enforces what a profile has written. Until it is known what there is
// to see, the word of the process before stands.
func enforcementFinding(in Input, v verdict) []v1alpha1.Finding {
	if in.Profile.Deleting || in.Profile.Mode == v1alpha1.ModePreview || !v.accepted {
		return nil
	}
	if in.Enforcement == nil {
		return slices.DeleteFunc(slices.Clone(in.Previous.Findings), func(f v1alpha1.Finding) bool { return f.Code != v1alpha1.CodeNotEnforced })
	}
	if in.Enforcement.State != enforcement.NotSeen {
		return nil
	}
	return []v1alpha1.Finding{finding.New(v1alpha1.CodeNotEnforced, "", "",
		"No network plugin that is known to enforce NetworkPolicies was seen %s; see that yours does: try a connection that this profile denies.",
		in.Enforcement.Evidence)}
}
