// Package plan subtracts what is there from what should be there: for one namespace, the live policies from the compiled
// ones. The difference is a ChangeSet, in an order that never cuts off what was and stays allowed and never opens what
// neither the old state nor the new one allows. Pure; package applier carries a ChangeSet out.
package plan

import (
	"cmp"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Input is what a plan is made from.
type Input struct {
	// Outputs is what each profile wants in this namespace. A profile that is known to be gone stands here too, with
	// Disposition Remove or Release.
	Outputs []compiler.Output
	// Live are the NetworkPolicies of the namespace, ours and others. They are not changed.
	Live []*networkingv1.NetworkPolicy
	// Applied holds, by policy name, the form of a policy that this process last wrote or found right, as Settled returns
	// it. It tells a policy that somebody deleted from one that is new. Nil when nothing is remembered.
	Applied map[string]string
	// Waiting are the policies, by name, that somebody keeps changing and whose correction must wait. What the profile or
	// the cluster asks for is written all the same.
	Waiting map[string]bool
}

// New returns the plan for a namespace. Equal input gives an equal plan.
func New(in Input) ChangeSet {
	p := &planner{in: in, desired: map[string]wanted{}, profiles: map[snapshot.ProfileKey]compiler.Output{}}
	for _, out := range in.Outputs {
		p.profiles[out.Profile.Key] = out
		if out.Disposition != compiler.Enforce {
			continue
		}
		for i := range out.Policies {
			p.desired[out.Policies[i].Name] = wanted{&out.Policies[i], out.Profile}
		}
	}
	p.matchLive()
	for _, name := range slices.Sorted(maps.Keys(p.desired)) {
		p.create(p.desired[name])
	}
	p.withhold()
	p.splitMixedUpdates()
	p.widenOverlapping()
	for i := range p.steps {
		slices.SortFunc(p.steps[i], func(a, b Change) int { return cmp.Compare(a.Name(), b.Name()) })
	}
	return ChangeSet{
		Steps: p.steps, Conflicts: p.conflicts, Withheld: p.withheld, Waiting: p.waiting, Frozen: p.frozen, Lingering: p.lingering,
		Previews: p.previews(), Foreseen: p.foresee(),
	}
}

// wanted is a desired policy and the profile that wants it.
type wanted struct {
	policy  *networkingv1.NetworkPolicy
	profile snapshot.Profile
}

type planner struct {
	in       Input
	profiles map[snapshot.ProfileKey]compiler.Output
	// desired shrinks as live policies are matched to it; what is left must be created.
	desired   map[string]wanted
	steps     [stepCount][]Change
	conflicts []Conflict
	withheld  []Change
	waiting   []Change
	frozen    []Drift
	lingering []Lingering
}

// matchLive decides about every live policy.
func (p *planner) matchLive() {
	live := slices.Clone(p.in.Live)
	slices.SortFunc(live, func(a, b *networkingv1.NetworkPolicy) int { return cmp.Compare(a.Name, b.Name) })
	for _, policy := range live {
		want, isWanted := p.desired[policy.Name]
		if !isWanted {
			p.unwanted(policy)
			continue
		}
		delete(p.desired, policy.Name)
		switch claim(policy, want.profile) {
		case ours, adoptable:
			p.update(policy, want)
		case foreign:
			p.conflicts = append(p.conflicts, Conflict{Profile: want.profile.Key, Policy: policy.Name})
		}
	}
}

// unwanted decides about a live policy that no enforcing profile wants.
func (p *planner) unwanted(live *networkingv1.NetworkPolicy) {
	out, sameProfile, known := p.leftBy(live)
	if !known {
		return
	}
	key := out.Profile.Key
	switch out.Disposition {
	case compiler.Enforce, compiler.Remove:
		// Also one of a former profile of this name: the garbage collector would take it, but in no order.
		if sameProfile || bearsLabels(live, key) {
			p.deleteOnce(live, key)
		}
	case compiler.Preview, compiler.Freeze:
		if sameProfile && live.Annotations[annotationHash] != networkpolicy.Hash(live.Spec) {
			p.frozen = append(p.frozen, Drift{Profile: key, Policy: live.Name})
		}
	case compiler.Release:
		if sameProfile && IsOwned(live) {
			p.add(StepExtend, Change{Profile: key, Live: live, Desired: released(live, out.Profile)})
		}
	}
}

// leftBy returns the profile that a live policy belongs to, and whether to this very one or to a former one of its name.
func (p *planner) leftBy(live *networkingv1.NetworkPolicy) (out compiler.Output, same, known bool) {
	if key, uid, ok := Owner(live); ok {
		out, known = p.profiles[key]
		return out, out.Profile.UID == uid, known
	}
	for _, out := range p.in.Outputs {
		if isStamped(live, out.Profile) {
			return out, true, true
		}
	}
	return compiler.Output{}, false, false
}

// previews counts what each previewing profile would change, once this plan has been carried out.
func (p *planner) previews() map[snapshot.ProfileKey]PreviewCounts {
	out := map[snapshot.ProfileKey]PreviewCounts{}
	live := p.then()
	for key, output := range p.profiles {
		if output.Disposition != compiler.Preview {
			continue
		}
		replaced := key
		replaced.Name = output.Profile.PreviewOf
		out[key] = countPreview(output, live, replaced)
	}
	return out
}

// then returns the policies as they are when the steps have been carried out, without order.
func (p *planner) then() []*networkingv1.NetworkPolicy {
	byName := map[string]*networkingv1.NetworkPolicy{}
	for _, policy := range p.in.Live {
		byName[policy.Name] = policy
	}
	for _, step := range p.steps {
		for _, change := range step {
			if change.Desired == nil {
				delete(byName, change.Name())
				continue
			}
			byName[change.Name()] = change.Desired
		}
	}
	return slices.Collect(maps.Values(byName))
}

// countPreview compares what a profile would want with its own live policies, and counts those of the profile that it
// would replace as deleted.
func countPreview(output compiler.Output, live []*networkingv1.NetworkPolicy, replaced snapshot.ProfileKey) PreviewCounts {
	var counts PreviewCounts
	mine := map[string]*networkingv1.NetworkPolicy{}
	for _, policy := range live {
		key, _, ok := Owner(policy)
		switch {
		case ok && key == output.Profile.Key:
			mine[policy.Name] = policy
		case ok && replaced.Name != "" && key == replaced:
			counts.Delete++
		}
	}
	for _, want := range output.Policies {
		have, exists := mine[want.Name]
		switch {
		case !exists:
			counts.Create++
		case !networkpolicy.Compare(have.Spec, want.Spec).Equal:
			counts.Update++
		}
		delete(mine, want.Name)
	}
	counts.Delete += int32(len(mine)) //nolint:gosec // a namespace holds far fewer policies than an int32 counts
	return counts
}
