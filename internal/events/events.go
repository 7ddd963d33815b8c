// Package events is the catalogue of the Kubernetes events that Firebreak emits on profiles, each on a change only.
package events

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

// Recorder emits the events. Its methods may be used side by side.
type Recorder struct {
	recorder    events.EventRecorder
	corrections *pace
}

// NewRecorder returns a recorder that emits through the given one, by the given clock.
func NewRecorder(recorder events.EventRecorder, now func() time.Time) *Recorder {
	return &Recorder{recorder: recorder, corrections: &pace{now: now}}
}

// DriftCorrected says that a policy that somebody changed was put right. Each event is a write of its own: when hundreds of
// policies are changed at once, not all are told, lest that be as much work as to put them right. The policy is the event's
// related object: a recorder counts events that differ in their message alone as one, and would keep the first policy's message only.
func (r *Recorder) DriftCorrected(profile client.Object, policy types.NamespacedName, change string) {
	tell, last := r.corrections.take(profile.GetUID())
	if !tell {
		return
	}
	more := ""
	if last {
		more = fmt.Sprintf("; of further corrections one in %s is told as an event, while the profile's status counts them all", pauseBetween)
	}
	related := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: policy.Namespace, Name: policy.Name}}
	r.recorder.Eventf(profile, related, corev1.EventTypeWarning, ReasonDriftCorrected, actionCorrect,
		"%s", cutNote(fmt.Sprintf("NetworkPolicy %s was changed by somebody else (%s) and put right%s", policy, change, more)))
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
