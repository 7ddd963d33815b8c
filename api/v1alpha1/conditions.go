package v1alpha1

// The types of condition in a profile's status. Ready, Reconciling and Stalled are read by kstatus, and so by Flux,
// Argo CD and `kubectl wait`.
const (
	ConditionReady        = "Ready"
	ConditionAccepted     = "Accepted"
	ConditionResolvedRefs = "ResolvedRefs"
	ConditionIsolated     = "Isolated"
	ConditionCovered      = "Covered"
	ConditionReconciling  = "Reconciling"
	ConditionStalled      = "Stalled"
)

// The reasons that conditions give. Where ResolvedRefs, Isolated and Covered are False, the reason is the code of the first finding.
const (
	ReasonPending            = "Pending"
	ReasonApplied            = "Applied"
	ReasonPreviewed          = "Previewed"
	ReasonProgressing        = "Progressing"
	ReasonApplyFailed        = "ApplyFailed"
	ReasonInvalid            = "Invalid"
	ReasonProtectedNamespace = "ProtectedNamespace"
	ReasonNameConflict       = "NameConflict"
	ReasonContested          = "Contested"
	ReasonPolicyTooLarge     = "PolicyTooLarge"
	ReasonDeleting           = "Deleting"
	ReasonValid              = "Valid"
	ReasonResolved           = "Resolved"
	ReasonCovered            = "Covered"
	ReasonIsolated           = "Isolated"
	ReasonUndecidable        = "Undecidable"
	ReasonOtherPolicyAPI     = "OtherPolicyAPI"
)
