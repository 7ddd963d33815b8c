package report

import (
	"cmp"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/enforcement"
	"firebreak.dev/firebreak/internal/snapshot"
)

// analyses is what the judgements of a profile's namespaces come to.
type analyses struct {
	// known is the number of selected namespaces that were judged for this generation.
	known    int32
	findings []v1alpha1.Finding
	// undecided says why isolation cannot be told in the first namespace where it cannot; reason is that of the condition.
	undecided, reason string
	// widened says why the profile is not isolated in the first namespace where it is not; widenings counts the reasons.
	widened   string
	widenings int
	preview   v1alpha1.PreviewConnections
}

func analysesOf(in Input) analyses {
	var a analyses
	for i := range in.Namespaces {
		ns := &in.Namespaces[i]
		j := ns.Judgement
		if ns.Protected || !ns.isJudged(&in.Profile) {
			continue
		}
		a.known++
		a.findings = append(a.findings, j.Findings...)
		for _, f := range j.Findings {
			if f.Code == v1alpha1.CodeForeignPolicyWidens {
				a.widenings++
			}
		}
		a.widened = cmp.Or(a.widened, j.Widened)
		a.addUndecided(ns)
		if j.Preview != nil {
			a.addPreview(*j.Preview)
		}
	}
	return a
}

func (ns *NamespaceFacts) isJudged(p *snapshot.Profile) bool {
	j := ns.Judgement
	return j != nil && j.UID == p.UID && j.Generation == p.Generation
}

func (a *analyses) addUndecided(ns *NamespaceFacts) {
	switch {
	case a.undecided != "":
	case ns.Judgement.Undecided != "":
		a.reason, a.undecided = v1alpha1.ReasonUndecidable, ns.Judgement.Undecided
	case ns.OtherPolicies.Number > 0:
		a.reason, a.undecided = v1alpha1.ReasonOtherPolicyAPI, fmt.Sprintf(
			"Policies of another API may admit or deny more in namespace %s, which Firebreak does not evaluate: there are %d, such as of kind %s.",
			ns.Namespace.Name, ns.OtherPolicies.Number, ns.OtherPolicies.Kind)
	case !ns.OtherPolicies.Known:
		a.reason, a.undecided = v1alpha1.ReasonPending, fmt.Sprintf(
			"Whether there are policies of other APIs is not known: %s not listed yet, or the operator lacks the right to list them.", unread(ns.OtherPolicies))
	}
}

func unread(use enforcement.OtherPolicyUse) string {
	if use.Unread.Resource == "" {
		return "they are"
	}
	return use.Unread.String() + " are"
}

func (a *analyses) addPreview(p analyzer.Preview) {
	a.preview.Cut += int32(p.Cut.Count)       //nolint:gosec // a cluster has far fewer
	a.preview.Opened += int32(p.Opened.Count) //nolint:gosec // a cluster has far fewer
	a.preview.Cuts = listSome(a.preview.Cuts, p.Cut.Listed)
	a.preview.Opens = listSome(a.preview.Opens, p.Opened.Listed)
}

// listSome adds connections to a list for as long as it has room.
func listSome(list []v1alpha1.PreviewConnection, more []analyzer.Connection) []v1alpha1.PreviewConnection {
	for _, c := range more {
		if len(list) >= analyzer.MaxListed {
			break
		}
		list = append(list, v1alpha1.PreviewConnection{Namespace: c.Namespace, From: c.From, To: c.To, Ports: analyzer.Words(c.Ports)})
	}
	return list
}

// isolatedCondition says whether anything that is not Firebreak's admits what no profile declares. That something does is said
// as soon as it is known of one namespace, that nothing does only when it is known of all.
func isolatedCondition(in Input, v verdict, t tally) metav1.Condition {
	out := metav1.Condition{Type: v1alpha1.ConditionIsolated, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonPending}
	a := t.analyses
	switch {
	case !v.accepted || in.Profile.Deleting:
		out.Message = "The profile does not act."
	case in.previews():
		out.Reason, out.Message = v1alpha1.ReasonPreviewed, "A preview isolates nothing. The findings say what would widen the profile."
	case a.widened != "":
		out.Status, out.Reason, out.Message = metav1.ConditionFalse, string(v1alpha1.CodeForeignPolicyWidens), a.widened
		if a.widenings > 1 {
			out.Message += fmt.Sprintf(" (And %d more.)", a.widenings-1)
		}
	case v.unexamined || a.known < t.selected:
		out.Message = "Not examined in every namespace."
	case t.applied < t.selected:
		out.Message = "Not applied in every namespace."
	case a.undecided != "":
		out.Reason, out.Message = a.reason, a.undecided
	default:
		out.Status, out.Reason = metav1.ConditionTrue, v1alpha1.ReasonIsolated
		out.Message = "No other NetworkPolicy admits, for a pod of this profile, a connection that no profile declares."
	}
	return out
}
