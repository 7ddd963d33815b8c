package controllers

import (
	"context"
	"fmt"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

const (
	// teardownPoll is how often a deleted cluster profile looks whether its policies are gone.
	teardownPoll = 500 * time.Millisecond
	// teardownTimeout bounds that look, which at last reads all policies of the cluster from the API server, page by page.
	teardownTimeout = 5 * time.Minute
)

// lacksFinalizer says whether a profile must be given our finalizer before anything is written for it.
func (r *ProfileStatusReconciler) lacksFinalizer(obj client.Object) bool {
	return r.kind == v1alpha1.KindClusterSegmentationProfile && !r.reader.Options.PreviewOnly && obj.GetDeletionTimestamp().IsZero() &&
		!controllerutil.ContainsFinalizer(obj, v1alpha1.Finalizer)
}

// finish removes the finalizer of a deleted cluster profile when none of its policies is left in a namespace that stays
// or, if they are to stay, when none has it for an owner. The cache and then the API server itself must say so.
func (r *ProfileStatusReconciler) finish(ctx context.Context, obj client.Object, in report.Input) (done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, teardownTimeout)
	defer cancel()
	if r.kind != v1alpha1.KindClusterSegmentationProfile {
		// If it has our finalizer, somebody else gave it that: it is theirs to take, and we have no right to.
		return false, nil
	}
	if !controllerutil.ContainsFinalizer(obj, v1alpha1.Finalizer) {
		return true, nil
	}
	if in.Elsewhere > 0 && !in.Profile.Retains() {
		return false, nil
	}
	if left, err := r.hasPolicies(ctx, in.Profile); left || err != nil {
		return false, err
	}
	return true, r.setFinalizer(ctx, obj, controllerutil.RemoveFinalizer)
}

// hasPolicies asks the cache and then the API server whether a deleted profile still has policies to take away or, if they are to stay,
// to release.
func (r *ProfileStatusReconciler) hasPolicies(ctx context.Context, p snapshot.Profile) (bool, error) {
	cached, err := r.reader.Policies(ctx, metav1.NamespaceAll)
	if err != nil {
		return false, err
	}
	if left, err := r.holdsAny(ctx, p, cached); left || err != nil {
		return left, err
	}
	for live, err := range r.reader.AllLivePolicies(ctx) {
		if err != nil {
			return false, err
		}
		if left, err := r.holdsAny(ctx, p, live); left || err != nil {
			return left, err
		}
	}
	return false, nil
}

// holdsAny says whether one of these is such a policy, in a namespace that stays.
func (r *ProfileStatusReconciler) holdsAny(ctx context.Context, p snapshot.Profile, policies []*networkingv1.NetworkPolicy) (bool, error) {
	for _, policy := range policies {
		if !holds(p, policy) {
			continue
		}
		ns, err := r.reader.Namespace(ctx, policy.Namespace)
		if err != nil {
			return false, err
		}
		if ns != nil && !ns.Terminating {
			return true, nil
		}
	}
	return false, nil
}

// holds says whether a deleted profile must not go before something became of this policy.
func holds(p snapshot.Profile, policy *networkingv1.NetworkPolicy) bool {
	key, uid, ok := plan.Owner(policy)
	if !ok || key != p.Key || uid != p.UID || !policy.DeletionTimestamp.IsZero() {
		// What was deleted already is kept by others, and nothing more can come of it here.
		return false
	}
	return plan.IsOwned(policy) || (!p.Retains() && !p.Orphaning)
}

func (r *ProfileStatusReconciler) setFinalizer(ctx context.Context, obj client.Object, change func(client.Object, string) bool) error {
	before, ok := obj.DeepCopyObject().(client.Object)
	if !ok || !change(obj, v1alpha1.Finalizer) {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.client.Patch(ctx, obj, patch, client.FieldOwner(fieldOwner)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("write finalizers of %s %s: %w", r.kind, obj.GetName(), err))
	}
	return nil
}
