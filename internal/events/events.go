// Package events is the catalogue of the Kubernetes events that Firebreak emits on profiles, each on a change only.
package events

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"

	corev1 "k8s.io/api/core/v1"
)

// Reasons of events. Those on a change of Ready are the reasons of that condition.
const (
	ReasonDriftCorrected = "DriftCorrected"
)

// Actions that events name.
const (
	actionApply   = "Apply"
	actionCorrect = "Correct"
)

// Recorder emits the events.
type Recorder struct {
	recorder events.EventRecorder
}

// NewRecorder returns a recorder that emits through the given one.
func NewRecorder(recorder events.EventRecorder) *Recorder {
	return &Recorder{recorder: recorder}
}

// DriftCorrected says that a policy that somebody changed was put right.
func (r *Recorder) DriftCorrected(profile runtime.Object, policy, change string) {
	r.recorder.Eventf(profile, nil, corev1.EventTypeWarning, ReasonDriftCorrected, actionCorrect,
		"NetworkPolicy %s was changed by somebody else (%s) and put right", policy, change)
}

// ReadyChanged says that the Ready condition of a profile became true, or stopped being true.
func (r *Recorder) ReadyChanged(profile runtime.Object, ready bool, reason, message string) {
	kind := corev1.EventTypeWarning
	if ready {
		kind = corev1.EventTypeNormal
	}
	r.recorder.Eventf(profile, nil, kind, reason, actionApply, "%s", message)
}
