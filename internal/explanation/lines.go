package explanation

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/oneline"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
)

// writer collects the lines that would allow a connection.
type writer struct {
	// ports are the items of a list.
	ports string
	// taken is explainer.taken.
	taken map[string]string
	out   []Remedy
}

// portsLine writes ports as the items of a list: by number, or by name where no pod says which number that is.
func portsLine(ports []Port) string {
	var set portset.Set
	var parts []string
	for _, p := range ports {
		if p.Number != 0 {
			set = set.Union(p.set())
			continue
		}
		text := "port: " + oneline.Scalar(p.Name)
		if p.Protocol != "TCP" {
			text += ", protocol: " + string(p.Protocol)
		}
		parts = append(parts, "{"+text+"}")
	}
	if !set.IsEmpty() {
		parts = append([]string{oneline.Ports(set)}, parts...)
	}
	return strings.Join(parts, ", ")
}

// entry writes an allow entry. The names of its ends are in its name.
func (w *writer) entry(s *side, o *compiler.Output, from, to string) {
	source, destination := s.end, s.otherEnd
	if s.direction == networkpolicy.Ingress {
		source, destination = destination, source
	}
	names := map[string]bool{}
	for _, e := range o.Profile.Allow {
		names[e.Name] = true
	}
	text := fmt.Sprintf("from: [%s], to: [%s], ports: [%s]}", from, to, w.ports)
	name := w.unique(o, source.label()+"-to-"+destination.label(), text, names)
	w.out = append(w.out, Remedy{
		Kind: RemedyAllow, Profile: referTo(o.Profile.Key), Note: effect(o, s),
		Line: "{name: " + oneline.Scalar(name) + ", " + text,
	})
}

// effect says what to know before a profile is changed; empty when there is nothing.
func effect(o *compiler.Output, s *side) string {
	switch {
	case o.Profile.Key == s.scenario.previewed:
	case o.Disposition == compiler.Preview:
		return "The profile is in Preview and its policies are frozen, so this opens nothing before it is enforced again."
	case o.Disposition == compiler.Freeze:
		return "The profile is frozen, so this opens nothing before it is put right."
	}
	if o.Profile.Key.Kind == v1alpha1.KindClusterSegmentationProfile && (s.keeper == nil || s.keeper.tier != "") {
		return "This opens it in every namespace of the profile."
	}
	return ""
}

// unique returns a name for an entry or tier of a profile that none has, but what is written with the same text.
func (w *writer) unique(o *compiler.Output, name, text string, names map[string]bool) string {
	base, prefix := oneline.Name(name), o.Profile.Key.String()+"\x00"
	out := base
	for i := 2; names[out] || (w.taken[prefix+out] != "" && w.taken[prefix+out] != text); i++ {
		suffix := fmt.Sprintf("-%d", i)
		out = strings.TrimRight(base[:min(len(base), 63-len(suffix))], "-") + suffix
	}
	w.taken[prefix+out] = text
	return out
}

// tier returns the name of the tier that the pods at an end are in. Where that is none, it writes a new one; not ok when no
// selector would choose these pods alone.
func (w *writer) tier(o *compiler.Output, s *side, name string) (string, bool) {
	if name != "" {
		return name, true
	}
	labels := labelsOf(s.end, s.at)
	if len(labels) == 0 {
		w.out = append(w.out, Remedy{
			Kind: RemedyAdvice, Profile: referTo(o.Profile.Key), Direction: s.direction,
			Note: fmt.Sprintf("No tier of %s selects %s: give such pods a label, and the profile a tier that selects it.", o.Profile.Key, s.end.Name),
		})
		return "", false
	}
	names := map[string]bool{v1alpha1.DefaultDenyTier: true}
	for _, t := range o.Profile.Tiers {
		names[t.Name] = true
	}
	text := "podSelector: " + oneline.Selector(&metav1.LabelSelector{MatchLabels: labels})
	if o.Profile.Key.Kind == v1alpha1.KindClusterSegmentationProfile {
		text += ", namespaceSelector: " + oneline.Selector(selector.NamespaceNames(s.end.Namespace))
	}
	text += "}"
	name = w.unique(o, s.end.label(), text, names)
	w.out = append(w.out, Remedy{
		Kind: RemedyTier, Profile: referTo(o.Profile.Key), Line: "{name: " + oneline.Scalar(name) + ", " + text,
		Note: "No tier selects these pods. As a tier they reach DNS, unless it says dns: None.",
	})
	return name, true
}

// labelsOf are labels that the pods at an end have in common, and others of their namespace rather not.
func labelsOf(e *end, at []*class) map[string]string {
	if e.service != nil {
		return e.service.Spec.Selector
	}
	if e.Kind == KindNamespace && at[0].made {
		return nil
	}
	return commonLabels(members(at))
}

// label is the name of an end as a part of the name of an entry: letters, digits and dashes.
func (e *end) label() string {
	name := ""
	switch {
	case e.tier != nil:
		name = e.tier.Name
	case e.service != nil:
		name = e.service.Name
	case e.Kind == KindInternet:
		name = internet
	case e.Kind == KindNamespace:
		name = e.Namespace
	case e.place == nil:
		name = e.addresses[0].String()
	default:
		name = e.pods[0].Workload.Name
		if name == "" {
			name = e.pods[0].Name
		}
	}
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}), "-")
}

