// Package events is the catalogue of the Kubernetes events that Firebreak emits on profiles, each on a change only.
package events

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// Reasons of events. Those on a change of Ready are the reasons of that condition.
const (
	ReasonDriftCorrected      = "DriftCorrected"
	ReasonForeignPolicyWidens = string(v1alpha1.CodeForeignPolicyWidens)
	ReasonIsolated            = v1alpha1.ReasonIsolated
)

// Actions that events name.
const (
	actionApply   = "Apply"
	actionCorrect = "Correct"
	actionJudge   = "Judge"
)

// Recorder emits the events.
type Recorder struct {
	recorder events.EventRecorder
}

// NewRecorder returns a recorder that emits through the given one.
func NewRecorder(recorder events.EventRecorder) *Recorder {
	return &Recorder{recorder: recorder}
}

// DriftCorrected says that a policy that somebody changed was put right. The policy is the event's related object: a
// recorder counts events that differ in their message alone as one, and would keep the first policy's message only.
func (r *Recorder) DriftCorrected(profile runtime.Object, policy types.NamespacedName, change string) {
	related := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: policy.Namespace, Name: policy.Name}}
	r.recorder.Eventf(profile, related, corev1.EventTypeWarning, ReasonDriftCorrected, actionCorrect,
		"NetworkPolicy %s was changed by somebody else (%s) and put right", policy, change)
}

// Widened says that policies which are not Firebreak's admit, for pods of a profile, what no profile declares.
func (r *Recorder) Widened(profile runtime.Object, message string) {
	r.recorder.Eventf(profile, nil, corev1.EventTypeWarning, ReasonForeignPolicyWidens, actionJudge, "%s", cutNote(message))
}

// IsolatedAgain says that no policy does so any more.
func (r *Recorder) IsolatedAgain(profile runtime.Object, message string) {
	r.recorder.Eventf(profile, nil, corev1.EventTypeNormal, ReasonIsolated, actionJudge, "%s", cutNote(message))
}

// maxNote is how many bytes the note of an event may have (k8s.io/api/events/v1).
const maxNote = 1024

// cutNote shortens a text to what an event may hold.
func cutNote(text string) string {
	if len(text) <= maxNote {
		return text
	}
	return strings.ToValidUTF8(text[:maxNote-len("…")], "") + "…"
}

// ReadyChanged says that the Ready condition of a profile became true, or stopped being true.
func (r *Recorder) ReadyChanged(profile runtime.Object, ready bool, reason, message string) {
	kind := corev1.EventTypeWarning
	if ready {
		kind = corev1.EventTypeNormal
	}
	r.recorder.Eventf(profile, nil, kind, reason, actionApply, "%s", cutNote(message))
}
