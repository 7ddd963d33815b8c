package explanation

import (
	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Mixed is the verdict of a question with several answers that differ.
const Mixed evaluator.Verdict = "Mixed"

// Explanation is the answer to a Question. Its names in JSON are stable.
type Explanation struct {
	// Verdict is Allowed, Denied or Undecidable when that is so of all answers, otherwise Mixed.
	Verdict evaluator.Verdict `json:"verdict"`
	// Namespace is the one that was meant where none was given.
	Namespace string `json:"namespace"`
	// Source and Destination are the ends as they were asked for.
	Source      End `json:"from"`
	Destination End `json:"to"`
	// Answers are at least one: one for each number of ports and pods that fare alike, those that are denied first.
	Answers []Answer `json:"answers"`
	// Notes are sentences about what was assumed, or is good to know.
	Notes []string `json:"notes,omitempty"`
}

// EndKind is what stands at an end.
type EndKind string

// The kinds of ends.
const (
	KindTier      EndKind = "Tier"
	KindWorkload  EndKind = "Workload"
	KindPod       EndKind = "Pod"
	KindNamespace EndKind = "Namespace"
	KindService   EndKind = "Service"
	KindAddress   EndKind = "Address"
	KindInternet  EndKind = "Internet"
)

// End is one end of the question.
type End struct {
	// Given is what was asked for, without the port.
	Given string  `json:"given"`
	Kind  EndKind `json:"kind"`
	// Name is such as "tier api", "Deployment web (tier frontend)" or "203.0.113.7".
	Name string `json:"name"`
	// Namespace is empty outside the cluster.
	Namespace string `json:"namespace,omitempty"`
	// Pods is the number of running pods.
	Pods int `json:"pods"`
	// Hypothetical: no pod is known, and one that would fit stands for it.
	Hypothetical bool `json:"hypothetical,omitempty"`
}

// Answer is what is decided about some pods of the source, some of the destination, and some ports.
type Answer struct {
	// Verdict is that of the connection: Allowed, Denied or Undecidable.
	Verdict     evaluator.Verdict `json:"verdict"`
	Source      Party             `json:"from"`
	Destination Party             `json:"to"`
	// Ports are at least one.
	Ports []Port `json:"ports"`
	// Egress is the decision at the source, Ingress at the destination.
	Egress  Decision `json:"egress"`
	Ingress Decision `json:"ingress"`
	// Remedies are what would allow the connection, all of them together; only when it is denied. None when nothing would.
	Remedies []Remedy `json:"remedies,omitempty"`
	// Previews are the profiles in preview that would decide otherwise.
	Previews []Preview `json:"previews,omitempty"`
}

// Party is those at an end whom an answer is about.
type Party struct {
	// Name is that of the end.
	Name string `json:"name"`
	// Which says whom of the end it is about, such as "pods with version=v2"; empty for all of them.
	Which string `json:"which,omitempty"`
	// Pods is the number of running pods that it is about.
	Pods int `json:"pods"`
}

// Port is a port of the destination's pods, or several in a row that fare alike.
type Port struct {
	Protocol corev1.Protocol `json:"protocol"`
	// Number is 0 when no running pod says which number the name stands for.
	Number int32 `json:"number,omitempty"`
	// Last is the last of several ports; otherwise 0.
	Last int32 `json:"last,omitempty"`
	// Name is what the pods call the port, where it was asked for by that name.
	Name string `json:"name,omitempty"`
	// ServicePort is the port of the Service that leads to this one, where a Service was asked for.
	ServicePort int32 `json:"servicePort,omitempty"`

	// evaluated is the number that stands for the port where decisions are made.
	evaluated int32
}

// Decision is what is decided at one end.
type Decision struct {
	// Verdict is Allowed, Denied, NotIsolated or Undecidable.
	Verdict evaluator.Verdict `json:"verdict"`
	// Reason is why no policy decides, or why it is undecidable; empty when rules tell enough.
	Reason string `json:"reason,omitempty"`
	// Isolating are the policies that isolate the end, by name.
	Isolating []Policy `json:"isolating,omitempty"`
	// Admitting are the rules that admit the connection or, when that is undecidable, those that may.
	Admitting []Rule `json:"admitting,omitempty"`
	// Declared are entries that are to admit the connection, of profiles whose policies in force do not.
	Declared []Entry `json:"declared,omitempty"`
}

// State is whether the profile behind a policy still stands behind it.
type State string

// The states.
const (
	// StateEnforced: the profile is enforced, and the policy is to be as it says.
	StateEnforced State = "Enforced"
	// StatePreviewed: the profile is previewed, and the policy was left as it was.
	StatePreviewed State = "Previewed"
	// StateFrozen: it is not known what the profile wants, and the policy was left as it was.
	StateFrozen State = "Frozen"
	// StateLeaving: the profile wants the policy no more.
	StateLeaving State = "Leaving"
	// StateRetained: the profile goes and the policy stays.
	StateRetained State = "Retained"
	// StateGone: there is no such profile any more.
	StateGone State = "Gone"
)

// Policy is a NetworkPolicy and who stands behind it.
type Policy struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Profile is nil for a policy that no profile wrote.
	Profile *ProfileReference `json:"profile,omitempty"`
	// Tier is the tier that the policy is of; empty for a default-deny.
	Tier string `json:"tier,omitempty"`
	// DefaultDeny: the policy denies every pod of the namespace what no other allows.
	DefaultDeny bool `json:"defaultDeny,omitempty"`
	// Edited: a profile wrote it, and somebody has changed it since.
	Edited bool `json:"edited,omitempty"`
	// State is empty for a policy that no profile wrote.
	State State `json:"state,omitempty"`
}

