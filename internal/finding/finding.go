// Package finding holds the catalogue of findings: which severity each code has, and in which order they are shown.
package finding

import (
	"cmp"
	"fmt"
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// MaxInStatus is how many findings a profile's status lists; the counts are always whole.
const MaxInStatus = 50

// severityOf is the severity of every code. An unknown code would be Error, so that it is not overlooked.
func severityOf(code v1alpha1.FindingCode) v1alpha1.Severity {
	switch code {
	case v1alpha1.CodeProtectedNamespace, v1alpha1.CodeFrozenPolicies, v1alpha1.CodeUncoveredPods, v1alpha1.CodeWidenedByProfile, v1alpha1.CodePolicyMistake:
		return v1alpha1.SeverityInfo
	case v1alpha1.CodeTierSelectsNothing, v1alpha1.CodeTiersOverlap, v1alpha1.CodeHostNetworkPod, v1alpha1.CodeDNSAnywhere,
		v1alpha1.CodeDNSNotFound, v1alpha1.CodeAnywherePeer, v1alpha1.CodeUnresolvedPeer, v1alpha1.CodeEveryPodPeer,
		v1alpha1.CodeBroadCIDR, v1alpha1.CodeTooManyPeers, v1alpha1.CodeServicePortNotPodPort, v1alpha1.CodeServiceWithoutSelector,
		v1alpha1.CodeNotEnforced, v1alpha1.CodeOperatorPreview, v1alpha1.CodeHalfOpen:
		return v1alpha1.SeverityWarning
	case v1alpha1.CodeNameConflict, v1alpha1.CodeContested, v1alpha1.CodePolicyTooLarge, v1alpha1.CodeForeignPolicyWidens:
		return v1alpha1.SeverityError
	default:
		return v1alpha1.SeverityError
	}
}

// New returns a finding with the severity that its code has. The message is one sentence that says what to do; namespace
// and place may be empty.
func New(code v1alpha1.FindingCode, namespace, place, format string, args ...any) v1alpha1.Finding {
	return v1alpha1.Finding{
		Code: code, Severity: severityOf(code), Namespace: namespace, Place: place, Message: fmt.Sprintf(format, args...),
	}
}

// Sort puts findings in their order, most severe first, and removes double ones.
func Sort(findings []v1alpha1.Finding) []v1alpha1.Finding {
	slices.SortFunc(findings, func(a, b v1alpha1.Finding) int {
		return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), cmp.Compare(a.Code, b.Code),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Place, b.Place), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(findings)
}

func rank(s v1alpha1.Severity) int {
	return slices.Index([]v1alpha1.Severity{v1alpha1.SeverityError, v1alpha1.SeverityWarning, v1alpha1.SeverityInfo}, s)
}

// Count counts findings by severity; nil when there are none.
func Count(findings []v1alpha1.Finding) *v1alpha1.FindingCounts {
	if len(findings) == 0 {
		return nil
	}
	counts := &v1alpha1.FindingCounts{}
	for _, f := range findings {
		switch f.Severity {
		case v1alpha1.SeverityError:
			counts.Error++
		case v1alpha1.SeverityWarning:
			counts.Warning++
		case v1alpha1.SeverityInfo:
			counts.Info++
		}
	}
	return counts
}
