package v1alpha1

// Mode says whether a profile acts or only looks.
// +kubebuilder:validation:Enum=Enforce;Preview
type Mode string

// The modes of a profile.
const (
	ModeEnforce Mode = "Enforce"
	ModePreview Mode = "Preview"
)

// Isolation says which pods are denied what no profile allows.
// +kubebuilder:validation:Enum=Namespace;Tiers
type Isolation string

// The kinds of isolation.
const (
	IsolationNamespace Isolation = "Namespace"
	IsolationTiers     Isolation = "Tiers"
)

// DNS says which name servers a tier may reach.
// +kubebuilder:validation:Enum=Cluster;Any;None
type DNS string

// The kinds of DNS access.
const (
	DNSCluster DNS = "Cluster"
	DNSAny     DNS = "Any"
	DNSNone    DNS = "None"
)

// DeletionPolicy says what becomes of the policies when their profile is
// deleted.
// +kubebuilder:validation:Enum=Delete;Retain
type DeletionPolicy string

// The deletion policies.
const (
	DeletionPolicyDelete DeletionPolicy = "Delete"
	DeletionPolicyRetain DeletionPolicy = "Retain"
)

// ProfileSettings are the fields that both kinds of profile share.
// ---
// The rules here are merged into the spec that these settings are part of, where self.tiers is. A list of one element
// gives a name to a value that is then computed once, not for each peer.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.previewOf) || self.mode == 'Preview'`,fieldPath=`.previewOf`,message=`previewOf needs mode Preview`
// +kubebuilder:validation:XValidation:rule=`self.isolation != 'Tiers' || size(self.tiers) > 0`,fieldPath=`.tiers`,message=`isolation Tiers needs at least one tier`
//
// Who may talk to whom can only be said of tiers that are there.
// +kubebuilder:validation:XValidation:rule=`!has(self.allow) || [self.tiers.map(t, t.name)].all(names, self.allow.all(e, e.from.all(p, !has(p.tier) || p.tier in names)))`,fieldPath=`.allow`,message=`from of an allow entry names a tier that this profile does not have`,messageExpression=`[self.tiers.map(t, t.name)].map(names, self.allow.map(e, e.from.exists(p, has(p.tier) && !(p.tier in names)), 'allow entry "' + e.name + '": from names tier "' + e.from.map(p, has(p.tier) && !(p.tier in names), p.tier)[0] + '", which this profile does not have')[0])[0]`
// +kubebuilder:validation:XValidation:rule=`!has(self.allow) || [self.tiers.map(t, t.name)].all(names, self.allow.all(e, e.to.all(p, !has(p.tier) || p.tier in names)))`,fieldPath=`.allow`,message=`to of an allow entry names a tier that this profile does not have`,messageExpression=`[self.tiers.map(t, t.name)].map(names, self.allow.map(e, e.to.exists(p, has(p.tier) && !(p.tier in names)), 'allow entry "' + e.name + '": to names tier "' + e.to.map(p, has(p.tier) && !(p.tier in names), p.tier)[0] + '", which this profile does not have')[0])[0]`
//
// "Every port" is never a default: without ports of its own, an entry opens those that its destinations declare.
// +kubebuilder:validation:XValidation:rule=`!has(self.allow) || [self.tiers.map(t, !has(t.ports), t.name)].all(portless, self.allow.all(e, has(e.ports) || e.to.all(p, !has(p.tier) || !(p.tier in portless))))`,fieldPath=`.allow`,message=`an allow entry without ports leads to a tier without ports`,messageExpression=`[self.tiers.map(t, !has(t.ports), t.name)].map(portless, self.allow.map(e, !has(e.ports) && e.to.exists(p, has(p.tier) && p.tier in portless), 'allow entry "' + e.name + '": ports are needed, because tier "' + e.to.map(p, has(p.tier) && p.tier in portless, p.tier)[0] + '" declares none')[0])[0]`
type ProfileSettings struct {
	// mode says whether the profile acts. Enforce, the default, writes
	// NetworkPolicies and keeps them as written. Preview writes none and reports
	// in status what Enforce would do; policies that the profile wrote before stay
	// as they are, frozen: drift is reported but not corrected.
	// +optional
	// +kubebuilder:default=Enforce
	Mode Mode `json:"mode,omitempty"`

	// previewOf names the enforced profile (same kind, same namespace) that this
	// one would replace: the preview compares with that profile taken away. Only
	// with mode Preview, and never the profile itself. When omitted, the preview
	// adds to what is there.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	PreviewOf string `json:"previewOf,omitempty"`

	// isolation says which pods are denied what no profile allows. Namespace, the
	// default: every pod of the namespace, both ways, also those that no tier
	// selects. Tiers: only the pods that a tier selects; the others stay open.
	// +optional
	// +kubebuilder:default=Namespace
	Isolation Isolation `json:"isolation,omitempty"`

	// dns says which name servers the tiers may reach. Cluster, the default: the
	// cluster's DNS over UDP and TCP, and nothing else. Any: that, and port 53
	// anywhere, which is a way out for data and is reported as a finding. None: no
	// DNS at all. A tier may override it.
	// +optional
	// +kubebuilder:default=Cluster
	DNS DNS `json:"dns,omitempty"`

	// allow lists who may talk to whom. Everything not listed is denied, both
	// ways. One entry opens both ends wherever an end is a tier of this profile:
	// egress at the source and ingress at the destination. When empty, only DNS is
	// allowed.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=128
	Allow []AllowEntry `json:"allow,omitempty"`

	// deletionPolicy says what becomes of the policies when the profile is
	// deleted. Delete, the default, removes them. Retain leaves them enforced,
	// without an owner; a profile of the same kind, namespace and name created
	// again adopts them. A tier that is removed from a profile always takes its
	// policies along.
	// +optional
	// +kubebuilder:default=Delete
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// Tier is a group of pods that play the same part in an application.
type Tier struct {
	// name identifies the tier in this profile. It is a DNS label and cannot be
	// "default-deny".
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule=`self != 'default-deny'`,message=`"default-deny" is reserved for the policy that denies everything else: choose another name for this tier`
	Name string `json:"name"`

	// description says in words what the tier is for. It appears in the policies
	// that Firebreak writes.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Description string `json:"description,omitempty"`

	// podSelector chooses the pods of the tier by their labels. {} chooses every
	// pod of the namespace.
	// +required
	PodSelector *LabelSelector `json:"podSelector"`

	// ports lists the ports on which the tier's pods serve. An allow entry without
	// ports of its own opens these. When omitted, every entry that leads to this
	// tier must say its ports.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Ports []Port `json:"ports,omitempty"`

	// dns overrides the profile's dns for this tier. When omitted, the profile's
	// holds.
	// +optional
	DNS DNS `json:"dns,omitempty"`
}

// AllowEntry allows connections from each of its sources to each of its
// destinations.
// ---
// A policy can only be written at a tier: an entry from one stranger to another would mean nothing.
// +kubebuilder:validation:XValidation:rule=`self.from.all(p, has(p.tier)) || self.to.all(p, has(p.tier))`,message=`all of from, or all of to, must be tiers of this profile`,messageExpression=`'allow entry "' + self.name + '": all of from, or all of to, must be tiers of this profile'`
//
// The API server's address has another port than its endpoints, and both can change.
// +kubebuilder:validation:XValidation:rule=`!has(self.ports) || !self.to.exists(p, has(p.kubeAPIServer))`,fieldPath=`.ports`,message=`kubeAPIServer in to brings its own ports`,messageExpression=`'allow entry "' + self.name + '": kubeAPIServer in to brings its own ports, so ports must be omitted'`
//
// A name stands for a number that each pod gives to it, and an address gives none.
// +kubebuilder:validation:XValidation:rule=`!has(self.ports) || self.ports.all(q, type(q.port) == int) || !self.to.exists(p, has(p.ipBlocks) || has(p.internet) || has(p.nodes) || has(p.anywhere))`,fieldPath=`.ports`,message=`a port name means nothing towards ipBlocks, internet, nodes and anywhere`,messageExpression=`'allow entry "' + self.name + '": port name "' + string(self.ports.map(q, type(q.port) == string, q.port)[0]) + '" means nothing towards addresses (ipBlocks, internet, nodes, anywhere); give a number'`
//
// These have no ports of their own, and "every port" is never a default.
// +kubebuilder:validation:XValidation:rule=`has(self.ports) || !self.to.exists(p, has(p.pods) || has(p.ipBlocks) || has(p.internet) || has(p.nodes) || has(p.anywhere))`,fieldPath=`.ports`,message=`pods, ipBlocks, internet, nodes and anywhere in to need ports`,messageExpression=`'allow entry "' + self.name + '": ports are needed, because pods, ipBlocks, internet, nodes and anywhere in to have none of their own'`
type AllowEntry struct {
	// name identifies the entry in this profile: conditions, findings and policies
	// refer to it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// description says in words why these connections are needed. It appears in
	// the policies that Firebreak writes.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Description string `json:"description,omitempty"`

	// from lists the sources. Either all of from are tiers of this profile, or all
	// of to are.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	From []Peer `json:"from"`

	// to lists the destinations. Either all of from are tiers of this profile, or
	// all of to are.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	To []Peer `json:"to"`

	// ports lists the ports that are opened, and replaces the destinations' own.
	// When omitted, each destination's own ports are opened: a tier's, a remote
	// tier's, a Service's target ports, the API server's. Any other destination
	// needs ports here: omitting them never opens every port. Ports towards
	// addresses (ipBlocks, internet, nodes, anywhere, a Service without selector)
	// are numbers, not names.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	Ports []Port `json:"ports,omitempty"`
}
