package topology

import (
	"cmp"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Graph is a picture of what profiles allow. Equal input gives an equal Graph: all of it is in an order that means something or
// is sorted. Its lists are empty, not nil.
type Graph struct {
	// Profiles are those that were asked for, in the order of snapshot.Profile.Compare, also those that cannot be drawn.
	Profiles []Profile `json:"profiles"`
	// Groups are frames around boxes, by profile.
	Groups []Group `json:"groups"`
	// Boxes are sorted from left to right, by Layer.
	Boxes []Box `json:"boxes"`
	// Arrows are sorted by the boxes that they leave, then by those that they reach. Between two boxes there is one of each kind
	// at most.
	Arrows []Arrow `json:"arrows"`
}

// State says whether what a profile declares holds.
type State string

const (
	// StateEnforced means: policies make it so.
	StateEnforced State = "Enforced"
	// StatePreview means: the profile only looks, and what it declares is not in force.
	StatePreview State = "Preview"
	// StateUnknown means: it cannot be told what the profile wants, and nothing of it is drawn.
	StateUnknown State = "Unknown"
)

// Profile is a profile that was asked for.
type Profile struct {
	// ID is that by which Groups and Entries refer to it: "SegmentationProfile production/shop".
	ID        string             `json:"id"`
	Kind      v1alpha1.Kind      `json:"kind"`
	Namespace string             `json:"namespace,omitempty"`
	Name      string             `json:"name"`
	State     State              `json:"state"`
	PreviewOf string             `json:"previewOf,omitempty"`
	Isolation v1alpha1.Isolation `json:"isolation"`
	// Namespaces are those in which it acts.
	Namespaces Namespaces `json:"namespaces"`
	// Reason says why nothing is drawn; empty when it is.
	Reason string `json:"reason,omitempty"`
	// Findings are those that are about no box and no arrow.
	Findings []Finding `json:"findings,omitempty"`
}

// Namespaces is a set of namespaces, of which a few are named.
type Namespaces struct {
	Count int `json:"count"`
	// Names are the first of them, sorted, at most five.
	Names []string `json:"names,omitempty"`
	// Selector says in words what they have in common, where they were chosen by labels: "example.com/layer=web".
	Selector string `json:"selector,omitempty"`
}

// Group is a frame around boxes: what a profile has in namespaces where it has the same.
type Group struct {
	ID string `json:"id"`
	// Profile is the ID of a Profile.
	Profile    string     `json:"profile"`
	Namespaces Namespaces `json:"namespaces"`
	// Others says what pods that no tier selects may do.
	Others Others `json:"others"`
	// Policies are the names of those that deny the rest, the same in each of the namespaces.
	Policies []string `json:"policies,omitempty"`
}

// Others says what becomes of pods that no tier selects.
type Others string

const (
	// OthersDenied means: they are denied everything, both ways.
	OthersDenied Others = "Denied"
	// OthersOpen means: the profile leaves them as they are.
	OthersOpen Others = "Open"
)

// BoxKind is a kind of Box.
type BoxKind string

// The kinds of boxes. All but the first two stand for peers.
const (
	// BoxTier is a tier of a profile that is drawn.
	BoxTier BoxKind = "Tier"
	// BoxClosed is a namespace without tiers: everything is denied.
	BoxClosed BoxKind = "Closed"
	// BoxRemoteTier is a tier of a profile that is not drawn.
	BoxRemoteTier    BoxKind = "RemoteTier"
	BoxPods          BoxKind = "Pods"
	BoxService       BoxKind = "Service"
	BoxIPBlocks      BoxKind = "IPBlocks"
	BoxInternet      BoxKind = "Internet"
	BoxKubeAPIServer BoxKind = "KubeAPIServer"
	BoxNodes         BoxKind = "Nodes"
	BoxAnywhere      BoxKind = "Anywhere"
	// BoxDNS is the cluster's name servers.
	BoxDNS BoxKind = "DNS"
)

// Box is a tier, or somebody whom a tier talks to.
type Box struct {
	// ID is unique, stands for the same in every Graph, and may hold any character.
	ID   string  `json:"id"`
	Kind BoxKind `json:"kind"`
	// Group is the ID of a Group; empty for peers.
	Group string `json:"group,omitempty"`
	// Name is short: "api", "ingress-nginx", "Internet".
	Name string `json:"name"`
	// Where says where a peer is: "monitoring", "every namespace", "payments/api" for a tier of that profile; empty for tiers that are
	// in a Group, for what is in no namespace, and when Name says it.
	Where string `json:"where,omitempty"`
	// Selector says in words which pods, nodes or addresses it stands for: "tier=api", "every pod", "except 10.0.0.0/8".
	Selector    string `json:"selector,omitempty"`
	Description string `json:"description,omitempty"`
	// Details are what Name, Where and Selector leave out for length, one a line.
	Details []string `json:"details,omitempty"`
	// Pods is how many pods a tier selects in all its namespaces; nil for peers, and when nothing is known of pods.
	Pods *int `json:"pods,omitempty"`
	// Ports are those that a tier serves.
	Ports []string `json:"ports,omitempty"`
	// DNS is set for tiers.
	DNS v1alpha1.DNS `json:"dns,omitempty"`
	// Policies are the names of those that a tier has, the same in each of the namespaces.
	Policies []string `json:"policies,omitempty"`
	// Layer is the column, from left to right and from 0 on: arrows lead to higher layers, but for those that close a circle.
	Layer    int       `json:"layer"`
	Findings []Finding `json:"findings,omitempty"`
}

// ArrowKind is a kind of Arrow.
type ArrowKind string

const (
	// ArrowAllow is what entries allow.
	ArrowAllow ArrowKind = "Allow"
	// ArrowDNS is what a tier's dns allows.
	ArrowDNS ArrowKind = "DNS"
)

// ArrowState says whether connections can be made.
type ArrowState string

const (
	// ArrowOpen means: it is allowed, as far as the profiles go that declare it.
	ArrowOpen ArrowState = "Open"
	// ArrowPreview means: only profiles that are not in force declare it.
	ArrowPreview ArrowState = "Preview"
	// ArrowVoid means: one end resolves to nothing, so that nothing is allowed.
	ArrowVoid ArrowState = "Void"
	// ArrowHalfOpen means: something else closes one of the ends, at least for some pods or ports.
	ArrowHalfOpen ArrowState = "HalfOpen"
)

// Arrow is what may go from one box to another.
type Arrow struct {
	Kind  ArrowKind  `json:"kind"`
	State ArrowState `json:"state"`
	// From and To are IDs of boxes.
	From string `json:"from"`
	To   string `json:"to"`
	// Ports are those of all entries: "8080", "10000-10999", "UDP/53", "metrics". Without a protocol they are TCP. Empty when they are
	// not known here.
	Ports []string `json:"ports,omitempty"`
	// SameNamespace: only inside one namespace, not between those of the group.
	SameNamespace bool `json:"sameNamespace,omitempty"`
	// Entries are those that allow it, by profile and in the order of the profile; empty for DNS.
	Entries []Entry `json:"entries,omitempty"`
	// Policies are the names of those that open it at either end.
	Policies []string  `json:"policies,omitempty"`
	Findings []Finding `json:"findings,omitempty"`

	ports []v1alpha1.Port
}

// Entry is an allow entry of a profile.
type Entry struct {
	// Profile is the ID of a Profile.
	Profile     string   `json:"profile"`
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Ports       []string `json:"ports,omitempty"`
}

// Finding is a finding about a box, an arrow, a group or a profile.
type Finding struct {
	// Finding is that of the first namespace of which it is true.
	v1alpha1.Finding `json:",inline"`
	// Profile is the ID of the Profile that it was found for.
	Profile string `json:"profile"`
	// Namespaces is in how many namespaces it was found.
	Namespaces int `json:"namespaces"`
}

// Note returns a few words about a finding, for the margin of a picture: "everybody", "half open". The code, for one
// that has no other words.
func (f Finding) Note() string {
	notes := map[v1alpha1.FindingCode]string{
		v1alpha1.CodeHalfOpen:               "half open",
		v1alpha1.CodeUnresolvedPeer:         "not found",
		v1alpha1.CodeForeignPolicyWidens:    "widened",
		v1alpha1.CodeAnywherePeer:           "everybody",
		v1alpha1.CodeEveryPodPeer:           "every pod",
		v1alpha1.CodeBroadCIDR:              "very wide",
		v1alpha1.CodeDNSAnywhere:            "port 53 anywhere",
		v1alpha1.CodeDNSNotFound:            "DNS not found",
		v1alpha1.CodeServiceWithoutSelector: "Service without selector",
		v1alpha1.CodeServicePortNotPodPort:  "a Service's port",
		v1alpha1.CodeTooManyPeers:           "too many peers",
	}
	return cmp.Or(notes[f.Code], string(f.Code))
}

// profileID returns the ID of a Profile.
func profileID(key snapshot.ProfileKey) string { return key.String() }
