package checkup

import (
	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/finding"
)

// Rule says what a code means, for tools that show it beside each result.
type Rule struct {
	Code     v1alpha1.FindingCode
	Severity v1alpha1.Severity
	// Meaning and Advice are a sentence each.
	Meaning, Advice string
}

// Rules returns all codes that results bear: those of a checkup first, then those of findings, the gravest first.
func Rules() []Rule {
	out := ownRules()
	for _, r := range findingRules() {
		r.Severity = finding.New(r.Code, "", "", "").Severity
		out = append(out, r)
	}
	return out
}

func ownRules() []Rule {
	return []Rule{
		{CodeUnreadable, v1alpha1.SeverityError, "A document in the file is no API object.", "Correct its YAML, or move what is no manifest to another place."},
		{CodeUnknownField, v1alpha1.SeverityError, "The profile has a field that there is not, so the API server refuses it.", "Correct the spelling or the indentation; kubectl explain segmentationprofile.spec lists the fields."},
		{CodeInvalid, v1alpha1.SeverityError, "The profile breaks a rule, so the API server or the operator refuses it.", "The message names the field and the rule."},
		{CodeGivenTwice, v1alpha1.SeverityWarning, "The files hold two profiles of one kind, namespace and name, and the last one applied would win.", "Delete or rename one of them, or check one environment at a time."},
		{CodeNotChecked, v1alpha1.SeverityInfo, "Something can be told only with objects that the files do not hold.", "Add those objects, or check against a cluster with --live."},
	}
}

func findingRules() []Rule {
	return []Rule{
		{Code: v1alpha1.CodeContested, Meaning: "Somebody changes a policy back again and again.", Advice: "Stop whoever changes it: often a tool that applies a copy of the policy."},
		{Code: v1alpha1.CodeForeignPolicyWidens, Meaning: "A policy that is not Firebreak's admits, for a pod of the profile, a connection that no profile declares.", Advice: "Delete the policy, narrow it, or declare the connection under allow."},
		{Code: v1alpha1.CodeNameConflict, Meaning: "Somebody else's policy has the name of one that the profile needs.", Advice: "Delete that policy, and create it under another name if it is needed."},
		{Code: v1alpha1.CodePolicyTooLarge, Meaning: "A policy would be larger than what can be stored, so the profile changes nothing there.", Advice: "Use wider ranges, fewer peers, or several profiles; the message names the entries with the most peers."},
		{Code: v1alpha1.CodeAnywherePeer, Meaning: "An entry allows everybody, or every pod of every namespace.", Advice: "Name the peers that are meant."},
		{Code: v1alpha1.CodeBroadCIDR, Meaning: "An entry allows a range of addresses wider than a network that anybody owns.", Advice: "Name the networks that are meant, or use internet if it is the public internet."},
		{Code: v1alpha1.CodeDNSAnywhere, Meaning: "A tier may reach port 53 anywhere, which is a way out for data.", Advice: "Use dns: Cluster, and an allow entry for the name servers that are needed."},
		{Code: v1alpha1.CodeDNSNotFound, Meaning: "The cluster's DNS Service was not found, and the usual pods are assumed.", Advice: "Say where it is with --dns-service."},
		{Code: v1alpha1.CodeEveryPodPeer, Meaning: "An entry to a tier of another profile allows every pod of that namespace.", Advice: "Have the owner of that profile narrow the podSelector of the tier."},
		{Code: v1alpha1.CodeHalfOpen, Meaning: "An entry opens this profile's end of a connection, and somebody else closes the other end.", Advice: "Have the owner of the other end admit it; the message gives the line to add."},
		{Code: v1alpha1.CodeHostNetworkPod, Meaning: "A tier selects a pod on the host network, which NetworkPolicies do not govern.", Advice: "Move the pod off the host network, or narrow the podSelector."},
		{Code: v1alpha1.CodeNotEnforced, Meaning: "No network plugin that is known to enforce NetworkPolicies was seen.", Advice: "Try a connection that the profile denies."},
		{Code: v1alpha1.CodeOperatorPreview, Meaning: "The operator writes nothing, whatever the profile says.", Advice: "Run it with --mode=Enforce when you like what the previews say."},
		{Code: v1alpha1.CodeServicePortNotPodPort, Meaning: "The ports of an entry are those of a Service, but not those of its pods, which are the ones that count.", Advice: "Leave ports out, or give those of the pods."},
		{Code: v1alpha1.CodeServiceWithoutSelector, Meaning: "A Service that an entry names selects no pods, so whoever may edit its EndpointSlices chooses who is allowed.", Advice: "Use ipBlocks if the addresses do not change."},
		{Code: v1alpha1.CodeTierSelectsNothing, Meaning: "A tier selects no pod.", Advice: "Compare its podSelector with the labels of the pods that are meant."},
		{Code: v1alpha1.CodeTiersOverlap, Meaning: "A pod is in two tiers of one profile, and may do what either may.", Advice: "Make the podSelectors exclude each other."},
		{Code: v1alpha1.CodeTooManyPeers, Meaning: "A policy has more peers than network plugins take well.", Advice: "Use wider ranges or fewer peers; the message names the entries that most of them come from."},
		{Code: v1alpha1.CodeUnresolvedPeer, Meaning: "A peer stands for nobody, or not for all that it names, and what is missing is not allowed.", Advice: "Create what is missing, or correct the reference."},
		{Code: v1alpha1.CodeFrozenPolicies, Meaning: "Policies stay as they are although their profile does not act.", Advice: "Correct the profile, or enforce it."},
		{Code: v1alpha1.CodePolicyMistake, Meaning: "A policy that is not Firebreak's says what was hardly meant.", Advice: "The message names the place in the policy."},
		{Code: v1alpha1.CodeProtectedNamespace, Meaning: "A profile selects a protected namespace, where nothing is written.", Advice: "Exclude it in namespaceSelector to make this plain, or put the profile elsewhere."},
		{Code: v1alpha1.CodeUncoveredPods, Meaning: "Pods that no tier selects stay open, with isolation Tiers.", Advice: "Add a tier for them, or use isolation Namespace."},
		{Code: v1alpha1.CodeWidenedByProfile, Meaning: "Another profile of the namespace admits, for a pod of this one, what this one does not.", Advice: "Narrow it, or make the selectors of tiers exclude each other."},
	}
}
