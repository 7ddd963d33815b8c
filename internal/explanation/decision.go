package explanation

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/oneline"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// decision says who stands behind what is decided at one end.
func (x *explainer) decision(direction networkpolicy.Direction, at, other *class, port Port, d evaluator.Decision) (Decision, error) {
	out := Decision{Verdict: d.Verdict, Reason: d.Reason}
	if at.pod == nil || len(d.Isolating) == 0 {
		if d.Verdict == evaluator.NotIsolated && at.pod != nil && !at.pod.HostNetwork && at.pod.Name == "" {
			out.Reason = fmt.Sprintf("no NetworkPolicy isolates its %s", direction)
		}
		return out, nil
	}
	here := x.placeOf(at)
	for _, name := range d.Isolating {
		out.Isolating = append(out.Isolating, here.policy(policyNamed(here.Place, name)))
	}
	for _, r := range d.Admitting {
		rule, err := x.rule(here, direction, at, other, port, r)
		if err != nil {
			return out, err
		}
		out.Admitting = append(out.Admitting, rule)
	}
	if d.Verdict == evaluator.Denied {
		var err error
		out.Declared, err = x.declaredBy(here, direction, at, other, port)
		return out, err
	}
	return out, nil
}

func (x *explainer) placeOf(c *class) *place {
	if x.source.place != nil && x.source.Namespace == c.pod.Namespace {
		return x.source.place
	}
	return x.destination.place
}

// policy says who stands behind a policy.
func (n *place) policy(p *networkingv1.NetworkPolicy) Policy {
	out := Policy{Namespace: p.Namespace, Name: p.Name}
	key, uid, ours := plan.Owner(p)
	if !ours {
		return out
	}
	out.Profile, out.State = referTo(key), StateGone
	out.DefaultDeny = compiler.IsDefaultDeny(p.Name)
	if !out.DefaultDeny {
		out.Tier = p.Labels[v1alpha1.LabelTier]
	}
	out.Edited = p.Annotations[v1alpha1.AnnotationSpecHash] != networkpolicy.Hash(p.Spec)
	if o := n.output(key); o != nil && (uid == "" || uid == o.Profile.UID) {
		out.State = stateOf(o)
	}
	return out
}

func (n *place) output(key snapshot.ProfileKey) *compiler.Output {
	i := slices.IndexFunc(n.Outputs, func(o compiler.Output) bool { return o.Profile.Key == key })
	if i < 0 {
		return nil
	}
	return &n.Outputs[i]
}

func stateOf(o *compiler.Output) State {
	switch o.Disposition {
	case compiler.Enforce:
		return StateEnforced
	case compiler.Preview:
		return StatePreviewed
	case compiler.Remove:
		return StateLeaving
	case compiler.Release:
		return StateRetained
	default:
		return StateFrozen
	}
}

// rule says who stands behind a rule that admits a connection.
func (x *explainer) rule(here *place, direction networkpolicy.Direction, at, other *class, port Port, r evaluator.Rule) (Rule, error) {
	out := Rule{Policy: r.Policy, Direction: direction, Index: r.Index, Peer: r.Peer}
	policy := policyNamed(here.Place, r.Policy)
	peers, ports := ruleOf(policy, direction, r.Index)
	out.YAML = oneline.Rule(direction, peers, ports)
	out.Excerpt = excerpt(direction, peers, ports, r.Peer)
	about := here.policy(policy)
	if about.Profile == nil {
		return out, nil
	}
	o := here.output(about.Profile.key())
	if o == nil {
		return out, nil
	}
	flows, err := x.admittingFlows(o, about.Tier, here.Place, direction, at, other, port)
	if err != nil {
		return out, err
	}
	if r.Peer >= 0 {
		// Of several rules of one policy, each belongs to the entries that name its peer.
		exact := slices.DeleteFunc(slices.Clone(flows), func(f compiler.Flow) bool { return !names(f, peers[r.Peer]) })
		if len(exact) > 0 {
			flows = exact
		}
	}
	out.Entries = entriesOf(o.Profile, flows)
	return out, nil
}

// maxExcept is how many exceptions of a block are shown.
const maxExcept = 2

