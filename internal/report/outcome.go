// Package report words what is known of a profile: conditions, counts, findings. It is a pure function of what every
// namespace came to, what pods there are, and the status as it was. It never says more than is known.
package report

import (
	"time"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/enforcement"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// State is how far a profile has come in a namespace.
type State string

const (
	// Applied means: the live policies equal the desired ones (in Preview: the preview is computed).
	Applied State = "Applied"
	// Applying means: they differ, and writes are under way.
	Applying State = "Applying"
	// Failed means: they differ, and writing failed.
	Failed State = "Failed"
	// Conflicted means: somebody else's policy bears a name that is needed.
	Conflicted State = "Conflicted"
	// Contested means: somebody keeps changing a policy back.
	Contested State = "Contested"
	// Frozen means: what the profile wants is not known; nothing is written.
	Frozen State = "Frozen"
	// Removed means: the profile has no policies left here.
	Removed State = "Removed"
	// Released means: the profile goes, and its policies stay without an owner.
	Released State = "Released"
)

// States lists the states there are.
func States() []State {
	return []State{Applied, Applying, Failed, Conflicted, Contested, Frozen, Removed, Released}
}

// Outcome is what became of one profile in one namespace.
type Outcome struct {
	UID        types.UID
	Generation int64
	State      State
	// Policies is the number of policies that the profile has in the namespace now.
	Policies int
	// Error is the first failure, conflict or fight in words; empty unless State is Failed, Conflicted or Contested, or Frozen
	// because the policies would be too large.
	Error string
	// Findings of the namespace, without order.
	Findings []v1alpha1.Finding
	Preview  plan.PreviewCounts
}

// Contest is a fight with somebody who keeps changing a policy back.
type Contest struct {
	Profile snapshot.ProfileKey
	Policy  string
	// By is the name under which the policy is changed, as its managedFields tell; empty when not known.
	By string
	// Corrections is how often the policy was put right since the first time, at Since.
	Corrections int
	Since       time.Time
	// LastChange says what had been changed the last time.
	LastChange string
}

// Drift is the corrections that status does not speak of yet.
type Drift struct {
	Corrections int64
	LastTime    time.Time
	// LastPolicy is namespace/name; LastChange says what had been changed.
	LastPolicy, LastChange string
}

// NamespaceFacts is what is known of one namespace that matters to a profile.
type NamespaceFacts struct {
	Namespace snapshot.Namespace
	// Protected: the profile matches the namespace, and nothing is written there.
	Protected bool
	// Outcome is nil when the namespace was not yet examined.
	Outcome *Outcome
	// Judgement is what was found about the profile in the namespace; nil when that was not yet judged.
	Judgement *analyzer.Judgement
	// OtherPolicies is what is known of policies of other APIs, which are not evaluated.
	OtherPolicies enforcement.OtherPolicyUse
	// Pods are the running pods, in classes of pods that are alike; nil when there are none.
	Pods []snapshot.Pod
}

// Input is what a status is made from.
type Input struct {
	Profile snapshot.Profile
	// PreviewOnly: the operator previews every profile, whatever its mode.
	PreviewOnly bool
	Previous    v1alpha1.ProfileStatus
	// Namespaces are those that the profile matches, protected ones among them, by name. Terminating ones are left out.
	Namespaces []NamespaceFacts
	// Elsewhere is the number of policies that the profile still has in other namespaces; ElsewhereIn is one of those.
	Elsewhere   int
	ElsewhereIn string
	// Inherited: this process has not seen all namespaces of the profile at any time, so Previous is the word of an earlier
	// one.
	Inherited bool
	// PodsKnown is false until all pods have been listed once.
	PodsKnown bool
	// Enforcement is what was seen of network plugins; nil until nodes and DaemonSets have been listed once.
	Enforcement *enforcement.Verdict
	Drift       Drift
	Now         time.Time
}

// previews says whether nothing is written for the profile.
func (in Input) previews() bool { return in.PreviewOnly || in.Profile.Mode == v1alpha1.ModePreview }

// mustRemove says whether policies are still to be removed from namespaces that are no longer selected.
func (in Input) mustRemove() bool { return in.Elsewhere > 0 && !in.PreviewOnly }
