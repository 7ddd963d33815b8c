package v1alpha1

// FindingCode identifies a kind of finding. Codes are stable: scripts and alerts may rely on them.
type FindingCode string

// The codes that findings bear.
const (
	// CodeNameConflict: a policy that is not ours bears the name of one that should be written.
	CodeNameConflict FindingCode = "NameConflict"
	// CodeContested: somebody changes a policy back again and again.
	CodeContested FindingCode = "Contested"
	// CodePolicyTooLarge: a policy would be larger than what can be stored, so the profile changes nothing there.
	CodePolicyTooLarge FindingCode = "PolicyTooLarge"
	// CodeProtectedNamespace: a profile selects a protected namespace, where nothing is written.
	CodeProtectedNamespace FindingCode = "ProtectedNamespace"
	// CodeTierSelectsNothing: a tier selects no pod.
	CodeTierSelectsNothing FindingCode = "TierSelectsNothing"
	// CodeTiersOverlap: a pod is in two tiers of one profile and may do what either may.
	CodeTiersOverlap FindingCode = "TiersOverlap"
	// CodeHostNetworkPod: a tier selects a pod on the host network, which NetworkPolicies do not govern.
	CodeHostNetworkPod FindingCode = "HostNetworkPod"
	// CodeDNSAnywhere: a tier may reach port 53 anywhere.
	CodeDNSAnywhere FindingCode = "DNSAnywhere"
	// CodeDNSNotFound: the cluster's DNS Service was not found, and the usual one is assumed.
	CodeDNSNotFound FindingCode = "DNSNotFound"
	// CodeAnywherePeer: an entry allows everybody.
	CodeAnywherePeer FindingCode = "AnywherePeer"
	// CodeEveryPodPeer: an entry that means the pods of one tier of another profile allows every pod of its namespaces.
	CodeEveryPodPeer FindingCode = "EveryPodPeer"
	// CodeBroadCIDR: an entry allows a range of addresses that is wider than a network anybody owns.
	CodeBroadCIDR FindingCode = "BroadCIDR"
	// CodeTooManyPeers: a policy has more peers than network plugins take well.
	CodeTooManyPeers FindingCode = "TooManyPeers"
	// CodeServicePortNotPodPort: the ports of an entry are those of a Service, but not those of its pods.
	CodeServicePortNotPodPort FindingCode = "ServicePortNotPodPort"
	// CodeServiceWithoutSelector: a Service that an entry names selects no pods, so its addresses stand for it.
	CodeServiceWithoutSelector FindingCode = "ServiceWithoutSelector"
	// CodeUncoveredPods: pods that no tier selects stay open under isolation Tiers.
	CodeUncoveredPods FindingCode = "UncoveredPods"
	// CodeNotEnforced: no network plugin that is known to enforce NetworkPolicies was seen.
	CodeNotEnforced FindingCode = "NotEnforced"
	// CodeForeignPolicyWidens: a policy that is not ours admits, for a pod of a profile, a connection that no profile declares.
	CodeForeignPolicyWidens FindingCode = "ForeignPolicyWidens"
	// CodeWidenedByProfile: another profile of the namespace admits, for a pod of this one, a connection that this one does not.
	CodeWidenedByProfile FindingCode = "WidenedByProfile"
	// CodePolicyMistake: a policy that is not ours, and that may select a pod of a profile, says what was hardly meant.
	CodePolicyMistake FindingCode = "PolicyMistake"
	// CodeHalfOpen: a flow is open at this profile's end, and something else closes the other end.
	CodeHalfOpen FindingCode = "HalfOpen"
	// CodeUnresolvedPeer: something that an entry refers to does not resolve to an address or a pod.
	CodeUnresolvedPeer FindingCode = "UnresolvedPeer"
	// CodeFrozenPolicies: policies stay as they are although the profile no longer stands behind them.
	CodeFrozenPolicies FindingCode = "FrozenPolicies"
	// CodeOperatorPreview: the operator writes nothing, whatever the profile's mode.
	CodeOperatorPreview FindingCode = "OperatorPreview"
)
