package metrics

import (
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"firebreak.dev/firebreak/internal/applier"
	"firebreak.dev/firebreak/internal/plan"
)

// result is what became of a write.
type result string

const (
	resultSuccess result = "success"
	// resultConflict: the policy was not as the plan had seen it, or its namespace began to go. Nothing is wrong.
	resultConflict result = "conflict"
	// resultRefused: the API server refuses it for good, by rights, quota, admission or validation.
	resultRefused result = "refused"
	// resultError: it failed otherwise, or what became of it is not known.
	resultError result = "error"
)

func results() []result {
	return []result{resultSuccess, resultConflict, resultRefused, resultError}
}

// Wrote counts what became of the writes of a namespace, and the corrections among those that were made.
func (m *Metrics) Wrote(r plan.Result) {
	for _, w := range r.Written {
		m.writes.WithLabelValues(string(w.Change.Action()), string(resultSuccess)).Inc()
		if kind := w.Change.DriftKind(); kind != "" {
			m.drift.WithLabelValues(string(kind)).Inc()
		}
	}
	for _, f := range r.Failures {
		m.writes.WithLabelValues(string(f.Change.Action()), string(resultOf(f.Err))).Inc()
	}
}

func resultOf(err error) result {
	switch {
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return resultConflict
	case applier.IsRefusal(err):
		return resultRefused
	}
	return resultError
}
