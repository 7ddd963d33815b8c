package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/events"
	"firebreak.dev/firebreak/internal/ledger"
	"firebreak.dev/firebreak/internal/metrics"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

const (
	// statusInterval is the least time between two writes of a status that does not become or stop being ready.
	statusInterval = time.Second
	// countsInterval is the least time between two writes for the sake of counts alone.
	countsInterval = 30 * time.Second
	// contestedInterval is the least time between two writes of a status that speaks of a fight before and after.
	contestedInterval = 10 * time.Second
	// teardownPoll is how often a deleted cluster profile looks whether its policies are gone.
	teardownPoll = 500 * time.Millisecond
)

// ProfileStatusReconciler folds what became of a profile's namespaces into its status. One serves each kind.
type ProfileStatusReconciler struct {
	kind    v1alpha1.Kind
	client  client.Client
	reader  *cluster.Reader
	ledger  *ledger.Ledger
	pods    *cluster.Pods
	plugins *cluster.Plugins
	others  *cluster.OtherPolicies
	events  *events.Recorder
	metrics *metrics.Metrics
	writes  *statusClock
	queues  *statusQueues
	lists   factLists
}

// Reconcile writes the status of one profile where it differs, and guards the deletion of cluster profiles.
func (r *ProfileStatusReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	key := snapshot.ProfileKey{Kind: r.kind, Namespace: req.Namespace, Name: req.Name}
	obj := newProfileObject(r.kind)
	if err := r.reader.Cache.Get(ctx, req.NamespacedName, obj); err != nil {
		if apierrors.IsNotFound(err) {
			r.ledger.ForgetProfile(key)
			r.reader.Forget(key)
			r.writes.forget(key)
			r.queues.forget(key)
			r.metrics.Forget(key)
			return ctrl.Result{}, nil
		}
		return ctrl.Result{}, fmt.Errorf("read %s: %w", key, err)
	}
	r.metrics.Seen(key, obj.GetUID(), obj.GetGeneration())
	if r.lacksFinalizer(obj) {
		return ctrl.Result{}, r.setFinalizer(ctx, obj, controllerutil.AddFinalizer)
	}
	in, err := r.gather(ctx, obj)
	defer r.lists.giveBack(in.Namespaces)
	if err != nil {
		return ctrl.Result{}, err
	}
	if in.Profile.Deleting {
		if done, err := r.finish(ctx, obj, in); done || err != nil {
			return ctrl.Result{}, err
		}
	}
	result, err := r.say(ctx, obj, in)
	if in.Profile.Deleting && err == nil {
		result.RequeueAfter = teardownPoll
	}
	return result, err
}

// say writes what is to be said now, and comes back when more may be.
func (r *ProfileStatusReconciler) say(ctx context.Context, obj client.Object, in report.Input) (ctrl.Result, error) {
	unexamined, unjudged := report.Left(in)
	if unexamined == 0 && unjudged == 0 {
		r.writes.completed(in.Profile.Key)
	}
	var again time.Duration
	in.Inherited, again = r.writes.inherited(in.Profile.Key, in.Now)
	result, err := r.write(ctx, obj, in, unexamined)
	if err == nil && result.RequeueAfter == 0 {
		result.RequeueAfter = again
	}
	return result, err
}

// lacksFinalizer says whether a profile must be given our finalizer before anything is written for it.
func (r *ProfileStatusReconciler) lacksFinalizer(obj client.Object) bool {
	return r.kind == v1alpha1.KindClusterSegmentationProfile && !r.reader.Options.PreviewOnly && obj.GetDeletionTimestamp().IsZero() &&
		!controllerutil.ContainsFinalizer(obj, v1alpha1.Finalizer)
}

// write brings the live status to what is known, no more often than it should. Of the selected namespaces some are not examined yet.
func (r *ProfileStatusReconciler) write(ctx context.Context, obj client.Object, in report.Input, unexamined int) (ctrl.Result, error) {
	next, findings := report.StatusAndFindings(in)
	r.metrics.Reported(in, next, findings)
	r.queues.foldedIn(in.Profile.Key, time.Since(in.Now), unexamined)
	if equality.Semantic.DeepEqual(in.Previous, next) {
		return ctrl.Result{}, nil
	}
	if wait := r.writes.wait(in.Profile.Key, in.Now, intervalFor(in.Previous, next)); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	before, ok := obj.DeepCopyObject().(client.Object)
	if !ok {
		return ctrl.Result{}, fmt.Errorf("copy %s: not an API object", in.Profile.Key)
	}
	*statusOf(obj) = next
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.client.Status().Patch(ctx, obj, patch, client.FieldOwner(fieldOwner)); err != nil {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			// The cache is behind; it will show what is there now.
			return ctrl.Result{RequeueAfter: 5 * cachePoll}, nil
		}
		return ctrl.Result{}, fmt.Errorf("write status of %s: %w", in.Profile.Key, err)
	}
	r.writes.wrote(in.Profile.Key, in.Now)
	if !equality.Semantic.DeepEqual(in.Previous.Conditions, next.Conditions) {
		r.writes.contradict(in.Profile.Key, in.Now)
	}
	r.ledger.DriftReported(in.Profile.Key, in.Drift)
	r.announce(obj, in.Previous, next)
	return ctrl.Result{}, nil
}