// ProfileReference names a profile.
type ProfileReference struct {
	Kind v1alpha1.Kind `json:"kind"`
	// Namespace is empty for the cluster kind.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String returns "SegmentationProfile shop/web".
func (p ProfileReference) String() string { return p.key().String() }

func (p ProfileReference) key() snapshot.ProfileKey { return snapshot.ProfileKey(p) }

func referTo(key snapshot.ProfileKey) *ProfileReference {
	out := ProfileReference(key)
	return &out
}

// Rule is a rule that admits a connection.
type Rule struct {
	// Policy is the name of the policy, one of Decision.Isolating.
	Policy    string                  `json:"policy"`
	Direction networkpolicy.Direction `json:"direction"`
	// Index is that among the policy's rules of the direction.
	Index int `json:"index"`
	// Peer is the index of the peer in the rule's from or to; -1 when the rule lists none, so that it speaks of everyone.
	Peer int `json:"peer"`
	// YAML is the rule in one line.
	YAML string `json:"yaml"`
	// Excerpt is the rule with the peer that fits, and … for others.
	Excerpt string `json:"-"`
	// Entries are those of the profile that ask for it; none in a policy that no profile wrote, or that somebody changed.
	Entries []Entry `json:"entries,omitempty"`
}

// Entry is an entry of a profile's allow, or its DNS.
type Entry struct {
	Profile ProfileReference `json:"profile"`
	// Name is compiler.EntryDNS for DNS.
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
}

// RemedyKind says where a line goes.
type RemedyKind string

// The kinds of remedies.
const (
	// RemedyAllow: the line is an entry of a profile's allow.
	RemedyAllow RemedyKind = "AllowEntry"
	// RemedyTier: the line is a tier of a profile.
	RemedyTier RemedyKind = "Tier"
	// RemedyRule: the line is a rule of a NetworkPolicy that no profile wrote.
	RemedyRule RemedyKind = "PolicyRule"
	// RemedyAdvice: there is no line that would do, and Note says what to do.
	RemedyAdvice RemedyKind = "Advice"
)

// Remedy is a part of what would allow a connection.
type Remedy struct {
	Kind RemedyKind `json:"kind"`
	// Profile is where an entry or a tier goes.
	Profile *ProfileReference `json:"profile,omitempty"`
	// Policy and Direction are where a rule goes. Policy is "namespace/name".
	Policy    string                  `json:"policy,omitempty"`
	Direction networkpolicy.Direction `json:"direction,omitempty"`
	// Line is YAML in one line: an item of allow, of tiers, or of ingress or egress.
	Line string `json:"line,omitempty"`
	// Note is advice, or what to know before the line is added.
	Note string `json:"note,omitempty"`
}

// Preview is what enforcing a profile that is previewed would change.
type Preview struct {
	Profile ProfileReference `json:"profile"`
	// Verdict is what it would be, other than it is.
	Verdict evaluator.Verdict `json:"verdict"`
	// Remedies are what would allow the connection then, where it would be denied.
	Remedies []Remedy `json:"remedies,omitempty"`
}
