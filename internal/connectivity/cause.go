package connectivity

import (
	"cmp"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// CauseKind says what kind of thing opened or closed a connection.
type CauseKind string

// The kinds of causes.
const (
	// CauseEntry is an allow entry of a profile.
	CauseEntry CauseKind = "AllowEntry"
	// CauseDNS is the dns of a profile or a tier.
	CauseDNS CauseKind = "DNS"
	// CauseTier is the policy of a tier of which the profile is not known.
	CauseTier CauseKind = "TierPolicy"
	// CausePolicy is a NetworkPolicy that somebody else wrote.
	CausePolicy CauseKind = "NetworkPolicy"
	// CauseIsolated: something isolates this end that nothing isolated.
	CauseIsolated CauseKind = "Isolated"
	// CauseOpened: what isolated this end is gone.
	CauseOpened CauseKind = "NoLongerIsolated"
)

// Cause is what opened or closed a connection at one end.
type Cause struct {
	Kind CauseKind
	// Namespace is that of the end.
	Namespace string
	// Profile is set for what comes from one.
	Profile snapshot.ProfileKey
	// Entry is the name of the allow entry, Tier that of the tier, Policy that of the NetworkPolicy; each empty where it says nothing.
	Entry, Tier, Policy string
	// DNS is the value of dns, before a loss, after a gain.
	DNS v1alpha1.DNS
	// Stays: what admitted a lost connection is still there, and admits less.
	Stays bool
}

// tracer finds causes.
type tracer struct {
	field *field
	// flows are read rules, one for each flow of an output.
	flows map[*compiler.Flow]*evaluator.Namespace
	// policies are by view, namespace and name.
	policies [2]map[[2]string]*networkingv1.NetworkPolicy
}

func newTracer(f *field) *tracer {
	t := &tracer{field: f, flows: map[*compiler.Flow]*evaluator.Namespace{}}
	for v := range f.views {
		t.policies[v] = map[[2]string]*networkingv1.NetworkPolicy{}
		for namespace, p := range f.places[v] {
			for _, policy := range p.policies {
				t.policies[v][[2]string{namespace, policy.Name}] = policy
			}
		}
	}
	return t
}

// causes returns what a change comes from. Where pods of a party fare differently, the first that changed stand for it.
func (t *tracer) causes(c Change) ([]Cause, error) {
	with, without := 1, 0
	if c.Kind == Lost || c.Kind == Narrowed {
		with, without = 0, 1
	}
	port := portOf(c.Ports)
	for _, source := range t.ends(c.pair, c.pair.from) {
		for _, destination := range t.ends(c.pair, c.pair.to) {
			var answers [2]evaluator.Answer
			for v, w := range t.field.worlds {
				answers[v] = w.evaluator.Evaluate(evaluator.Connection{
					Source: source[v], Destination: destination[v], Protocol: port.Protocol, Port: port.First,
				})
			}
			if answers[with].Verdict() == answers[without].Verdict() {
				continue
			}
			a, err := t.atEnd(networkpolicy.Egress, with, answers[with].Egress, answers[without].Egress, source[with], destination[with], port)
			if err != nil {
				return nil, err
			}
			b, err := t.atEnd(networkpolicy.Ingress, with, answers[with].Ingress, answers[without].Ingress, destination[with], source[with], port)
			if err != nil {
				return nil, err
			}
			return joinCauses(append(a, b...)), nil
		}
	}
	return nil, nil
}

// portOf returns a port that stands for those of a change: a declared one where there is one.
func portOf(p Ports) portset.Range {
	all := p.Allowed
	if all.IsEmpty() {
		all = p.All()
	}
	if declared := all.Intersect(p.Declared); !declared.IsEmpty() {
		all = declared
	}
	return all.Ranges()[0]
}

// ends returns the pods, or addresses, of a party, each as an end in both views.
func (t *tracer) ends(p pair, party int) [][2]evaluator.Endpoint {
	var out [][2]evaluator.Endpoint
	for _, addr := range t.field.examples[p] {
		if len(t.field.parties[party].members) == 0 {
			out = append(out, [2]evaluator.Endpoint{evaluator.OfAddress(addr), evaluator.OfAddress(addr)})
		}
	}
	for _, m := range t.field.parties[party].members {
		for i := range max(len(m.pods[0]), len(m.pods[1])) {
			var end [2]evaluator.Endpoint
			for v := range t.field.views {
				// Without its name, so that a pod that talks to itself stands for two of its kind.
				pod := m.pods[v][min(i, len(m.pods[v])-1)]
				pod.Name = ""
				end[v] = evaluator.OfPod(&pod)
			}
			out = append(out, end)
		}
	}
	return out
}

// atEnd returns why one end admits a connection in one view and not in the other; nothing when it is not this end.
func (t *tracer) atEnd(direction networkpolicy.Direction, with int, admits, refuses evaluator.Decision, end, other evaluator.Endpoint, port portset.Range) ([]Cause, error) {
	if end.Pod == nil || !isOpenTo(admits) || refuses.Verdict == evaluator.Allowed || refuses.Verdict == evaluator.NotIsolated {
		return nil, nil
	}
	namespace := end.Pod.Namespace
	if admits.Verdict == evaluator.NotIsolated {
		kind := CauseIsolated
		if with == 1 {
			kind = CauseOpened
		}
		return t.isolation(kind, 1-with, namespace, refuses.Isolating), nil
	}
	var out []Cause
	for _, rule := range admits.Admitting {
		found, err := t.entries(direction, with, namespace, rule.Policy, other, end, port)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func isOpenTo(d evaluator.Decision) bool { return d.Verdict != evaluator.Denied }

// isolation returns the profiles and policies that isolate an end in a view.
func (t *tracer) isolation(kind CauseKind, v int, namespace string, policies []string) []Cause {
	var out []Cause
	for _, name := range policies {
		c := Cause{Kind: kind, Namespace: namespace, Policy: name}
		if policy := t.policies[v][[2]string{namespace, name}]; policy != nil {
			if profile, _, ok := tierOf(policy.Labels, namespace); ok {
				c.Profile, c.Policy = profile, ""
			}
		}
		out = append(out, c)
	}
	return out
}

// entries returns the allow entries by which a policy admits a connection; the policy itself when it is nobody's, or of a profile
// that is not known.
func (t *tracer) entries(direction networkpolicy.Direction, v int, namespace, policyName string, other, end evaluator.Endpoint, port portset.Range) ([]Cause, error) {
	policy := t.policies[v][[2]string{namespace, policyName}]
	if policy == nil {
		return nil, nil
	}
	profile, tier, ok := tierOf(policy.Labels, namespace)
	if !ok {
		return []Cause{{Kind: CausePolicy, Namespace: namespace, Policy: policyName, Stays: t.policies[1-v][[2]string{namespace, policyName}] != nil}}, nil
	}
	output := t.output(v, namespace, profile)
	var out []Cause
	if output != nil {
		for i := range output.Flows {
			flow := &output.Flows[i]
			if flow.Tier != tier || flow.Direction != direction {
				continue
			}
			admits, err := t.admits(v, namespace, flow, end, other, port)
			if err != nil {
				return nil, err
			}
			if admits {
				out = append(out, t.entry(v, namespace, output, flow))
			}
		}
	}
	if len(out) == 0 {
		out = append(out, Cause{Kind: CauseTier, Namespace: namespace, Profile: profile, Tier: tier, Stays: t.output(1-v, namespace, profile) != nil})
	}
	return out, nil
}

func (t *tracer) output(v int, namespace string, profile snapshot.ProfileKey) *compiler.Output {
	outputs := t.field.at(v, namespace).outputs
	for i := range outputs {
		if outputs[i].Profile.Key == profile {
			return &outputs[i]
		}
	}
	return nil
}

func (t *tracer) entry(v int, namespace string, output *compiler.Output, flow *compiler.Flow) Cause {
	c := Cause{Kind: CauseEntry, Namespace: namespace, Profile: output.Profile.Key, Entry: flow.Entry}
	then := t.output(1-v, namespace, output.Profile.Key)
	if flow.Entry == compiler.EntryDNS {
		tier, _ := output.Profile.Tier(flow.Tier)
		c.Kind, c.Entry, c.Tier, c.DNS = CauseDNS, "", flow.Tier, cmp.Or(tier.DNS, output.Profile.DNS)
		return c
	}
	c.Stays = then != nil && slices.ContainsFunc(then.Profile.Allow, func(e v1alpha1.AllowEntry) bool { return e.Name == flow.Entry })
	return c
}

// admits says whether a flow by itself admits a connection at its end.
func (t *tracer) admits(v int, namespace string, flow *compiler.Flow, end, other evaluator.Endpoint, port portset.Range) (bool, error) {
	read := t.flows[flow]
	if read == nil {
		var err error
		if read, err = evaluator.Read(snapshot.Namespace{Name: namespace, Labels: t.field.labels[v][namespace]}, []*networkingv1.NetworkPolicy{policyOf(flow)}); err != nil {
			return false, err
		}
		t.flows[flow] = read
	}
	who := evaluator.Other{Pod: other.Pod, Address: other.Address}
	if other.Pod != nil {
		who.Namespace = t.field.worlds[v].rules[other.Pod.Namespace]
	}
	a := read.Admits(flow.Direction, end.Pod, who)
	return a.Ports.Union(a.Undecidable).Contains(port.Protocol, port.First), nil
}

// policyOf returns a policy for every pod that says what a flow says.
func policyOf(flow *compiler.Flow) *networkingv1.NetworkPolicy {
	var ports []networkingv1.NetworkPolicyPort
	for _, p := range flow.Ports {
		ports = append(ports, networkingv1.NetworkPolicyPort{Protocol: new(p.Protocol), Port: new(p.Port), EndPort: p.EndPort})
	}
	out := &networkingv1.NetworkPolicy{}
	out.Name = flow.Entry
	if flow.Direction == networkpolicy.Ingress {
		out.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		out.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: flow.Peers, Ports: ports}}
		return out
	}
	out.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeEgress}
	out.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{To: flow.Peers, Ports: ports}}
	return out
}

// joinCauses returns each cause once: what one entry opens at both ends is one. In the order in which they were found.
func joinCauses(list []Cause) []Cause {
	var out []Cause
	for _, c := range list {
		same := func(o Cause) bool {
			if c.Kind == CauseEntry {
				return o.Kind == c.Kind && o.Profile == c.Profile && o.Entry == c.Entry
			}
			return o == c
		}
		if !slices.ContainsFunc(out, same) {
			out = append(out, c)
		}
	}
	return out
}
