package explanation

import (
	"cmp"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/oneline"
	"firebreak.dev/firebreak/internal/plan"
)

// help adds to an answer what would allow the connection, and what previews would change.
func (x *explainer) help(a *Answer, verdicts []evaluator.Verdict, s, d []*class) {
	if a.Verdict == evaluator.Denied {
		a.Remedies = x.remedies(x.scenarios[0], a, s, d)
	}
	for i, verdict := range verdicts[1:] {
		if verdict == verdicts[0] {
			continue
		}
		scenario := x.scenarios[i+1]
		p := Preview{Profile: *referTo(scenario.previewed), Verdict: verdict}
		if verdict == evaluator.Denied {
			p.Remedies = x.remedies(scenario, a, s, d)
		}
		a.Previews = append(a.Previews, p)
	}
}

// side is one end of a connection that is denied, as the place where it could be allowed.
type side struct {
	direction networkpolicy.Direction
	end       *end
	at, other []*class
	otherEnd  *end
	scenario  *scenario
	place     *analyzer.Place
	isolating []*networkingv1.NetworkPolicy
	declared  []Entry
	// keeper is the profile to turn to; nil when no profile isolates the end.
	keeper *membership
	denies bool
}

// remedies are what would allow a connection, all of them together: at each end that denies it, in the profile that isolates it, or else
// in a policy that does.
func (x *explainer) remedies(sc *scenario, a *Answer, s, d []*class) []Remedy {
	verdict := sc.evaluator.Evaluate(connection(s[0], d[0], a.Ports[0]))
	egress := x.side(sc, networkpolicy.Egress, x.source, x.destination, s, d, verdict.Egress)
	ingress := x.side(sc, networkpolicy.Ingress, x.destination, x.source, d, s, verdict.Ingress)
	if sc == x.scenarios[0] {
		egress.declared, ingress.declared = a.Egress.Declared, a.Ingress.Declared
	}
	w := &writer{ports: portsLine(a.Ports), taken: x.taken}
	if x.both(w, egress, ingress) {
		return w.out
	}
	for _, side := range []*side{egress, ingress} {
		if side.denies {
			x.remedy(w, side)
		}
	}
	return w.out
}

func (x *explainer) side(sc *scenario, direction networkpolicy.Direction, e, other *end, at, others []*class, d evaluator.Decision) *side {
	out := &side{direction: direction, end: e, at: at, other: others, otherEnd: other, scenario: sc}
	out.denies = d.Verdict == evaluator.Denied && len(d.Isolating) > 0
	if e.place == nil {
		return out
	}
	out.place = sc.places[e.Namespace]
	for _, name := range d.Isolating {
		out.isolating = append(out.isolating, policyNamed(out.place, name))
	}
	out.keeper = x.keeper(out)
	return out
}

