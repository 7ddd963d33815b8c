package report

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/snapshot"
)

func pods(count int, labels map[string]string) snapshot.Pod {
	return snapshot.Pod{Labels: labels, Count: count}
}

func onHost(c snapshot.Pod) snapshot.Pod {
	c.HostNetwork = true
	return c
}

func TestCoverage(t *testing.T) {
	web, db := map[string]string{"app": "web"}, map[string]string{"also": "db"}
	both := map[string]string{"app": "web", "also": "db"}
	for name, c := range map[string]struct {
		pods    []snapshot.Pod
		covered string
		tiers   []v1alpha1.TierStatus
	}{
		"every tier has pods": {[]snapshot.Pod{pods(2, web), pods(1, db), pods(9, nil)}, "True Covered: Every tier selects pods, and no pod is in two tiers or on the host network.",
			[]v1alpha1.TierStatus{{Name: "web", Pods: 2, Namespaces: 1}, {Name: "db", Pods: 1, Namespaces: 1}}},
		"a tier has none": {[]snapshot.Pod{pods(2, web)}, "False TierSelectsNothing: Tier db selects no pod; compare its podSelector with the labels of the pods that are meant.",
			[]v1alpha1.TierStatus{{Name: "web", Pods: 2, Namespaces: 1}, {Name: "db", Namespaces: 1}}},
		"no tier has any": {nil, "False TierSelectsNothing: Tier db selects no pod; compare its podSelector with the labels of the pods that are meant. (And 1 more.)",
			[]v1alpha1.TierStatus{{Name: "web", Namespaces: 1}, {Name: "db", Namespaces: 1}}},
		"a pod is in two tiers": {[]snapshot.Pod{pods(2, web), pods(1, both), pods(1, db)}, "False TiersOverlap: Tiers web and db select the same pods, which may do what either may; make the podSelectors exclude each other.",
			[]v1alpha1.TierStatus{{Name: "web", Pods: 3, Namespaces: 1}, {Name: "db", Pods: 2, Namespaces: 1}}},
		"a pod is on the host network": {[]snapshot.Pod{pods(2, web), onHost(pods(1, web)), pods(1, db)}, "False HostNetworkPod: Tier web selects pods on the host network, which NetworkPolicies do not govern; move them off it or narrow the podSelector.",
			[]v1alpha1.TierStatus{{Name: "web", Pods: 2, Namespaces: 1}, {Name: "db", Pods: 1, Namespaces: 1}}},
		"a tier has pods on the host network alone": {[]snapshot.Pod{onHost(pods(1, web)), pods(1, db)}, "False HostNetworkPod: Tier web selects pods on the host network, which NetworkPolicies do not govern; move them off it or narrow the podSelector.",
			[]v1alpha1.TierStatus{{Name: "web", Namespaces: 1}, {Name: "db", Pods: 1, Namespaces: 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			p := shop()
			p.Tiers = []v1alpha1.ClusterTier{tier("web", "web"), {Tier: v1alpha1.Tier{Name: "db", PodSelector: &v1alpha1.LabelSelector{
				MatchExpressions: []v1alpha1.LabelSelectorRequirement{{Key: "also", Operator: "Exists"}},
			}}}}
			input := in(p, came(Applied, 3))
			input.Namespaces[0].Pods = c.pods
			status := Status(input)
			if got := said(status, v1alpha1.ConditionCovered); got != c.covered {
				t.Errorf("Covered is %q\nwant %q", got, c.covered)
			}
			if !reflect.DeepEqual(status.Tiers, c.tiers) {
				t.Errorf("tiers %+v, want %+v", status.Tiers, c.tiers)
			}
			if !strings.HasPrefix(said(status, v1alpha1.ConditionReady), "True") {
				t.Error("what the tiers select is no reason not to be ready")
			}
		})
	}
}

func TestATierIsCountedWhereItLives(t *testing.T) {
	p := baseline()
	p.Tiers[0].NamespaceSelector = &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"team": "a"}}
	input := in(p, came(Applied, 1), came(Applied, 1), came(Applied, 1))
	input.Namespaces[0].Namespace.Labels = map[string]string{"team": "a"}
	input.Namespaces[1].Namespace.Labels = map[string]string{"team": "b"}
	input.Namespaces[2].Namespace.Labels = map[string]string{"team": "a"}
	input.Namespaces[2].Protected = true
	if got, want := Status(input).Tiers, []v1alpha1.TierStatus{{Name: "web", Pods: 2, Namespaces: 1}}; !reflect.DeepEqual(got, want) {
		t.Errorf("tiers %+v, want %+v", got, want)
	}
}

