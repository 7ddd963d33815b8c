package report

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// conditions words every condition, in a fixed order. A condition that says the same as before keeps the time at which
// it began to.
func conditions(in Input, v verdict, t tally, c coverage, findings []v1alpha1.Finding) []metav1.Condition {
	list := []metav1.Condition{
		readyCondition(v),
		acceptedCondition(v),
		resolvedCondition(v, findings),
		coveredCondition(in, v, c),
		isolatedCondition(in, v, t),
	}
	switch {
	case v.ready:
	case v.stalled:
		list = append(list, metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v.reason, Message: v.message})
	default:
		list = append(list, metav1.Condition{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue, Reason: v.reason, Message: v.message})
	}
	for i := range list {
		list[i].Message = cutMessage(list[i].Message)
		list[i].ObservedGeneration = in.Profile.Generation
		list[i].LastTransitionTime = metav1.NewTime(in.Now.Truncate(1e9))
		before := meta.FindStatusCondition(in.Previous.Conditions, list[i].Type)
		if before != nil && before.Status == list[i].Status {
			list[i].LastTransitionTime = before.LastTransitionTime
		}
	}
	return list
}

// maxMessage keeps conditions readable; the schema of a condition would allow 32768 characters.
const maxMessage = 1024

func cutMessage(text string) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= maxMessage {
		return string(runes)
	}
	return string(runes[:maxMessage-1]) + "…"
}

func readyCondition(v verdict) metav1.Condition {
	status := metav1.ConditionFalse
	if v.ready {
		status = metav1.ConditionTrue
	}
	return metav1.Condition{Type: v1alpha1.ConditionReady, Status: status, Reason: v.reason, Message: v.message}
}

func acceptedCondition(v verdict) metav1.Condition {
	if !v.accepted {
		return metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse, Reason: v.reason, Message: v.message}
	}
	return metav1.Condition{
		Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonValid, Message: "The spec is valid.",
	}
}

func resolvedCondition(v verdict, findings []v1alpha1.Finding) metav1.Condition {
	out := metav1.Condition{Type: v1alpha1.ConditionResolvedRefs}
	i := slices.IndexFunc(findings, func(f v1alpha1.Finding) bool {
		return f.Code == v1alpha1.CodeDNSNotFound || f.Code == v1alpha1.CodeUnresolvedPeer
	})
	switch {
	case i >= 0:
		out.Status, out.Reason = metav1.ConditionFalse, string(findings[i].Code)
		out.Message = fmt.Sprintf("%s: %s", findings[i].Place, findings[i].Message)
	case !v.accepted || v.unexamined || v.reason == v1alpha1.ReasonPolicyTooLarge:
		out.Status, out.Reason, out.Message = metav1.ConditionUnknown, v1alpha1.ReasonPending, "Not examined in every namespace."
	default:
		out.Status, out.Reason, out.Message = metav1.ConditionTrue, v1alpha1.ReasonResolved, "Everything that the profile refers to was found."
	}
	return out
}

func coveredCondition(in Input, v verdict, c coverage) metav1.Condition {
	out := metav1.Condition{Type: v1alpha1.ConditionCovered}
	switch {
	case !v.accepted || in.Profile.Deleting:
		out.Status, out.Reason, out.Message = metav1.ConditionUnknown, v1alpha1.ReasonPending, "The profile does not act."
	case !in.PodsKnown:
		out.Status, out.Reason, out.Message = metav1.ConditionUnknown, v1alpha1.ReasonPending, "Pods have not been listed yet."
	case len(c.findings) > 0:
		out.Status, out.Reason, out.Message = metav1.ConditionFalse, string(c.findings[0].Code), c.findings[0].Message
		if len(c.findings) > 1 {
			out.Message += fmt.Sprintf(" (And %d more.)", len(c.findings)-1)
		}
	default:
		out.Status, out.Reason = metav1.ConditionTrue, v1alpha1.ReasonCovered
		out.Message = "Every tier selects pods, and no pod is in two tiers or on the host network."
	}
	return out
}
