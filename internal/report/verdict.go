package report

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/validation"
)

// verdict is where a profile stands as a whole: what Accepted, Ready, Reconciling and Stalled say.
type verdict struct {
	accepted bool
	ready    bool
	// stalled: nothing will change until somebody acts. Otherwise, when not ready, work goes on.
	stalled bool
	// unexamined: not every namespace is known yet.
	unexamined      bool
	reason, message string
}

func judge(in Input, t tally) verdict {
	if in.Profile.Deleting {
		return verdict{accepted: true, reason: v1alpha1.ReasonDeleting, message: deletingMessage(in, t.policies+in.Elsewhere)}
	}
	if reason, message := whyRefused(in, t); reason != "" {
		return verdict{stalled: true, reason: reason, message: message}
	}
	if in.Profile.Key.Kind == v1alpha1.KindSegmentationProfile && t.selected == 0 {
		return verdict{accepted: true, unexamined: true, reason: v1alpha1.ReasonProgressing, message: fmt.Sprintf(
			"Namespace %s is not known yet, or is being deleted.", in.Profile.Key.Namespace)}
	}
	v := verdict{accepted: true}
	v.unexamined = t.lacks(in)
	switch {
	case t.failed > 0:
		v.reason = v1alpha1.ReasonApplyFailed
		v.message = failedMessage(t)
	case v.unexamined || t.applied+t.stuck() < t.selected:
		v.reason = v1alpha1.ReasonProgressing
		v.message = progressMessage(in, t)
	case in.mustRemove():
		v.reason = v1alpha1.ReasonProgressing
		v.message = fmt.Sprintf("%s still to be removed from namespaces that are no longer selected, such as %s.", policies(in.Elsewhere), in.ElsewhereIn)
	case t.stuck() > 0:
		v.stalled = true
		v.reason, v.message = whyStuck(t)
	default:
		v.ready = true
		v.reason, v.message = readyMessage(in, t)
	}
	return v
}

// lacks says whether some namespace is not known yet: to a preview belongs what it would cut.
func (t *tally) lacks(in Input) bool {
	return t.examined < t.selected || (in.previews() && t.unjudged > 0)
}

// whyStuck says what somebody must do something about.
func whyStuck(t tally) (reason, message string) {
	switch {
	case t.tooLarge.namespaces > 0:
		return v1alpha1.ReasonPolicyTooLarge, t.tooLarge.andTheLike()
	case t.conflicted.namespaces > 0:
		return v1alpha1.ReasonNameConflict, t.conflicted.andTheLike()
	}
	return v1alpha1.ReasonContested, t.contested.andTheLike()
}

// saysNoMoreTrouble says whether the status that is there speaks of all the trouble found so far. While namespaces are not examined
// yet, there may be more, of the kind that it speaks of first; when all are, it must say the very same, and nothing when there is
// none. What failed may be being tried again.
func (t *tally) saysNoMoreTrouble(previous v1alpha1.ProfileStatus, v verdict) bool {
	inOrder := []string{v1alpha1.ReasonApplyFailed, v1alpha1.ReasonPolicyTooLarge, v1alpha1.ReasonNameConflict, v1alpha1.ReasonContested}
	said := -1
	before := meta.FindStatusCondition(previous.Conditions, v1alpha1.ConditionReady)
	if before != nil && before.Status == metav1.ConditionFalse {
		said = slices.Index(inOrder, before.Reason)
	}
	switch troubled := t.failed + t.stuck() + t.applying; {
	case troubled == 0:
		return said < 0 || v.unexamined
	case said < 0, troubled > previous.Namespaces.Failed:
		return false
	case t.applying > 0:
		return before.Reason == v1alpha1.ReasonApplyFailed
	case !v.unexamined:
		return before.Reason == v.reason && before.Message == cutMessage(v.message)
	}
	reason := v1alpha1.ReasonApplyFailed
	if t.failed == 0 {
		reason, _ = whyStuck(*t)
	}
	return said <= slices.Index(inOrder, reason)
}

