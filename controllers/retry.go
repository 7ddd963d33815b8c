package controllers

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"

	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/plan"
)

// isStale says whether a write failed only because the cache was behind.
func isStale(result plan.Result) bool {
	for _, f := range result.Failures {
		if isConflict(f.Err) {
			return true
		}
	}
	return false
}

// isConflict says whether a write failed because somebody else wrote what the plan did not know of.
func isConflict(err error) bool { return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) }

// retryFailed says how failures are tried again: with backoff; only now and then in a namespace that began to go, which ends
// in its going or in its coming again, and where there is a doubt about a profile that comes to nothing more, which ends when
// the cache shows what it is.
func retryFailed(result plan.Result, doubts cluster.Doubts) (ctrl.Result, error) {
	var errs []error
	again := ctrl.Result{}
	for _, f := range result.Failures {
		if apierrors.HasStatusCause(f.Err, corev1.NamespaceTerminatingCause) || errors.Is(f.Err, plan.ErrUnconfirmed) {
			again.RequeueAfter = unhurriedPoll
			continue
		}
		errs = append(errs, f.Err)
	}
	if len(errs) > 0 {
		return ctrl.Result{}, errors.Join(errs...)
	}
	for _, doubt := range doubts {
		if doubt != nil {
			again.RequeueAfter = unhurriedPoll
		}
	}
	return again, nil
}