// excerpt writes a rule with the peer that fits, and … for what is left out.
func excerpt(direction networkpolicy.Direction, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, peer int) string {
	if peer < 0 {
		return oneline.Rule(direction, peers, ports)
	}
	fits := *peers[peer].DeepCopy()
	if fits.IPBlock != nil && len(fits.IPBlock.Except) > maxExcept+1 {
		rest := fmt.Sprintf("… %d more", len(fits.IPBlock.Except)-maxExcept)
		fits.IPBlock.Except = append(fits.IPBlock.Except[:maxExcept], rest)
	}
	text := oneline.Rule(direction, []networkingv1.NetworkPolicyPeer{fits}, ports)
	if len(peers) > 1 {
		text = strings.Replace(text, oneline.Peer(fits), oneline.Peer(fits)+", …", 1)
	}
	return text
}

func ruleOf(policy *networkingv1.NetworkPolicy, direction networkpolicy.Direction, index int) ([]networkingv1.NetworkPolicyPeer, []networkingv1.NetworkPolicyPort) {
	if direction == networkpolicy.Ingress {
		return policy.Spec.Ingress[index].From, policy.Spec.Ingress[index].Ports
	}
	return policy.Spec.Egress[index].To, policy.Spec.Egress[index].Ports
}

func names(f compiler.Flow, peer networkingv1.NetworkPolicyPeer) bool {
	key := keyOf(peer)
	return slices.ContainsFunc(f.Peers, func(p networkingv1.NetworkPolicyPeer) bool { return keyOf(p) == key })
}

func keyOf(peer networkingv1.NetworkPolicyPeer) string {
	return networkpolicy.Key(networkpolicy.Canonical(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{peer}}}}))
}

// admittingFlows are the flows of a tier that admit a connection at one end, or may.
func (x *explainer) admittingFlows(o *compiler.Output, tier string, here *analyzer.Place, direction networkpolicy.Direction, at, other *class, port Port) ([]compiler.Flow, error) {
	var out []compiler.Flow
	for _, flow := range o.Flows {
		if flow.Tier != tier || flow.Direction != direction {
			continue
		}
		alone, err := evaluator.Read(here.Namespace, []*networkingv1.NetworkPolicy{policyOf(flow, here.Namespace.Name)})
		if err != nil {
			return nil, fmt.Errorf("allow entry %s of %s: %w", flow.Entry, o.Profile.Key, err)
		}
		admission := x.admits(alone, direction, at, other, port)
		if admission.Ports.Union(admission.Undecidable).Covers(port.set()) {
			out = append(out, flow)
		}
	}
	return out, nil
}

// admits asks one end; where a Service is meant whose own address a flow names, for that.
func (x *explainer) admits(rules *evaluator.Namespace, direction networkpolicy.Direction, at, other *class, port Port) evaluator.Admission {
	out := rules.Admits(direction, at.pod, x.scenarios[0].other(other))
	if s := x.destination.service; s != nil && direction == networkpolicy.Egress {
		for _, addr := range clusterAddresses(s) {
			there := rules.Admits(direction, at.pod, evaluator.Other{Address: addr})
			if there.Ports.Contains(port.Protocol, port.ServicePort) {
				out.Undecidable = out.Undecidable.Union(port.set())
			}
		}
	}
	return out
}

// policyOf is a policy that isolates every pod and admits one flow.
func policyOf(flow compiler.Flow, namespace string) *networkingv1.NetworkPolicy {
	var ports []networkingv1.NetworkPolicyPort
	for _, p := range flow.Ports {
		ports = append(ports, networkingv1.NetworkPolicyPort{Protocol: new(p.Protocol), Port: new(p.Port), EndPort: p.EndPort})
	}
	spec := networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}}
	if flow.Direction == networkpolicy.Ingress {
		spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: flow.Peers, Ports: ports}}
	} else {
		spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: flow.Peers, Ports: ports}}
	}
	return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: flow.Entry, Namespace: namespace}, Spec: spec}
}

// entriesOf are the entries behind flows, each once, in their order.
func entriesOf(profile snapshot.Profile, flows []compiler.Flow) []Entry {
	var out []Entry
	for _, f := range flows {
		e := Entry{Profile: *referTo(profile.Key), Name: f.Entry}
		for _, given := range profile.Allow {
			if given.Name == f.Entry {
				e.Description = given.Description
			}
		}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	return out
}

// declaredBy are the entries of enforced profiles that are to admit what their policies do not.
func (x *explainer) declaredBy(here *place, direction networkpolicy.Direction, at, other *class, port Port) ([]Entry, error) {
	var out []Entry
	for _, m := range here.memberships(at.pod) {
		if m.output.Disposition != compiler.Enforce {
			continue
		}
		flows, err := x.admittingFlows(m.output, m.tier, here.Place, direction, at, other, port)
		if err != nil {
			return nil, err
		}
		out = append(out, entriesOf(m.output.Profile, flows)...)
	}
	return out, nil
}
