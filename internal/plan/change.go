package plan

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// admitsNothing says whether a policy is, by what it does rather than by its labels, one that only denies.
func admitsNothing(policy *networkingv1.NetworkPolicy) bool {
	return len(networkpolicy.Admitted(policy.Spec)) == 0
}

// add puts a change into a step, or aside if its policy must wait.
func (p *planner) add(step Step, c Change) {
	if p.in.Waiting[c.Name()] && c.Contestable() {
		p.waiting = append(p.waiting, c)
		return
	}
	p.steps[step] = append(p.steps[step], c)
}

func (p *planner) create(want wanted) {
	change := Change{Profile: want.profile.Key, Desired: want.policy}
	if p.wasRight(want) {
		change.Drift, change.Correction = "deleted", true
	}
	// A tier of every pod without any allow is a default-deny by what it does.
	if compiler.IsDefaultDeny(want.policy.Name) || (selectsEveryPod(want.policy) && admitsNothing(want.policy)) {
		p.add(StepIsolate, change)
		return
	}
	p.add(StepExtend, change)
}

// deleteOnce deletes a policy, unless it was deleted already and a finalizer of somebody else keeps it.
func (p *planner) deleteOnce(live *networkingv1.NetworkPolicy, profile snapshot.ProfileKey) {
	if live.DeletionTimestamp.IsZero() {
		p.delete(live, profile)
		return
	}
	p.lingering = append(p.lingering, Lingering{Profile: profile, Policy: live.Name, Finalizers: live.Finalizers})
}

func (p *planner) delete(live *networkingv1.NetworkPolicy, profile snapshot.ProfileKey) {
	change := Change{Profile: profile, Live: live}
	// A policy that selects every pod and admits nothing takes from others' pods what they will be allowed, whatever its
	// labels say, so it goes before the policies that allow.
	if compiler.IsDefaultDeny(live.Name) || (selectsEveryPod(live) && admitsNothing(live)) {
		p.add(StepOpen, change)
		return
	}
	p.add(StepPrune, change)
}

func selectsEveryPod(policy *networkingv1.NetworkPolicy) bool {
	return len(policy.Spec.PodSelector.MatchLabels) == 0 && len(policy.Spec.PodSelector.MatchExpressions) == 0
}

// update brings a live policy to the desired form: the whole spec, and our own labels, annotations and owner. What
// others added to its metadata stays.
func (p *planner) update(live *networkingv1.NetworkPolicy, want wanted) {
	difference := networkpolicy.Compare(live.Spec, want.policy.Spec)
	metadata := metadataChange(live, want.policy)
	if difference.Equal && metadata == "" {
		return
	}
	change := Change{Profile: want.profile.Key, Live: live, Desired: merged(live, want.policy)}
	change.Drift = p.driftOf(live, want, difference, metadata)
	change.Correction = change.Drift != "" || p.undone(want, difference)
	step := stepOf(difference, compiler.IsDefaultDeny(want.policy.Name), change.Drift != "")
	change.Urgent = step == StepExchange && change.Drift != ""
	p.add(step, change)
}

// driftOf says in words what somebody changed; empty when the profile or the cluster made the difference.
func (p *planner) driftOf(live *networkingv1.NetworkPolicy, want wanted, difference networkpolicy.Difference, metadata string) string {
	if difference.Equal {
		if metadata == metadataLost && wasOurs(live, want.profile) {
			return metadataLost
		}
		return ""
	}
	// The hash says which spec we wrote last: if that is the desired one, somebody else made the difference.
	if live.Annotations[annotationHash] == want.policy.Annotations[annotationHash] || p.wasRight(want) {
		return networkpolicy.Describe(live.Spec, want.policy.Spec)
	}
	return ""
}

// wasRight says whether this process last left a policy of the same profile with the very spec that is desired.
func (p *planner) wasRight(want wanted) bool {
	form := strings.Split(p.in.Applied[want.policy.Name], formSeparator)
	return len(form) > 1 && form[0] == want.policy.Annotations[annotationHash] && form[1] == want.policy.Annotations[v1alpha1.AnnotationProfileUID]
}

// undone says whether this process last left a policy as it is desired, so that somebody else made the difference: in
// all, when nothing but metadata differs, which the profile changes too.
func (p *planner) undone(want wanted, difference networkpolicy.Difference) bool {
	if difference.Equal {
		return p.in.Applied[want.policy.Name] == formOf(want.policy)
	}
	return p.wasRight(want)
}

// stepOf says when a policy that differs is updated.
func stepOf(difference networkpolicy.Difference, defaultDeny, drift bool) Step {
	switch {
	case difference.Equal:
		return StepExtend
	case defaultDeny:
		return StepIsolate
	case drift || difference.Selector || (difference.Adds && difference.Removes):
		return StepExchange
	case difference.Removes:
		return StepNarrow
	}
	return StepExtend
}

// splitMixedUpdates makes two writes of each update that admits both more and less, when there are several: first one
// that admits the old and the new, later one that leaves the new. What moves from one policy to another, for pods that
// both select, would otherwise be lost for a moment in either order. A single one goes last and needs no split.
func (p *planner) splitMixedUpdates() {
	splittable := func(c Change) bool {
		return !c.Urgent && !networkpolicy.Compare(c.Live.Spec, c.Desired.Spec).Selector
	}
	if len(p.steps[StepExchange]) < 2 {
		return
	}
	var stay []Change
	for _, c := range p.steps[StepExchange] {
		if !splittable(c) {
			stay = append(stay, c)
			continue
		}
		widened := c
		widened.Desired = c.Desired.DeepCopy()
		widened.Desired.Spec = networkpolicy.Union(c.Live.Spec, c.Desired.Spec)
		widened.Desired.Annotations[annotationHash] = networkpolicy.Hash(widened.Desired.Spec)
		p.add(StepExtend, widened)
		p.add(StepNarrow, c)
	}
	p.steps[StepExchange] = stay
}
