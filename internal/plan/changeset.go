package plan

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Step is a place in the order in which a ChangeSet is carried out. Within a step the order does not matter; a later
// step must not begin after a failure in an earlier one, but for the changes that are Urgent.
type Step int

const (
	// StepExtend creates policies of tiers and lets existing ones admit more.
	StepExtend Step = iota
	// StepExchange updates a policy that admits both more and less, once everything else that is new stands; and closes
	// holes that somebody made in a tier's policy.
	StepExchange
	// StepIsolate creates or restores default-denies, now that every tier has its policy.
	StepIsolate
	// StepOpen deletes default-denies that are wanted no more. Only now: pods that the new policies select are isolated
	// by these, and others by the default-denies that take over. Not later: what a default-deny leaves must be open
	// before policies that allow it admit less or go.
	StepOpen
	// StepNarrow lets policies admit less.
	StepNarrow
	// StepPrune deletes policies of tiers.
	StepPrune

	stepCount
)

// Change is one write.
type Change struct {
	Profile snapshot.ProfileKey
	// Live is the policy as it was when the plan was made; nil to create. Its UID and resourceVersion guard the write.
	Live *networkingv1.NetworkPolicy
	// Desired is the whole policy to write; nil to delete.
	Desired *networkingv1.NetworkPolicy
	// Drift says in words what somebody had changed; empty when the profile or the cluster changed instead.
	Drift string
	// Correction: somebody undid what was right before; neither the profile nor the cluster asks for the write. Every
	// Change with Drift is one; so is one that puts only our own wording back.
	Correction bool
	// Urgent changes go ahead although an earlier step failed: they close a hole that somebody made, and take away
	// nothing that the policy was ever to allow.
	Urgent bool
}

// Name is the name of the policy concerned.
func (c Change) Name() string {
	if c.Desired != nil {
		return c.Desired.Name
	}
	return c.Live.Name
}

// Contestable says whether somebody may cause the change again and again: it corrects, or deletes what should not be there.
func (c Change) Contestable() bool { return c.Correction || c.Desired == nil }

// Undoes says in words what a contestable change undoes.
func (c Change) Undoes() string {
	switch {
	case c.Drift != "":
		return c.Drift
	case c.Desired == nil:
		return "created again"
	}
	return metadataLost
}

// Conflict is a policy that is not ours under a name that a profile needs. It is never touched.
type Conflict struct {
	Profile snapshot.ProfileKey
	Policy  string
}

// Drift is a policy that somebody changed and that is not put right, because its profile is frozen.
type Drift struct {
	Profile snapshot.ProfileKey
	Policy  string
}

// Lingering is a policy that was deleted and is still there, and in force, because of finalizers of somebody else.
type Lingering struct {
	Profile    snapshot.ProfileKey
	Policy     string
	Finalizers []string
}

// PreviewCounts is what a previewing profile would change in one namespace.
type PreviewCounts struct {
	Create, Update, Delete int32
}

// ChangeSet is everything to be done in one namespace. The zero value is nothing.
type ChangeSet struct {
	Steps     [stepCount][]Change
	Conflicts []Conflict
	// Withheld is what would be done, were it not for the conflicts, or policies that wait, of the same profile.
	Withheld []Change
	// Waiting is what would be done, were its policy not among Input.Waiting. Each of them is Contestable.
	Waiting []Change
	Frozen  []Drift
	// Lingering is what would be deleted, had it not been already.
	Lingering []Lingering
	Previews  map[snapshot.ProfileKey]PreviewCounts
	// Foreseen are the conflicts that previewing profiles would meet.
	Foreseen []Conflict
}

// Len is the number of writes.
func (s ChangeSet) Len() int {
	n := 0
	for _, step := range s.Steps {
		n += len(step)
	}
	return n
}

// IsUrgent says whether the changes, made from these outputs, must not be spread over time: they put drift right, which
// closes holes, or they race the garbage collector, which takes the policies of a profile that is gone in any order.
func (s ChangeSet) IsUrgent(outputs []compiler.Output) bool {
	for _, step := range s.Steps {
		if slices.ContainsFunc(step, func(c Change) bool { return c.Drift != "" }) {
			return true
		}
	}
	return slices.ContainsFunc(outputs, func(o compiler.Output) bool {
		return o.Disposition == compiler.Release || (o.Profile.Deleting && o.Profile.Key.Kind == v1alpha1.KindSegmentationProfile)
	})
}