// keeper finds the profile to turn to: one whose policies isolate the pods, rather one that is enforced, that has the pods in a tier,
// and that is of their namespace.
func (x *explainer) keeper(s *side) *membership {
	var found []membership
	for _, policy := range s.isolating {
		// A profile that was created again adopts the policies of the former one of its name.
		key, _, ours := plan.Owner(policy)
		o := s.end.place.output(key)
		if !ours || o == nil || o.Disposition == compiler.Remove || o.Disposition == compiler.Release {
			continue
		}
		tier, _ := s.tierIn(o)
		if m := (membership{o, tier}); !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	if len(found) == 0 {
		return nil
	}
	best := slices.MinFunc(found, func(a, b membership) int { return cmp.Compare(s.weight(a), s.weight(b)) })
	return &best
}

// weight is less for the profiles to turn to first.
func (s *side) weight(m membership) int {
	out := rank(m.output)
	if m.output.Profile.Key == s.scenario.previewed {
		out = 0
	}
	if m.tier == "" {
		out += 8
	}
	return out
}

// tierIn is the tier of a profile that the pods at an end are in: the one that was asked for, or else the first.
func (s *side) tierIn(o *compiler.Output) (string, bool) {
	found := ""
	for _, m := range s.end.place.memberships(s.at[0].pod) {
		switch {
		case m.output != o:
		case s.end.tier != nil && s.end.profile == o.Profile.Key && s.end.tier.Name == m.tier:
			return m.tier, true
		case found == "":
			found = m.tier
		}
	}
	return found, found != ""
}

// both writes the one entry that opens both ends, where one profile has the pods of both in tiers of one namespace, or is to have.
func (x *explainer) both(w *writer, egress, ingress *side) bool {
	keeper := ingress.keeper
	if !ingress.denies {
		keeper = egress.keeper
	}
	if keeper == nil || !areNeighbours(egress, ingress) {
		return false
	}
	if egress.denies && (egress.keeper == nil || egress.keeper.output != keeper.output) {
		return false
	}
	source, sourceOK := egress.tierFor(keeper.output)
	destination, destinationOK := ingress.tierFor(keeper.output)
	if !sourceOK || !destinationOK {
		return false
	}
	from, ok := w.tier(keeper.output, egress, source)
	if !ok {
		return true
	}
	if to, ok := w.tier(keeper.output, ingress, destination); ok {
		w.entry(egress, keeper.output, "{tier: "+oneline.Scalar(from)+"}", "{tier: "+oneline.Scalar(to)+"}")
	}
	return true
}

// areNeighbours says whether both ends are pods of one namespace that policies govern, and no profile declares the connection already.
func areNeighbours(egress, ingress *side) bool {
	if egress.end.place == nil || ingress.end.place == nil || egress.end.Namespace != ingress.end.Namespace {
		return false
	}
	return len(egress.declared)+len(ingress.declared) == 0 && !egress.at[0].pod.HostNetwork && !ingress.at[0].pod.HostNetwork
}

// tierFor is the tier of a profile that an entry is to name for the pods at an end; empty when they are in none and the profile isolates
// them, so that one is to be added. Not ok when an entry that names it would not mean these pods alone, or the profile has no say here.
func (s *side) tierFor(o *compiler.Output) (string, bool) {
	if name, ok := s.tierIn(o); ok {
		tier, _ := o.Profile.Tier(name)
		return name, tier.NamespaceSelector == nil
	}
	// A new tier of a cluster profile is one of this namespace, and such tiers meet others in all namespaces of the profile.
	return "", o.Profile.Key.Kind == v1alpha1.KindSegmentationProfile && s.denies && s.keeper != nil && s.keeper.output == o
}

// remedy writes what would open one end.
func (x *explainer) remedy(w *writer, s *side) {
	switch {
	case len(s.declared) > 0:
		w.notInForce(s)
	case s.keeper == nil:
		w.rule(x, s)
	default:
		own, ok := w.tier(s.keeper.output, s, s.keeper.tier)
		if !ok {
			return
		}
		own, other := "{tier: "+oneline.Scalar(own)+"}", x.peer(s)
		if s.direction == networkpolicy.Egress {
			w.entry(s, s.keeper.output, own, other.entry)
		} else {
			w.entry(s, s.keeper.output, other.entry, own)
		}
		if other.note != "" {
			w.addNote(other.note)
		}
		if s.direction == networkpolicy.Egress && s.keeper.tier != "" && x.isDNS(s.otherEnd) {
			w.addNote(fmt.Sprintf("Or let tier %s say dns: Cluster.", s.keeper.tier))
		}
	}
}

// addNote adds a sentence to the last line.
func (w *writer) addNote(text string) {
	last := &w.out[len(w.out)-1]
	if last.Note != "" {
		last.Note += " "
	}
	last.Note += text
}

// isDNS says whether the cluster's DNS is what was asked for, so that the profile can say so in a word.
func (x *explainer) isDNS(e *end) bool {
	return e.service != nil && x.world.Cluster.Options.MayBeDNS(e.service.Namespace, e.service.Name, e.service.Labels)
}

// notInForce says that a profile already declares what is denied.
func (w *writer) notInForce(s *side) {
	e := s.declared[0]
	why := "its policy is not in the cluster yet"
	for _, p := range s.isolating {
		if about := s.end.place.policy(p); about.Profile != nil && *about.Profile == e.Profile && !about.DefaultDeny {
			why = fmt.Sprintf("NetworkPolicy %s/%s is not yet as the profile says", p.Namespace, p.Name)
			if about.Edited {
				why = fmt.Sprintf("somebody changed NetworkPolicy %s/%s by hand", p.Namespace, p.Name)
			}
		}
	}
	what := "allow entry " + e.Name
	if e.Name == compiler.EntryDNS {
		what = "dns"
	}
	kind := "segp -n " + e.Profile.Namespace
	if e.Profile.Kind == v1alpha1.KindClusterSegmentationProfile {
		kind = "csegp"
	}
	w.out = append(w.out, Remedy{
		Kind: RemedyAdvice, Profile: &e.Profile, Direction: s.direction,
		Note: fmt.Sprintf("%s of %s already declares it, but %s; see kubectl describe %s %s.", capital(what), e.Profile, why, kind, e.Profile.Name),
	})
}
