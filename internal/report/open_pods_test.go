package report

import (
	"strings"
	"testing"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

func TestPodsThatNoTierSelectsStayOpen(t *testing.T) {
	web, other := map[string]string{"app": "web"}, map[string]string{"app": "other"}
	tiers := func(i *Input) { i.Profile.Isolation = v1alpha1.IsolationTiers }
	one := func(classes ...snapshot.Pod) Input {
		input := changed(in(shop(), came(Applied, 1)), tiers)
		input.Namespaces[0].Pods = classes
		return input
	}
	many := func(first ...snapshot.Pod) Input {
		input := changed(in(baseline(), came(Applied, 1), came(Applied, 1), came(Applied, 1)), tiers)
		input.Namespaces[0].Pods = first
		input.Namespaces[1].Pods = []snapshot.Pod{pods(2, other), pods(1, nil)}
		input.Namespaces[2].Pods = []snapshot.Pod{pods(5, other)}
		return input
	}
	const says = ", and with isolation Tiers it leaves them open; add a tier for them, or use isolation Namespace."
	for name, c := range map[string]struct {
		in              Input
		namespace, want string
	}{
		"every pod is in a tier":                    {one(pods(2, web)), "", ""},
		"there is none":                             {one(), "", ""},
		"one is in none":                            {one(pods(2, web), pods(1, nil)), "shop", "No tier of this profile selects 1 running pod in namespace shop" + says},
		"some are in none":                          {one(pods(2, web), pods(1, nil), pods(3, other)), "shop", "No tier of this profile selects 4 running pods in namespace shop" + says},
		"one on the host network is governed by no": {one(pods(2, web), onHost(pods(1, other))), "", ""},
		"isolation of the whole namespace":          {changed(one(pods(1, other)), func(i *Input) { i.Profile.Isolation = v1alpha1.IsolationNamespace }), "", ""},
		"in several namespaces":                     {many(pods(1, other)), "a", "No tier of this profile selects 9 running pods in 3 namespaces, such as a" + says},
		"not in the first":                          {many(pods(1, web)), "b", "No tier of this profile selects 8 running pods in 2 namespaces, such as b" + says},
		"not where nothing is written": {changed(many(pods(1, web)), func(i *Input) { i.Namespaces[1].Protected = true }), "c",
			"No tier of this profile selects 5 running pods in namespace c" + says},
		"in a namespace where its tier does not live": {changed(one(pods(1, web)), func(i *Input) {
			i.Profile.Tiers[0].NamespaceSelector = &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"team": "a"}}
		}), "shop", "No tier of this profile selects 1 running pod in namespace shop" + says},
		"before pods are listed": {changed(one(pods(1, other)), func(i *Input) { i.PodsKnown = false }), "", ""},
		"the profile goes":       {changed(one(pods(1, other)), func(i *Input) { i.Profile.Deleting = true }), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var got []v1alpha1.Finding
			status := Status(c.in)
			for _, f := range status.Findings {
				if f.Code == v1alpha1.CodeUncoveredPods {
					got = append(got, f)
				}
			}
			if c.want == "" {
				if len(got) > 0 {
					t.Errorf("found %+v", got)
				}
				return
			}
			want := v1alpha1.Finding{Code: v1alpha1.CodeUncoveredPods, Severity: v1alpha1.SeverityInfo, Namespace: c.namespace, Place: "isolation", Message: c.want}
			if len(got) != 1 || got[0] != want {
				t.Errorf("found %+v\nwant %+v", got, want)
			}
			if strings.Contains(said(status, v1alpha1.ConditionCovered), "UncoveredPods") {
				t.Errorf("pods in no tier are no fault of a tier, but Covered is %q", said(status, v1alpha1.ConditionCovered))
			}
		})
	}
}