func TestBeforePodsAreKnownNothingIsSaidOfThem(t *testing.T) {
	input := in(shop(), came(Applied, 1))
	input.PodsKnown, input.Namespaces[0].Pods = false, nil
	input.Previous.Tiers = []v1alpha1.TierStatus{{Name: "web", Pods: 7, Namespaces: 1}}
	status := Status(input)
	if got := said(status, v1alpha1.ConditionCovered); !strings.HasPrefix(got, "Unknown ") || len(status.Findings) > 0 {
		t.Errorf("Covered is %q, findings %v", got, status.Findings)
	}
	if status.Tiers[0].Pods != 7 {
		t.Errorf("the counts of before are lost: %+v", status.Tiers)
	}
}

func TestFindingsAreCappedAndCountedWhole(t *testing.T) {
	input := in(baseline(), came(Applied, 1), came(Applied, 1))
	for i := range 70 {
		input.Namespaces[0].Outcome.Findings = append(input.Namespaces[0].Outcome.Findings, finding.New(v1alpha1.CodeAnywherePeer, "", fmt.Sprint(i), "x"))
	}
	conflict := finding.New(v1alpha1.CodeNameConflict, "b", "NetworkPolicy y", "x")
	input.Namespaces[1].Outcome.Findings = []v1alpha1.Finding{conflict, input.Namespaces[0].Outcome.Findings[0]}
	status, all := StatusAndFindings(input)
	if len(status.Findings) != 50 || status.Findings[0] != conflict {
		t.Errorf("%d findings, the first %v", len(status.Findings), status.Findings[0])
	}
	if len(all) != 71 {
		t.Errorf("%d findings in all", len(all))
	}
	if want := (v1alpha1.FindingCounts{Error: 1, Warning: 70}); *status.FindingCounts != want {
		t.Errorf("counts %+v, want %+v", *status.FindingCounts, want)
	}
}

func TestProtectedNamespacesOfAClusterProfileAreNamed(t *testing.T) {
	p := baseline()
	input := in(p, nil, nil, nil, nil, nil, nil, nil)
	for i := range input.Namespaces {
		input.Namespaces[i].Protected = true
	}
	status := Status(input)
	last := status.Findings[len(status.Findings)-1]
	if last.Code != v1alpha1.CodeProtectedNamespace || last.Severity != v1alpha1.SeverityInfo || !strings.Contains(last.Message, "a, b, c, d, e and 2 more;") {
		t.Errorf("finding %+v", last)
	}
}

func TestResolvedRefs(t *testing.T) {
	missing := finding.New(v1alpha1.CodeDNSNotFound, "", "dns", "No DNS Service was found.")
	for name, c := range map[string]struct {
		in   Input
		want string
	}{
		"everything was found":         {in(shop(), came(Applied, 1)), "True Resolved: Everything that the profile refers to was found."},
		"DNS was not":                  {in(shop(), &Outcome{UID: "uid", Generation: 3, State: Applied, Findings: []v1alpha1.Finding{missing}}), "False DNSNotFound: dns: No DNS Service was found."},
		"not examined everywhere":      {in(baseline(), nil), "Unknown Pending: Not examined in every namespace."},
		"not examined and one missing": {in(baseline(), &Outcome{UID: "uid", Generation: 3, State: Applied, Findings: []v1alpha1.Finding{missing}}, nil), "False DNSNotFound: dns: No DNS Service was found."},
	} {
		if got := said(Status(c.in), v1alpha1.ConditionResolvedRefs); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestIsolatedIsNotClaimed(t *testing.T) {
	if got := said(Status(in(shop(), came(Applied, 1))), v1alpha1.ConditionIsolated); !strings.HasPrefix(got, "Unknown ") {
		t.Errorf("Isolated is %q", got)
	}
}

func TestNoNamespaceIsNothingToCount(t *testing.T) {
	status := Status(Input{Profile: baseline(), PodsKnown: true, Now: noon, Namespaces: []NamespaceFacts{{Namespace: snapshot.Namespace{Name: "x"}, Protected: true}}})
	if status.Namespaces.Selected != 0 || status.Namespaces.Refused != 1 || status.Tiers[0].Namespaces != 0 {
		t.Errorf("%+v %+v", status.Namespaces, status.Tiers)
	}
}