// intervalFor is how long the last write must lie back for this one.
func intervalFor(before, after v1alpha1.ProfileStatus) time.Duration {
	a, b := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionReady)
	if before.ObservedGeneration != after.ObservedGeneration || a == nil || b == nil || a.Status != b.Status {
		return 0
	}
	switch {
	case report.DifferInCounts(before, after):
		return countsInterval
	case a.Reason == v1alpha1.ReasonContested && b.Reason == v1alpha1.ReasonContested:
		return contestedInterval
	}
	return statusInterval
}

// announce emits an event when Ready changes, and one when Isolated becomes False or ceases to be.
func (r *ProfileStatusReconciler) announce(obj client.Object, before, after v1alpha1.ProfileStatus) {
	r.announceIsolated(obj, before, after)
	a, b := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionReady)
	if b == nil || (a != nil && a.Status == b.Status && a.Reason == b.Reason) || b.Reason == v1alpha1.ReasonProgressing {
		return
	}
	r.events.ReadyChanged(obj, b.Status == "True", b.Reason, b.Message)
}

func (r *ProfileStatusReconciler) announceIsolated(obj client.Object, before, after v1alpha1.ProfileStatus) {
	a, b := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionIsolated), meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionIsolated)
	wasWidened, isWidened := a != nil && a.Status == metav1.ConditionFalse, b != nil && b.Status == metav1.ConditionFalse
	switch {
	case isWidened && (!wasWidened || withoutCount(a.Message) != withoutCount(b.Message)):
		r.events.Widened(obj, b.Message)
	case wasWidened && b != nil && b.Status == metav1.ConditionTrue:
		r.events.IsolatedAgain(obj, b.Message)
	}
}

// withoutCount returns the message of a condition without the number of others like it: that alone is no news for an event.
func withoutCount(message string) string {
	message, _, _ = strings.Cut(message, " (And ")
	return message
}

// gather collects everything that the status of a profile says something about.
func (r *ProfileStatusReconciler) gather(ctx context.Context, obj client.Object) (report.Input, error) {
	profile := asProfile(obj)
	in := report.Input{
		Profile: profile, PreviewOnly: r.reader.Options.PreviewOnly, Previous: *statusOf(obj).DeepCopy(), PodsKnown: r.pods.Synced(),
		Enforcement: r.plugins.Verdict(),
		Drift:       r.ledger.PendingDrift(profile.Key), Now: time.Now(),
	}
	namespaces, err := r.candidates(ctx, profile)
	if err != nil {
		return in, err
	}
	selects, err := profile.Selector()
	if err != nil {
		// It is refused as a whole.
		namespaces = nil
	}
	in.Namespaces = r.lists.take(len(namespaces))
	for _, ns := range namespaces {
		if ns.Terminating || !selects(ns) {
			continue
		}
		in.Namespaces = append(in.Namespaces, report.NamespaceFacts{
			Namespace: ns, Protected: r.reader.Options.Protected(ns.Name), Pods: r.pods.Classes(ns.Name), OtherPolicies: r.others.In(ns.Name),
		})
	}
	in.Elsewhere, in.ElsewhereIn = r.ledger.Fill(profile.Key, in.Namespaces)
	return in, nil
}

func (r *ProfileStatusReconciler) candidates(ctx context.Context, profile snapshot.Profile) ([]snapshot.Namespace, error) {
	if profile.Key.Kind == v1alpha1.KindClusterSegmentationProfile {
		return r.reader.Namespaces(ctx)
	}
	ns, err := r.reader.Namespace(ctx, profile.Key.Namespace)
	if err != nil || ns == nil {
		return nil, err
	}
	return []snapshot.Namespace{*ns}, nil
}

// finish removes the finalizer of a deleted cluster profile when none of its policies is left in a namespace that stays
// or, if they are to stay, when none has it for an owner. The cache and then the API server itself must say so.
func (r *ProfileStatusReconciler) finish(ctx context.Context, obj client.Object, in report.Input) (done bool, err error) {
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
	left, err := r.hasPolicies(ctx, r.reader.Cache, in.Profile, client.UnsafeDisableDeepCopy)
	if left || err != nil {
		return false, err
	}
	left, err = r.hasPolicies(ctx, r.reader.Live, in.Profile)
	if left || err != nil {
		return false, err
	}
	return true, r.setFinalizer(ctx, obj, controllerutil.RemoveFinalizer)
}

// hasPolicies says whether a deleted profile still has policies to take away or, if they are to stay, to release.
func (r *ProfileStatusReconciler) hasPolicies(ctx context.Context, reader client.Reader, p snapshot.Profile, opts ...client.ListOption) (bool, error) {
	var list networkingv1.NetworkPolicyList
	if err := reader.List(ctx, &list, opts...); err != nil {
		return false, fmt.Errorf("list the policies of %s: %w", p.Key, err)
	}
	for i := range list.Items {
		if !holds(p, &list.Items[i]) {
			continue
		}
		ns, err := r.reader.Namespace(ctx, list.Items[i].Namespace)
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
