package analyzer

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/oneline"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// HalfOpenFindings words the flows of a profile that are open at its own end only: one finding a tier, entry and direction,
// which names the first namespace at the other end and counts the others.
func HalfOpenFindings(profile snapshot.Profile, namespace string, flows []HalfOpen) []v1alpha1.Finding {
	var out []v1alpha1.Finding
	for rest := flows; len(rest) > 0; {
		f, n := rest[0], 1
		for n < len(rest) && rest[n].Tier == f.Tier && rest[n].Entry == f.Entry && rest[n].Direction == f.Direction {
			n++
		}
		message := f.message(profile, namespace)
		if n > 1 {
			message += fmt.Sprintf(" (And the like in %s.)", namespacesMore(n-1))
		}
		place := "allow entry " + f.Entry
		if f.Entry == compiler.EntryDNS {
			place = "dns"
		}
		out = append(out, finding.New(v1alpha1.CodeHalfOpen, namespace, place, "%s", message))
		rest = rest[n:]
	}
	return out
}

func namespacesMore(n int) string {
	if n == 1 {
		return "1 namespace more"
	}
	return fmt.Sprintf("%d namespaces more", n)
}

func (f HalfOpen) message(profile snapshot.Profile, namespace string) string {
	pods, missing := f.podsInWords(), "where it arrives"
	what := fmt.Sprintf("tier %s may connect to %s on %s", f.Tier, pods, Words(f.Ports))
	if f.Direction == networkpolicy.Ingress {
		what, missing = fmt.Sprintf("%s may connect to tier %s on %s", pods, f.Tier, Words(f.Ports)), "where it leaves"
	}
	return fmt.Sprintf("As far as this profile goes, %s, but %s %s; %s.", what, isolatingInWords(f.Isolating), missing, f.fix(profile, namespace))
}

// podsInWords returns "Deployment payments/gateway", or "pods with app=gateway of namespace payments" when none runs.
func (f HalfOpen) podsInWords() string {
	if !f.Someday && f.Pod.Workload.Name != "" {
		return workloadIn(&f.Pod)
	}
	var pairs []string
	for k, v := range f.Pod.Labels {
		pairs = append(pairs, k+"="+v)
	}
	slices.Sort(pairs)
	if len(pairs) == 0 {
		return "the pods of namespace " + f.Namespace
	}
	return fmt.Sprintf("pods with %s of namespace %s", strings.Join(pairs, ","), f.Namespace)
}

// isolatingInWords names who isolates the other end: profiles, and policies that are not theirs.
func isolatingInWords(policies []*networkingv1.NetworkPolicy) string {
	var list []string
	for _, p := range policies {
		name := "NetworkPolicy " + p.Namespace + "/" + p.Name
		if key, _, ours := plan.Owner(p); ours {
			name = key.String()
		}
		if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	switch {
	case len(list) == 1:
		return list[0] + " does not admit it"
	case len(list) > 3:
		list = append(list[:3], fmt.Sprintf("%d more", len(list)-3))
	}
	return "neither " + strings.Join(list, " nor ") + " admits it"
}

// fix says which line, and where, would open the other end.
func (f HalfOpen) fix(profile snapshot.Profile, namespace string) string {
	if owner, tier, ok := f.owner(); ok {
		if tier == "" {
			return fmt.Sprintf("no tier of %s selects these pods: add one to it, or to another profile of that namespace, and to allow: %s",
				owner, f.entry(profile, namespace, "..."))
		}
		return fmt.Sprintf("add to allow of %s: %s", owner, f.entry(profile, namespace, oneline.Scalar(tier)))
	}
	tier, _ := profile.Tier(f.Tier)
	peer := fmt.Sprintf("{namespaceSelector: {matchLabels: {%s: %s}}, podSelector: %s}", selector.NamespaceNameLabel, oneline.Scalar(namespace), oneline.Selector(selector.FromAPI(tier.PodSelector)))
	direction, list := networkpolicy.Ingress, "from"
	if f.Direction == networkpolicy.Ingress {
		direction, list = networkpolicy.Egress, "to"
	}
	return fmt.Sprintf("add to %s of NetworkPolicy %s/%s: {%s: [%s], ports: [%s]}", direction, f.Namespace, f.Isolating[0].Name, list, peer, oneline.Ports(f.Ports))
}

// owner returns the profile that isolates the other end, and its tier there; empty when only its default-deny does.
func (f HalfOpen) owner() (owner snapshot.ProfileKey, tier string, ok bool) {
	for _, p := range f.Isolating {
		key, _, ours := plan.Owner(p)
		if !ours {
			continue
		}
		name := p.Labels[v1alpha1.LabelTier]
		if compiler.IsDefaultDeny(p.Name) {
			name = ""
		}
		if !ok || (tier == "" && name != "") {
			owner, tier, ok = key, name, true
		}
	}
	return owner, tier, ok
}

// entry returns the allow entry, as YAML in one line, that opens the other end in its profile.
func (f HalfOpen) entry(profile snapshot.Profile, namespace, tierThere string) string {
	us := fmt.Sprintf("{remoteTier: {namespace: %s, profile: %s, tier: %s}}", oneline.Scalar(namespace), oneline.Scalar(profile.Key.Name), oneline.Scalar(f.Tier))
	if profile.Key.Kind == v1alpha1.KindClusterSegmentationProfile {
		tier, _ := profile.Tier(f.Tier)
		us = fmt.Sprintf("{pods: {namespaces: [%s], podSelector: %s}}", oneline.Scalar(namespace), oneline.Selector(selector.FromAPI(tier.PodSelector)))
	}
	from, to, name := us, "{tier: "+tierThere+"}", "from-"+namespace+"-"+f.Tier
	if f.Direction == networkpolicy.Ingress {
		from, to, name = to, from, "to-"+namespace+"-"+f.Tier
	}
	return fmt.Sprintf("{name: %s, from: [%s], to: [%s], ports: [%s]}", oneline.Name(name), from, to, oneline.Ports(f.Ports))
}
