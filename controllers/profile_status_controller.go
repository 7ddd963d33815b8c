package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

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
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

const (
	// statusInterval is the least time between two writes of a status that does not become or stop being ready.
	statusInterval = time.Second
	// progressInterval is the least time between two writes of a status that tells how far the work is.
	progressInterval = 2 * time.Second
	// countsInterval is the least time between two writes for the sake of counts alone.
	countsInterval = 30 * time.Second
	// contestedInterval is the least time between two writes of a status that speaks of a fight before and after.
	contestedInterval = 10 * time.Second
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
func (r *ProfileStatusReconciler) Reconcile(unbounded context.Context, req ctrl.Request) (ctrl.Result, error) {
	ctx, cancel := context.WithTimeout(unbounded, reconcileTimeout)
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
		if done, err := r.finish(unbounded, obj, in); done || err != nil {
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

// write brings the live status to what is known, no more often than it should. Of the selected namespaces some are not examined yet.
func (r *ProfileStatusReconciler) write(ctx context.Context, obj client.Object, in report.Input, unexamined int) (ctrl.Result, error) {
	next, findings := report.StatusAndFindings(in)
	r.metrics.Reported(in, next, findings)
	r.queues.foldedIn(in.Profile.Key, time.Since(in.Now), unexamined)
	held := r.writes.held(in.Profile.Key, in.Now, unexamined == 0 && isReadyNoMore(in.Previous, next))
	if equality.Semantic.DeepEqual(in.Previous, next) {
		return ctrl.Result{}, nil
	}
	if wait := max(held, r.writes.wait(in.Profile.Key, in.Now, intervalFor(in.Previous, next))); wait > 0 {
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
	case a.Reason == v1alpha1.ReasonProgressing && b.Reason == v1alpha1.ReasonProgressing:
		return progressInterval
	case a.Reason == v1alpha1.ReasonContested && b.Reason == v1alpha1.ReasonContested:
		return contestedInterval
	}
	return statusInterval
}

// isReadyNoMore says whether a profile ceases to be ready, with the same content, only because something is being written for it.
func isReadyNoMore(before, after v1alpha1.ProfileStatus) bool {
	a, b := meta.FindStatusCondition(before.Conditions, v1alpha1.ConditionReady), meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionReady)
	return before.ObservedGeneration == after.ObservedGeneration && a != nil && b != nil &&
		a.Status == metav1.ConditionTrue && b.Status == metav1.ConditionFalse && b.Reason == v1alpha1.ReasonProgressing
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
