package plan

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
)

// widenOverlapping lets policies that begin or cease to isolate the same pods do so together. A pod that is open until
// two new policies select it would have only what the first allows until the second stands; one that is open once two
// policies are gone, only what the second allows until that one goes too. So each of them allows what all of them
// together do in the meantime: two writes instead of one, and only where that opens nothing at other pods.
func (p *planner) widenOverlapping() {
	created := p.changes(StepExtend, func(c Change) bool { return c.Live == nil })
	for i, wide := range widened(desiredOf(created), p.in.Live) {
		narrow := created[i]
		narrow.Live, narrow.Drift, narrow.Correction = wide, "", false
		p.replace(StepExtend, wide)
		p.add(StepNarrow, narrow)
	}
	deleted := p.changes(StepPrune, func(c Change) bool { return c.Desired == nil })
	for i, wide := range widened(liveOf(deleted), p.then()) {
		p.add(StepExtend, Change{Profile: deleted[i].Profile, Live: deleted[i].Live, Desired: wide})
	}
}

func (p *planner) changes(step Step, keep func(Change) bool) []Change {
	var out []Change
	for _, c := range p.steps[step] {
		if keep(c) {
			out = append(out, c)
		}
	}
	return out
}

// replace puts another policy into the change of the same name.
func (p *planner) replace(step Step, policy *networkingv1.NetworkPolicy) {
	i := slices.IndexFunc(p.steps[step], func(c Change) bool { return c.Name() == policy.Name })
	p.steps[step][i].Desired = policy
}

func desiredOf(changes []Change) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, c := range changes {
		out = append(out, c.Desired)
	}
	return out
}

func liveOf(changes []Change) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, c := range changes {
		out = append(out, c.Live)
	}
	return out
}

// widened returns, by index, those policies that must allow more for a while, as they are then. Others are the policies
// that isolate pods before, or will afterwards: where one of them does, allowing more could open too much, and where
// they isolate every pod nothing needs to be allowed.
func widened(policies, others []*networkingv1.NetworkPolicy) map[int]*networkingv1.NetworkPolicy {
	out := map[int]*networkingv1.NetworkPolicy{}
	for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
		for _, group := range overlapping(policies) {
			if len(group) < 2 || anyIsolates(others, direction, group, policies) {
				continue
			}
			for _, i := range group {
				if out[i] == nil {
					out[i] = policies[i].DeepCopy()
				}
				for _, j := range group {
					allowAlso(&out[i].Spec, policies[j].Spec, direction)
				}
			}
		}
	}
	for i, wide := range out {
		wide.Spec = networkpolicy.Canonical(wide.Spec)
		if networkpolicy.Compare(policies[i].Spec, wide.Spec).Equal {
			delete(out, i)
			continue
		}
		if wide.Annotations == nil {
			wide.Annotations = map[string]string{}
		}
		wide.Annotations[annotationHash] = networkpolicy.Hash(wide.Spec)
	}
	return out
}

func allowAlso(spec *networkingv1.NetworkPolicySpec, other networkingv1.NetworkPolicySpec, direction networkpolicy.Direction) {
	if direction == networkpolicy.Ingress {
		spec.Ingress = append(spec.Ingress, other.Ingress...)
		return
	}
	spec.Egress = append(spec.Egress, other.Egress...)
}

// overlapping divides policies, by index, into groups: policies that may select the same pod are in one group.
func overlapping(policies []*networkingv1.NetworkPolicy) [][]int {
	var groups [][]int
	for i := range policies {
		group, apart := []int{i}, [][]int(nil)
		for _, g := range groups {
			if slices.ContainsFunc(g, func(j int) bool { return overlap(policies[i], policies[j]) }) {
				group = append(group, g...)
			} else {
				apart = append(apart, g)
			}
		}
		groups = append(apart, group)
	}
	return groups
}

func overlap(a, b *networkingv1.NetworkPolicy) bool {
	return selector.Overlap(&a.Spec.PodSelector, &b.Spec.PodSelector)
}

// anyIsolates says whether one of the others isolates a pod of the group in this direction.
func anyIsolates(others []*networkingv1.NetworkPolicy, direction networkpolicy.Direction, group []int, policies []*networkingv1.NetworkPolicy) bool {
	return slices.ContainsFunc(others, func(other *networkingv1.NetworkPolicy) bool {
		return isolates(other, direction) && slices.ContainsFunc(group, func(i int) bool { return overlap(other, policies[i]) })
	})
}

func isolates(policy *networkingv1.NetworkPolicy, direction networkpolicy.Direction) bool {
	types := networkpolicy.Canonical(policy.Spec).PolicyTypes
	if direction == networkpolicy.Ingress {
		return slices.Contains(types, networkingv1.PolicyTypeIngress)
	}
	return slices.Contains(types, networkingv1.PolicyTypeEgress)
}
