package report

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// DifferInCounts says whether two statuses differ in nothing but what comes and goes with every pod and node of the
// cluster: the counts of tiers, the finding about pods that are in no tier, and the numbers in the finding NotEnforced.
// The news of such a difference can wait.
func DifferInCounts(a, b v1alpha1.ProfileStatus) bool {
	return equality.Semantic.DeepEqual(withoutCounts(a), withoutCounts(b))
}

// withoutCounts returns the status without what comes and goes. It leaves what it is given alone.
func withoutCounts(status v1alpha1.ProfileStatus) v1alpha1.ProfileStatus {
	status.Tiers = nil
	findings := slices.Clone(status.Findings)
	for i := range findings {
		if findings[i].Code == v1alpha1.CodeNotEnforced {
			findings[i].Message = ""
		}
	}
	uncovered := slices.IndexFunc(findings, func(f v1alpha1.Finding) bool { return f.Code == v1alpha1.CodeUncoveredPods })
	if uncovered >= 0 {
		findings = slices.Delete(findings, uncovered, uncovered+1)
		status.FindingCounts = oneInfoLess(status.FindingCounts)
	}
	status.Findings = findings
	return status
}

// oneInfoLess returns nil for no findings, as status has it.
func oneInfoLess(c *v1alpha1.FindingCounts) *v1alpha1.FindingCounts {
	if c == nil {
		return nil
	}
	less := *c
	less.Info--
	if less == (v1alpha1.FindingCounts{}) {
		return nil
	}
	return &less
}