// whyRefused says why a profile is not accepted; empty when it is.
func whyRefused(in Input, t tally) (reason, message string) {
	invalid := validation.Validate(in.Profile)
	switch {
	case len(invalid) > 0:
		return v1alpha1.ReasonInvalid, refusal(invalid, t.policies)
	case in.Profile.Key.Kind == v1alpha1.KindSegmentationProfile && t.refused > 0:
		return v1alpha1.ReasonProtectedNamespace, fmt.Sprintf(
			"Namespace %s is protected, so nothing is written there; move the profile, or change --protected-namespaces.", in.Profile.Key.Namespace)
	}
	return "", ""
}

func readyMessage(in Input, t tally) (reason, message string) {
	p, where := in.Profile, namespaces(t.selected)
	if p.Key.Kind == v1alpha1.KindSegmentationProfile {
		where = "namespace " + p.Key.Namespace
	}
	if t.selected == 0 {
		return v1alpha1.ReasonApplied, "No namespace is selected, so there is nothing to apply."
	}
	if in.previews() {
		return v1alpha1.ReasonPreviewed, fmt.Sprintf("Preview, nothing is written: would create %d, update %d and delete %d policies in %s, cut %s and open %d.",
			t.create, t.update, t.removals(in), where, connections(t.analyses.preview.Cut), t.analyses.preview.Opened)
	}
	return v1alpha1.ReasonApplied, fmt.Sprintf("%s applied in %s.", policies(t.policies), where)
}

// maxNamed is how many namespaces a message names: as many as leave room for what went wrong, however long their names are.
const maxNamed = 10

// failedMessage names the namespaces in which writes failed, and says why they did in the first.
func failedMessage(t tally) string {
	where := ofNamespaces(t.failed, t.selected)
	if t.failed == 1 {
		return fmt.Sprintf("Failed in %s and will be tried again. %s", where, t.firstFailure)
	}
	named := strings.Join(t.failedIn[:min(len(t.failedIn), maxNamed)], ", ")
	if more := len(t.failedIn) - maxNamed; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("Failed in %s and will be tried again: %s. %s", where, named, t.firstFailure)
}

func progressMessage(in Input, t tally) string {
	if in.previews() {
		return fmt.Sprintf("Previewed in %s so far.", ofNamespaces(min(t.applied, t.analyses.known), t.selected))
	}
	return fmt.Sprintf("Applied in %s so far.", ofNamespaces(t.applied, t.selected))
}

func deletingMessage(in Input, left int) string {
	switch {
	case left == 0:
		return "Being deleted."
	case in.PreviewOnly:
		return fmt.Sprintf("Being deleted: %s left, which the operator does not touch while it runs with --mode=Preview.", policies(left))
	case in.Profile.Retains():
		return fmt.Sprintf("Being deleted: %s will stay, because deletionPolicy is Retain.", policies(left))
	}
	return fmt.Sprintf("Being deleted: %s left to remove.", policies(left))
}

// refusal says what is wrong and what that means for the policies that are there.
func refusal(errs field.ErrorList, policiesThere int) string {
	text := errs[0].Error()
	if len(errs) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(errs)-1)
	}
	if policiesThere > 0 {
		text += fmt.Sprintf(". The %s applied before stay as they are.", policies(policiesThere))
	}
	return text
}

func policies(n int) string {
	if n == 1 {
		return "1 policy"
	}
	return fmt.Sprintf("%d policies", n)
}

func namespaces(n int32) string {
	if n == 1 {
		return "1 namespace"
	}
	return fmt.Sprintf("%d namespaces", n)
}

func connections(n int32) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

func ofNamespaces(n, all int32) string {
	return fmt.Sprintf("%d of %s", n, namespaces(all))
}

func (t *tally) preview(in Input) *v1alpha1.PreviewStatus {
	if !in.previews() {
		return nil
	}
	out := &v1alpha1.PreviewStatus{Create: t.create, Update: t.update, Delete: t.removals(in)}
	if t.analyses.known == t.selected {
		found := t.analyses.preview
		out.Connections = &found
	}
	return out
}

// removals is how many policies would be deleted. An operator that only looks leaves those alone, too, that namespaces
// which are no longer selected still have.
func (t *tally) removals(in Input) int32 {
	if in.PreviewOnly {
		return t.remove + int32(in.Elsewhere) //nolint:gosec // a cluster holds far fewer policies
	}
	return t.remove
}
