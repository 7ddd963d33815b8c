// Package applier carries a ChangeSet out. It decides nothing: the order and the guards come with the plan.
package applier

import (
	"context"
	"errors"
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// requestTimeout bounds one write, so that an API server that does not answer cannot park a worker.
const requestTimeout = 10 * time.Second

// FieldOwner is the manager name of our writes.
const FieldOwner = "firebreak"

// Apply carries out the steps in order. Within a step it goes on past a failure; after a step with a failure only urgent
// changes follow. A write that the API server refuses for good, by quota, admission or size, holds back its own profile
// alone: it would otherwise hold back every other profile of the namespace for ever. So does a profile that is gone. Each
// change of a profile about which there is a doubt fails for that reason, and is not tried.
func Apply(ctx context.Context, c client.Client, set plan.ChangeSet, doubts map[snapshot.ProfileKey]error) plan.Result {
	a := &application{client: c, doubts: doubts, versions: map[types.NamespacedName]string{}}
	for _, step := range set.Steps {
		held := a.held()
		for _, change := range step {
			if held(change.Profile) && !change.Urgent {
				a.result.Skipped = append(a.result.Skipped, change)
				continue
			}
			a.apply(ctx, change)
		}
	}
	return a.result
}

// held returns, for the failures so far, which profiles must not go on to the next step.
func (a *application) held() func(snapshot.ProfileKey) bool {
	all, refused := false, map[snapshot.ProfileKey]bool{}
	for _, f := range a.result.Failures {
		refused[f.Change.Profile] = true
		all = all || !IsRefusal(f.Err) && !errors.Is(f.Err, plan.ErrUnconfirmed)
	}
	return func(profile snapshot.ProfileKey) bool { return all || refused[profile] }
}

// IsRefusal says whether an error means that the same write will be refused again until somebody changes something.
func IsRefusal(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

type application struct {
	client client.Client
	doubts map[snapshot.ProfileKey]error
	result plan.Result
	// versions are the resourceVersions of what this application wrote, for a second write to the same policy.
	versions map[types.NamespacedName]string
}

func (a *application) apply(ctx context.Context, change plan.Change) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	version, err := "", a.doubts[change.Profile]
	if err == nil {
		version, err = a.write(ctx, change)
	}
	if err != nil {
		a.result.Failures = append(a.result.Failures, plan.Failure{Change: change, Err: err})
		return
	}
	a.result.Written = append(a.result.Written, plan.Written{Change: change, ResourceVersion: version})
}

func (a *application) write(ctx context.Context, change plan.Change) (string, error) {
	switch {
	case change.Live == nil:
		policy := change.Desired.DeepCopy()
		if err := a.client.Create(ctx, policy, client.FieldOwner(FieldOwner)); err != nil {
			return "", explain("create", policy, err)
		}
		a.versions[client.ObjectKeyFromObject(policy)] = policy.ResourceVersion
		return policy.ResourceVersion, nil
	case change.Desired == nil:
		return "", a.delete(ctx, change.Live)
	default:
		policy := change.Desired.DeepCopy()
		key := client.ObjectKeyFromObject(policy)
		if version, ok := a.versions[key]; ok {
			policy.ResourceVersion = version
		}
		if err := a.client.Update(ctx, policy, client.FieldOwner(FieldOwner)); err != nil {
			return "", explain("update", policy, err)
		}
		a.versions[key] = policy.ResourceVersion
		return policy.ResourceVersion, nil
	}
}

// delete removes exactly the object that was judged, or that this application made of it: another one of this name, or
// one that somebody changed, stays.
func (a *application) delete(ctx context.Context, live *networkingv1.NetworkPolicy) error {
	version := live.ResourceVersion
	if own, ok := a.versions[client.ObjectKeyFromObject(live)]; ok {
		version = own
	}
	preconditions := client.Preconditions(metav1.Preconditions{UID: &live.UID, ResourceVersion: &version})
	err := a.client.Delete(ctx, live.DeepCopy(), preconditions)
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	return explain("delete", live, err)
}

// explain says what was being done to which policy.
func explain(verb string, policy *networkingv1.NetworkPolicy, err error) error {
	return fmt.Errorf("%s NetworkPolicy %s/%s: %w", verb, policy.Namespace, policy.Name, err)
}
