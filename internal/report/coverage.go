package report

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// coverage is which pods the tiers select.
type coverage struct {
	tiers []v1alpha1.TierStatus
	// findings are those that Covered speaks of; open is not among them: pods outside of tiers are no fault of a tier.
	findings []v1alpha1.Finding
	open     []v1alpha1.Finding
}

// tierCount is the work on one tier.
type tierCount struct {
	tier       v1alpha1.ClusterTier
	selector   labels.Selector
	pods       int
	namespaces int
	hostPods   int
	hostWhere  string
}

// cover counts the pods of each tier. A profile whose selectors cannot be read has no coverage to speak of.
func cover(in Input) coverage {
	if len(validation.Validate(in.Profile)) > 0 {
		return coverage{}
	}
	counts := make([]tierCount, 0, len(in.Profile.Tiers))
	for _, tier := range in.Profile.Tiers {
		compiled, err := selector.Compile(selector.FromAPI(tier.PodSelector))
		if err != nil {
			return coverage{}
		}
		counts = append(counts, tierCount{tier: tier, selector: compiled})
	}
	overlaps := map[[2]string]string{}
	var open openPods
	for i := range in.Namespaces {
		if ns := &in.Namespaces[i]; !ns.Protected {
			open.add(ns.Namespace.Name, coverNamespace(ns, counts, overlaps))
		}
	}
	out := summarise(in, counts, overlaps)
	out.open = open.finding(in)
	return out
}

// coverNamespace counts the pods of a namespace and returns how many are in no tier. Those on the host network are not
// among them: no tier could cover them.
func coverNamespace(ns *NamespaceFacts, counts []tierCount, overlaps map[[2]string]string) (uncovered int) {
	var here []int
	for i := range counts {
		if lives, err := snapshot.TierLivesIn(counts[i].tier, ns.Namespace); err == nil && lives {
			counts[i].namespaces++
			here = append(here, i)
		}
	}
	for _, class := range ns.Pods {
		class.Count = max(class.Count, 1)
		var in []int
		for _, i := range here {
			if counts[i].selector.Matches(labels.Set(class.Labels)) {
				in = append(in, i)
			}
		}
		if len(in) == 0 && !class.HostNetwork {
			uncovered += class.Count
		}
		countClass(ns.Namespace.Name, class, counts, in, overlaps)
	}
	return uncovered
}

// countClass counts pods that are alike for the tiers that they are in.
func countClass(namespace string, class snapshot.Pod, counts []tierCount, in []int, overlaps map[[2]string]string) {
	for n, i := range in {
		count := &counts[i]
		if class.HostNetwork {
			count.hostPods += class.Count
			count.hostWhere = firstOf(count.hostWhere, namespace)
			continue
		}
		count.pods += class.Count
		for _, j := range in[n+1:] {
			pair := [2]string{count.tier.Name, counts[j].tier.Name}
			overlaps[pair] = firstOf(overlaps[pair], namespace)
		}
	}
}

func firstOf(have, next string) string {
	if have != "" {
		return have
	}
	return next
}

func summarise(in Input, counts []tierCount, overlaps map[[2]string]string) coverage {
	var out coverage
	for _, c := range counts {
		out.tiers = append(out.tiers, v1alpha1.TierStatus{
			Name: c.tier.Name, Pods: int32(c.pods), Namespaces: int32(c.namespaces), //nolint:gosec // a cluster holds far fewer pods
		})
		if !in.PodsKnown {
			continue
		}
		place := "tier " + c.tier.Name
		if c.pods == 0 && c.hostPods == 0 {
			out.findings = append(out.findings, finding.New(v1alpha1.CodeTierSelectsNothing, in.Profile.Key.Namespace, place,
				"Tier %s selects no pod; compare its podSelector with the labels of the pods that are meant.", c.tier.Name))
		}
		if c.hostPods > 0 {
			out.findings = append(out.findings, finding.New(v1alpha1.CodeHostNetworkPod, c.hostWhere, place,
				"Tier %s selects pods on the host network, which NetworkPolicies do not govern; move them off it or narrow the podSelector.", c.tier.Name))
		}
	}
	for pair, where := range overlaps {
		out.findings = append(out.findings, finding.New(v1alpha1.CodeTiersOverlap, where, fmt.Sprintf("tiers %s, %s", pair[0], pair[1]),
			"Tiers %s and %s select the same pods, which may do what either may; make the podSelectors exclude each other.", pair[0], pair[1]))
	}
	out.findings = finding.Sort(out.findings)
	return out
}

// protectedFinding names the protected namespaces that a cluster profile passes over.
func protectedFinding(in Input) []v1alpha1.Finding {
	if in.Profile.Key.Kind != v1alpha1.KindClusterSegmentationProfile {
		return nil
	}
	var names []string
	for i := range in.Namespaces {
		if ns := &in.Namespaces[i]; ns.Protected {
			names = append(names, ns.Namespace.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	shown := strings.Join(names[:min(len(names), 5)], ", ")
	if len(names) > 5 {
		shown += fmt.Sprintf(" and %d more", len(names)-5)
	}
	return []v1alpha1.Finding{finding.New(v1alpha1.CodeProtectedNamespace, "", "namespaceSelector",
		"Protected namespaces are selected and passed over: %s; exclude them in namespaceSelector to make this plain.", shown)}
}

// operatorFinding says that nothing is written although the profile asks for it.
func operatorFinding(in Input, v verdict) []v1alpha1.Finding {
	if !in.PreviewOnly || in.Profile.Mode == v1alpha1.ModePreview || !v.accepted {
		return nil
	}
	return []v1alpha1.Finding{finding.New(v1alpha1.CodeOperatorPreview, "", "mode",
		"The operator runs with --mode=Preview and writes no policy, although this profile says Enforce; run it with --mode=Enforce when you like what the previews say.")}
}
