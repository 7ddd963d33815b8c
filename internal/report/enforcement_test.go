package report

import (
	"slices"
	"testing"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/enforcement"
	"firebreak.dev/firebreak/internal/finding"
)

func TestNothingSeenThatEnforcesIsAHintWithItsEvidence(t *testing.T) {
	saw := func(state enforcement.State) *enforcement.Verdict {
		return &enforcement.Verdict{State: state, Evidence: "among 3 nodes and 1 DaemonSet"}
	}
	hint := "No network plugin that is known to enforce NetworkPolicies was seen among 3 nodes and 1 DaemonSet; see that yours does: try a connection that this profile denies."
	before := finding.New(v1alpha1.CodeNotEnforced, "", "", "of before")
	inherited := func(i *Input) {
		i.Previous.Findings = []v1alpha1.Finding{before, finding.New(v1alpha1.CodeAnywherePeer, "", "x", "gone")}
	}
	for name, c := range map[string]struct {
		verdict *enforcement.Verdict
		change  func(*Input)
		want    []string
	}{
		"nothing was seen":                              {saw(enforcement.NotSeen), func(*Input) {}, []string{hint}},
		"nothing was seen, as before":                   {saw(enforcement.NotSeen), inherited, []string{hint}},
		"something was seen":                            {saw(enforcement.EnforcerSeen), inherited, nil},
		"nothing can be said":                           {saw(enforcement.Unknown), inherited, nil},
		"not looked yet":                                {nil, func(*Input) {}, nil},
		"not looked yet, and something was said before": {nil, inherited, []string{"of before"}},
		"a preview writes nothing to enforce":           {saw(enforcement.NotSeen), func(i *Input) { i.Profile.Mode = v1alpha1.ModePreview }, nil},
		"a profile that goes":                           {saw(enforcement.NotSeen), func(i *Input) { i.Profile.Deleting = true }, nil},
		"a profile that is not accepted":                {saw(enforcement.NotSeen), func(i *Input) { i.Profile.Tiers[0].PodSelector = nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			input := changed(in(shop(), came(Applied, 1)), c.change)
			input.Enforcement = c.verdict
			status := Status(input)
			var got []string
			for _, f := range status.Findings {
				got = append(got, f.Message)
				if f.Code != v1alpha1.CodeNotEnforced || f.Severity != v1alpha1.SeverityWarning {
					t.Errorf("finding %+v", f)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q\nwant %q", got, c.want)
			}
			if ready := said(status, v1alpha1.ConditionReady); c.want != nil && ready != "True Applied: 1 policy applied in namespace shop." {
				t.Errorf("a hint is no reason not to be ready: %q", ready)
			}
		})
	}
}
