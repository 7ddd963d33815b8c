package report

import (
	"testing"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/finding"
)

func TestWhatComesAndGoesWithPodsAndNodesIsNoNews(t *testing.T) {
	with := func(tiers int32, findings ...v1alpha1.Finding) v1alpha1.ProfileStatus {
		return v1alpha1.ProfileStatus{
			ObservedGeneration: 3, Policies: 2, Tiers: []v1alpha1.TierStatus{{Name: "web", Pods: tiers}},
			Findings: findings, FindingCounts: finding.Count(findings),
		}
	}
	broad := finding.New(v1alpha1.CodeBroadCIDR, "", "allow[x].to[0]", "x")
	open := func(namespace, message string) v1alpha1.Finding {
		return finding.New(v1alpha1.CodeUncoveredPods, namespace, "isolation", "%s", message)
	}
	unenforced := func(message string) v1alpha1.Finding {
		return finding.New(v1alpha1.CodeNotEnforced, "", "", "%s", message)
	}
	fewer := with(1, broad)
	fewer.FindingCounts = &v1alpha1.FindingCounts{Warning: 2}
	uncounted := with(1, open("a", "3 pods"))
	uncounted.FindingCounts = nil
	for name, c := range map[string]struct {
		a, b v1alpha1.ProfileStatus
		want bool
	}{
		"the same":                              {with(1, broad), with(1, broad), true},
		"another number of pods":                {with(1, broad), with(2, broad), true},
		"another number of pods in no tier":     {with(1, broad, open("a", "3 pods")), with(1, broad, open("a", "4 pods")), true},
		"pods in no tier in another namespace":  {with(1, open("a", "3 pods")), with(1, open("b", "3 pods")), true},
		"the first pod in no tier":              {with(1, broad), with(1, broad, open("a", "1 pod")), true},
		"the last pod in no tier, and no other": {with(1, open("a", "1 pod")), with(1), true},
		"another number of nodes":               {with(1, unenforced("3 nodes")), with(1, unenforced("4 nodes")), true},
		"the first sign of no enforcement":      {with(1), with(1, unenforced("3 nodes")), false},
		"a finding that came":                   {with(1), with(1, broad), false},
		"a finding in place of another":         {with(1, broad), with(1, unenforced("3 nodes")), false},
		"a finding that went while pods did":    {with(1, broad), with(2, open("a", "1 pod")), false},
		"findings that are not listed":          {with(1, broad), fewer, false},
		"counts that somebody else took away":   {uncounted, with(1), true},
		"another generation":                    {with(1), v1alpha1.ProfileStatus{ObservedGeneration: 4, Policies: 2}, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.a.DeepCopy()
			if got := DifferInCounts(c.a, c.b); got != c.want {
				t.Errorf("got %t, want %t", got, c.want)
			}
			if got := DifferInCounts(c.b, c.a); got != c.want {
				t.Errorf("the other way round: got %t, want %t", got, c.want)
			}
			if !DifferInCounts(c.a, *before) || len(c.a.Findings) != len(before.Findings) || len(c.a.Tiers) != len(before.Tiers) {
				t.Error("comparing changed what was compared")
			}
		})
	}
}