// peerLine is the other end as a peer.
type peerLine struct {
	// entry is a peer of an allow entry.
	entry string
	// rule are peers of a NetworkPolicy's rule; nil when there is none that would do.
	rule []networkingv1.NetworkPolicyPeer
	note string
}

// peer writes the other end of a connection, as seen from one end: as narrow as it can be said.
func (x *explainer) peer(s *side) peerLine {
	e := s.otherEnd
	switch {
	case e.Kind == KindInternet:
		return peerLine{entry: "{internet: {}}", rule: public()}
	case e.place == nil:
		host := ipset.Host(s.other[0].address).String()
		return peerLine{entry: "{ipBlocks: {cidrs: [" + oneline.Scalar(host) + "]}}", rule: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: host}}}}
	case s.other[0].pod.HostNetwork:
		return peerLine{entry: "{nodes: {}}", note: "NetworkPolicies see a pod on the host network as its node, so this means all nodes."}
	}
	out := x.podsPeer(s)
	if m, ok := tierAt(s); ok && m.output.Profile.Key.Kind == v1alpha1.KindSegmentationProfile && !m.output.Profile.Deleting {
		key := m.output.Profile.Key
		out.entry = fmt.Sprintf("{remoteTier: {namespace: %s, profile: %s, tier: %s}}", oneline.Scalar(key.Namespace), oneline.Scalar(key.Name), oneline.Scalar(m.tier))
		out.note = ""
	} else if e.service != nil {
		out.entry = fmt.Sprintf("{service: {name: %s, namespace: %s}}", oneline.Scalar(e.service.Name), oneline.Scalar(e.service.Namespace))
	}
	return out
}

// tierAt is the tier that the pods of the other end are in: the one that was asked for, or else the first.
func tierAt(s *side) (membership, bool) {
	memberships := s.otherEnd.place.memberships(s.other[0].pod)
	for _, m := range memberships {
		if s.otherEnd.tier != nil && m.output.Profile.Key == s.otherEnd.profile && m.tier == s.otherEnd.tier.Name {
			return m, true
		}
	}
	if len(memberships) == 0 {
		return membership{}, false
	}
	return memberships[0], true
}

// podsPeer writes the pods of the other end by namespace and labels.
func (x *explainer) podsPeer(s *side) peerLine {
	e := s.otherEnd
	pods := &metav1.LabelSelector{MatchLabels: labelsOf(e, s.other)}
	if m, ok := tierAt(s); ok {
		tier, _ := m.output.Profile.Tier(m.tier)
		pods = selector.FromAPI(tier.PodSelector)
	}
	peer := networkingv1.NetworkPolicyPeer{PodSelector: pods}
	if e.Namespace != s.end.Namespace {
		peer.NamespaceSelector = selector.NamespaceNames(e.Namespace)
	}
	out := peerLine{rule: []networkingv1.NetworkPolicyPeer{peer}, entry: "{pods: {namespaces: [" + oneline.Scalar(e.Namespace) + "]"}
	if len(pods.MatchLabels)+len(pods.MatchExpressions) > 0 {
		out.entry += ", podSelector: " + oneline.Selector(pods)
	} else {
		out.note = fmt.Sprintf("This means every pod of namespace %s.", e.Namespace)
	}
	out.entry += "}}"
	return out
}

// public are the public addresses of both families.
func public() []networkingv1.NetworkPolicyPeer {
	four := &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}
	for _, p := range ipset.SpecialUse() {
		if p.Addr().Is4() {
			four.Except = append(four.Except, p.String())
		}
	}
	return []networkingv1.NetworkPolicyPeer{{IPBlock: four}, {IPBlock: &networkingv1.IPBlock{CIDR: ipset.GlobalUnicast6().String()}}}
}

// rule writes a rule for a policy that isolates the end and that no profile stands behind: the one that selects the fewest pods, as
// far as its selector tells.
func (w *writer) rule(x *explainer, s *side) {
	policies := slices.Clone(s.isolating)
	requirements := func(p *networkingv1.NetworkPolicy) int {
		return len(p.Spec.PodSelector.MatchLabels) + len(p.Spec.PodSelector.MatchExpressions)
	}
	slices.SortStableFunc(policies, func(a, b *networkingv1.NetworkPolicy) int { return requirements(b) - requirements(a) })
	policy, other := policies[0], x.peer(s)
	name := policy.Namespace + "/" + policy.Name
	if about := s.end.place.policy(policy); about.State == StateLeaving {
		w.out = append(w.out, Remedy{
			Kind: RemedyAdvice, Direction: s.direction, Policy: name,
			Note: fmt.Sprintf("NetworkPolicy %s goes with %s; ask again when it is gone.", name, about.Profile),
		})
		return
	}
	if other.rule == nil {
		w.out = append(w.out, Remedy{
			Kind: RemedyAdvice, Direction: s.direction, Policy: name,
			Note: fmt.Sprintf("NetworkPolicies see a pod on the host network as its node, so NetworkPolicy %s would have to name the addresses of nodes.", name),
		})
		return
	}
	w.out = append(w.out, Remedy{
		Kind: RemedyRule, Direction: s.direction, Policy: name, Note: other.note,
		Line: strings.TrimSuffix(oneline.Rule(s.direction, other.rule, nil), "}") + ", ports: [" + w.ports + "]}",
	})
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
