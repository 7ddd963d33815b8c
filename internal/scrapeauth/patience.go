package scrapeauth

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
)

// patience is for how long a review may take, with all its tries: as long as Prometheus waits for a scrape, unless it is told
// otherwise.
const patience = 10 * time.Second

// patiently asks up to five times, within about four seconds, for as long as the errors are such that pass
// (pkg/util/webhook, WithExponentialBackoff). It returns the last answer.
func patiently[T any](ctx context.Context, ask func(context.Context) (T, error)) (T, error) {
	var answer T
	var last error
	backoff := wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5}
	err := wait.ExponentialBackoffWithContext(ctx, backoff, func(ctx context.Context) (bool, error) {
		answer, last = ask(ctx)
		return !passes(last), nil
	})
	// That it was tried long enough says less than what was wrong each time.
	if last != nil {
		err = last
	}
	return answer, err
}

// passes says whether an error may be gone when the same is asked once more (pkg/util/webhook, DefaultShouldRetry).
func passes(err error) bool {
	if _, delayed := apierrors.SuggestsClientDelay(err); delayed {
		return true
	}
	return utilnet.IsConnectionReset(err) || utilnet.IsHTTP2ConnectionLost(err) ||
		apierrors.IsInternalError(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err)
}
