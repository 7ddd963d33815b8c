package v1alpha1

// Labels and annotations of the NetworkPolicies that Firebreak writes. The set is closed: nothing is ever copied from
// a profile's own metadata, because labels that Argo CD and Flux track by would make them prune the policies.
const (
	// LabelManagedBy marks every policy of ours; its value is ManagedBy.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "firebreak"
	// LabelProfileKind holds the kind of the profile that a policy comes from.
	LabelProfileKind = "firebreak.dev/profile-kind"
	// LabelProfile holds the name of the profile that a policy comes from.
	LabelProfile = "firebreak.dev/profile"
	// LabelTier holds the name of the tier that a policy isolates, or DefaultDenyTier.
	LabelTier = "firebreak.dev/tier"

	// AnnotationPurpose says in words what a policy allows, one sentence per flow.
	AnnotationPurpose = "firebreak.dev/purpose"
	// AnnotationProfileUID and AnnotationProfileGeneration stamp which version of the profile a policy was written
	// for. A difference in the generation alone never causes a write.
	AnnotationProfileUID        = "firebreak.dev/profile-uid"
	AnnotationProfileGeneration = "firebreak.dev/profile-generation"
	// AnnotationRetainedFor stands on the policies of a profile with deletionPolicy Retain, in place of an owner
	// reference: "<kind>/<name>" of that profile.
	AnnotationRetainedFor = "firebreak.dev/retained-for"
	// AnnotationSpecHash is the hash of the spec that Firebreak wrote. A live spec that differs from the desired one
	// while this hash does not was changed by somebody else: drift, as against a profile or a cluster that changed.
	AnnotationSpecHash = "firebreak.dev/spec-hash"
)

// DefaultDenyTier stands where a tier's name would in the name and labels of the policy that denies everything else in
// a namespace. No tier may bear this name.
const DefaultDenyTier = "default-deny"

// Finalizer lets a cluster profile take its policies away in a safe order before it goes.
const Finalizer = "firebreak.dev/ordered-teardown"
