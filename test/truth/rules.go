package truth

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/health"
)

// rule is something that the documentation promises of every version of a profile.
type rule struct {
	name string
	// broken says how a version breaks the rule; empty when it does not.
	broken func(*version) string
}

// rules are those that a version alone can break, by docs/concepts.md (the table of the conditions) and the comments of
// api/v1alpha1.
func rules() []rule {
	return []rule{
		{"status speaks of no generation that does not exist", fromTheFuture},
		{"each condition speaks of the generation of the status", otherGeneration},
		{"Reconciling and Stalled are present only while they are True", idleCondition},
		{"of Ready, Reconciling and Stalled one is True, but for a profile that nobody has looked at", oneOfThree},
		{"what is not accepted is stalled, and neither ready nor isolated", notAccepted},
		{"Ready means every namespace", readyEverywhere},
		{"Ready of a preview means that the preview is computed", previewed},
		{"Isolated means that the profile is applied", isolatedOnly},
	}
}

func fromTheFuture(v *version) string {
	if v.status.ObservedGeneration > v.generation {
		return fmt.Sprintf("observedGeneration is %d, generation %d", v.status.ObservedGeneration, v.generation)
	}
	return ""
}

// otherGeneration leaves out the condition of the schema's default status, which speaks of none.
func otherGeneration(v *version) string {
	for _, c := range v.status.Conditions {
		if c.ObservedGeneration != max(0, v.status.ObservedGeneration) {
			return fmt.Sprintf("%s speaks of generation %d, the status of %d", c.Type, c.ObservedGeneration, v.status.ObservedGeneration)
		}
	}
	return ""
}

func idleCondition(v *version) string {
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if c := v.condition(kind); c != nil && c.Status != metav1.ConditionTrue {
			return fmt.Sprintf("%s is %s", kind, c.Status)
		}
	}
	return ""
}

func oneOfThree(v *version) string {
	if v.status.ObservedGeneration < 0 {
		if slices.ContainsFunc(v.status.Conditions, func(c metav1.Condition) bool { return c.Status != metav1.ConditionUnknown }) {
			return "nobody has looked at it, and something is known"
		}
		return ""
	}
	var are []string
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if v.isTrue(kind) {
			are = append(are, kind)
		}
	}
	if len(are) != 1 {
		return fmt.Sprintf("True are %v", are)
	}
	return ""
}

func notAccepted(v *version) string {
	c := v.condition(v1alpha1.ConditionAccepted)
	switch {
	case c == nil && v.status.ObservedGeneration >= 0:
		return "Accepted is missing"
	case c == nil || c.Status == metav1.ConditionTrue:
	case !v.isTrue(v1alpha1.ConditionStalled):
		return "not accepted, and not stalled"
	case v.isTrue(v1alpha1.ConditionIsolated) || v.isTrue(v1alpha1.ConditionCovered):
		return "not accepted, and isolated or covered"
	}
	return ""
}

func readyEverywhere(v *version) string {
	if v.isTrue(v1alpha1.ConditionReady) && !v.hasEverything() {
		return fmt.Sprintf("namespaces: %+v", v.status.Namespaces)
	}
	return ""
}

// previewed goes by the spec, and therefore by no status of an older generation.
func previewed(v *version) string {
	if !v.isObserved() || !v.isTrue(v1alpha1.ConditionReady) {
		return ""
	}
	reason, want, preview := v.condition(v1alpha1.ConditionReady).Reason, v1alpha1.ReasonApplied, v.status.Preview
	if preview != nil && v.selects() {
		want = v1alpha1.ReasonPreviewed
	}
	if reason != want {
		return fmt.Sprintf("the reason is %s, and not %s", reason, want)
	}
	asked := v.spec.Mode == v1alpha1.ModePreview || v.isSaidToBePreviewed()
	switch {
	case asked != (preview != nil):
		return fmt.Sprintf("the profile or the operator is in mode Preview: %t, status.preview is there: %t", asked, preview != nil)
	case preview != nil && preview.Connections == nil && !v.isFormer():
		return "status.preview.connections are missing"
	}
	return ""
}

// isSaidToBePreviewed says whether a finding tells that the operator is in mode Preview.
func (v *version) isSaidToBePreviewed() bool {
	return slices.ContainsFunc(v.status.Findings, func(f v1alpha1.Finding) bool { return f.Code == v1alpha1.CodeOperatorPreview })
}

// isFormer says whether the status is that of an operator of an earlier version, which promised less: suites upgrade from one.
func (v *version) isFormer() bool {
	c := v.condition(v1alpha1.ConditionIsolated)
	return c != nil && c.Reason == "NotEvaluated"
}

// isolatedOnly allows Isolated without Ready while policies are still to be removed from namespaces that are not selected any more:
// they are none of the profile's pods.
func isolatedOnly(v *version) string {
	switch {
	case !v.isTrue(v1alpha1.ConditionIsolated):
	case v.status.Preview != nil:
		return "a preview isolates nothing"
	case !v.hasEverything():
		return fmt.Sprintf("namespaces: %+v", v.status.Namespaces)
	case !v.isTrue(v1alpha1.ConditionReady) && !v.isTrue(v1alpha1.ConditionReconciling):
		return "not ready, and no work goes on"
	}
	return ""
}

// judges are those that tools go by.
type judges struct {
	argo *health.ArgoCD
}

// broken returns the rules that a version breaks by what the judges say of it: neither calls it well before the generation was
// observed, and they agree. Argo CD knows no more of an object that is being deleted than that it is Progressing.
func (j judges) broken(ctx context.Context, v *version) map[string]string {
	out := map[string]string{}
	said, err := health.KStatus(v.object)
	if err != nil {
		out["kstatus can read it"] = err.Error()
	}
	verdict, err := j.argo.Judge(ctx, v.object)
	if err != nil {
		out["Argo CD can read it"] = err.Error()
	}
	if said == kstatus.CurrentStatus || verdict.Status == health.Healthy {
		if lie := v.unobserved(); lie != "" {
			out["nobody calls it well before its generation is observed"] = fmt.Sprintf("kstatus says %s, Argo CD %s: %s", said, verdict.Status, lie)
		}
	}
	want := map[kstatus.Status]health.Status{
		kstatus.CurrentStatus:     health.Healthy,
		kstatus.FailedStatus:      health.Degraded,
		kstatus.InProgressStatus:  health.Progressing,
		kstatus.TerminatingStatus: health.Progressing,
	}[said]
	if verdict.Status != want {
		out["kstatus and Argo CD agree"] = fmt.Sprintf("kstatus says %s, Argo CD %s: %s", said, verdict.Status, verdict.Message)
	}
	return out
}

// unobserved says what of a status does not speak of the current generation, of what it says to be so; empty when all does.
func (v *version) unobserved() string {
	if !v.isObserved() {
		return fmt.Sprintf("the status speaks of generation %d, and not of %d", v.status.ObservedGeneration, v.generation)
	}
	for _, c := range v.status.Conditions {
		if c.Status == metav1.ConditionTrue && c.ObservedGeneration != v.generation {
			return fmt.Sprintf("%s speaks of generation %d, and not of %d", c.Type, c.ObservedGeneration, v.generation)
		}
	}
	return ""
}
