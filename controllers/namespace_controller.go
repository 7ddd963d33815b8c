package controllers

import (
	"context"
	"errors"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"firebreak.dev/firebreak/internal/applier"
	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/events"
	"firebreak.dev/firebreak/internal/ledger"
	"firebreak.dev/firebreak/internal/metrics"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

const (
	// reconcileTimeout bounds the work on one namespace.
	reconcileTimeout = 30 * time.Second
	// confirmTimeout bounds the questions whether profiles are still as the cache shows them.
	confirmTimeout = 5 * time.Second
	// cachePatience is how long a plan waits for the cache to show our own writes before it reads live.
	cachePatience = 2 * time.Second
	// cachePoll is how often it looks.
	cachePoll = 20 * time.Millisecond
	// stalePoll is how often it looks when the API server itself has contradicted the cache.
	stalePoll = 10 * cachePoll
	// podsPoll is how often it looks whether it is known which pods there are.
	podsPoll = time.Second
	// unhurriedPoll is how often it is tried what will be right when a namespace is gone, or the cache has caught up.
	unhurriedPoll = 5 * time.Second
)

// NamespaceReconciler keeps the NetworkPolicies of one namespace as all profiles together want them.
type NamespaceReconciler struct {
	client client.Client
	reader *cluster.Reader
	// compiler is the same for all controllers.
	compiler *compiler.Compiler
	ledger   *ledger.Ledger
	events   *events.Recorder
	metrics  *metrics.Metrics
	writes   *ownWrites
	facts    *factIndex
	graves   *tombstones
	pace     *pace
	fights   *contention
	// analysis judges each namespace after it was reconciled.
	analysis *analysisQueue
}

// Reconcile brings one namespace to what its profiles want.
func (r *NamespaceReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	ns, err := r.reader.Namespace(ctx, req.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	defer r.analysis.reconciled(req.Name)
	if ns == nil || ns.Terminating {
		r.leave(req.Name, ns == nil)
		return ctrl.Result{}, nil
	}
	w, err := r.compile(ctx, *ns)
	switch {
	case errors.Is(err, errAwaitEcho):
		return ctrl.Result{RequeueAfter: cachePoll}, nil
	case errors.Is(err, cluster.ErrPodsNotListed):
		return ctrl.Result{RequeueAfter: podsPoll}, nil
	case errors.Is(err, cluster.ErrStale):
		return ctrl.Result{RequeueAfter: stalePoll}, nil
	case err != nil:
		return ctrl.Result{}, err
	}
	return r.converge(ctx, w)
}

// leave drops what is known of a namespace that goes: it takes its policies along, and refuses writes.
func (r *NamespaceReconciler) leave(namespace string, gone bool) {
	r.ledger.ForgetNamespace(namespace)
	r.facts.forget(namespace)
	r.pace.forget(namespace, time.Now())
	r.writes.forgive(namespace)
	if gone {
		r.writes.forget(namespace)
		r.graves.forget(namespace)
		r.fights.forget(namespace)
	}
}

// errAwaitEcho says that the cache does not show our own writes yet.
var errAwaitEcho = errors.New("the cache is behind our own writes")

// wish is the state of a namespace, and what every profile wants there.
type wish struct {
	snapshot.Snapshot
	outputs []compiler.Output
	// doubts are about profiles for which nothing may be written.
	doubts cluster.Doubts
}

// compile returns what is wished for in a namespace. errAwaitEcho or cluster.ErrStale when the cache must catch up first.
func (r *NamespaceReconciler) compile(ctx context.Context, ns snapshot.Namespace) (w wish, err error) {
	policies, err := r.policies(ctx, ns.Name)
	if err != nil {
		return w, err
	}
	w.Snapshot, w.doubts, err = r.reader.Load(ctx, ns, policies, func(fact snapshot.Fact) { r.facts.follow(ns.Name, fact) })
	if err != nil {
		return w, err
	}
	w.outputs = r.compiler.Compile(w.Snapshot)
	r.keepFacts(ns.Name, w.outputs)
	w.outputs = append(w.outputs, r.reader.Gone(ctx, w.Snapshot, r.graves.of, w.doubts)...)
	return w, nil
}

// policies returns the policies of a namespace, from the API server itself where the cache cannot be trusted. errAwaitEcho when
// it must catch up first.
func (r *NamespaceReconciler) policies(ctx context.Context, namespace string) ([]*networkingv1.NetworkPolicy, error) {
	cached, err := r.reader.Policies(ctx, namespace)
	if err != nil {
		return nil, err
	}
	switch r.writes.trust(namespace, cached, time.Now(), cachePatience) {
	case awaitCache:
		return nil, errAwaitEcho
	case readLive:
		live, err := r.reader.LivePolicies(ctx, namespace)
		if err != nil {
			return nil, err
		}
		r.writes.readAnew(namespace, cached, live, time.Now())
		return live, nil
	case fresh:
	}
	return cached, nil
}

// keepFacts follows from now on only what the policies of a namespace turned out to depend on.
func (r *NamespaceReconciler) keepFacts(namespace string, outputs []compiler.Output) {
	used := map[snapshot.Fact]bool{}
	for _, o := range outputs {
		for _, fact := range o.Facts {
			used[fact] = true
		}
	}
	r.facts.keep(namespace, used)
}

func (r *NamespaceReconciler) converge(ctx context.Context, w wish) (ctrl.Result, error) {
	namespace := w.Namespace.Name
	set := plan.New(plan.Input{
		Outputs: w.outputs, Live: w.Policies, Applied: r.writes.applied(namespace), Waiting: r.fights.waiting(namespace, time.Now()),
	})
	wait := r.pace.wait(namespace, set.Len(), set.IsUrgent(w.outputs), time.Now())
	if set.Len() > 0 {
		r.begin(w, set)
	}
	if wait > 0 {
		return r.soonEnough(namespace, set, ctrl.Result{RequeueAfter: wait}), nil
	}
	if !r.confirm(ctx, w, set) {
		return ctrl.Result{RequeueAfter: stalePoll}, nil
	}
	result := r.write(ctx, namespace, set, w.doubts)
	if isStale(result) {
		// The API server knows better than the cache: plan again from a live list.
		r.lose(w, set)
		return ctrl.Result{RequeueAfter: r.writes.distrust(namespace)}, nil
	}
	r.pace.finished(namespace)
	r.record(namespace, report.Ended(w.Snapshot, w.outputs, set, result, r.fights.contests(namespace, time.Now())))
	r.writes.settled(namespace, plan.Settled(w.outputs, set, result))
	again, err := retryFailed(result, w.doubts)
	return r.soonEnough(namespace, set, again), err
}

// begin tells of writes that are about to be made.
func (r *NamespaceReconciler) begin(w wish, set plan.ChangeSet) {
	for profile, outcome := range report.Began(w.Snapshot, w.outputs, set, r.fights.contests(w.Namespace.Name, time.Now())) {
		r.ledger.Begin(profile, w.Namespace.Name, *outcome)
	}
}

// lose tells of fights in which somebody else was quicker: those writes may never end.
func (r *NamespaceReconciler) lose(w wish, set plan.ChangeSet) {
	for profile, outcome := range report.Began(w.Snapshot, w.outputs, set, r.fights.contests(w.Namespace.Name, time.Now())) {
		if outcome.State == report.Contested {
			r.ledger.Record(profile, w.Namespace.Name, *outcome)
		}
	}
}

// confirm asks whether the profiles for which something is to be written are as the cache shows them, and adds to the doubts
// those of which that is not known. That is asked anew before what is gone is made again: a later version may have taken it
// away. It returns false when one is of a later version, from which all must be planned anew.
func (r *NamespaceReconciler) confirm(ctx context.Context, w wish, set plan.ChangeSet) bool {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	restored := map[snapshot.ProfileKey]bool{}
	for _, step := range set.Steps {
		for _, change := range step {
			restored[change.Profile] = restored[change.Profile] || change.DriftKind() == plan.DriftDeleted
		}
	}
	for _, p := range w.Profiles {
		again, written := restored[p.Key]
		if !written || w.doubts[p.Key] != nil {
			continue
		}
		err := r.reader.Confirm(ctx, p, again)
		if errors.Is(err, cluster.ErrStale) {
			return false
		}
		w.doubts[p.Key] = err
	}
	return true
}

// write carries a set out, and takes note of what was written.
func (r *NamespaceReconciler) write(ctx context.Context, namespace string, set plan.ChangeSet, doubts cluster.Doubts) plan.Result {
	if set.Len() > 0 {
		r.writes.begin(namespace, set)
	}
	r.nameRivals(ctx, namespace, set)
	result := applier.Apply(ctx, r.client, set, doubts)
	r.metrics.Wrote(result)
	r.writes.remember(namespace, result.Written, time.Now())
	r.note(ctx, namespace, result)
	return result
}

// soonEnough sees to it that a namespace is looked at when a policy that is fought over may be put right, or the fight is
// over, if not before.
func (r *NamespaceReconciler) soonEnough(namespace string, set plan.ChangeSet, again ctrl.Result) ctrl.Result {
	if next := r.fights.next(namespace, set.Waiting, time.Now()); next > 0 && (again.RequeueAfter == 0 || next < again.RequeueAfter) {
		again.RequeueAfter = next
	}
	return again
}

func (r *NamespaceReconciler) record(namespace string, outcomes map[snapshot.ProfileKey]*report.Outcome) {
	for profile, outcome := range outcomes {
		if outcome == nil {
			r.ledger.Forget(profile, namespace)
			continue
		}
		r.ledger.Record(profile, namespace, *outcome)
	}
}

// note logs every write, and counts those that corrected what somebody else did. It announces them too, but for those of a
// fight: that there is one is announced with Ready.
func (r *NamespaceReconciler) note(ctx context.Context, namespace string, result plan.Result) {
	logger := log.FromContext(ctx)
	fought := r.fights.note(namespace, result, time.Now())
	for i, w := range result.Written {
		name := types.NamespacedName{Namespace: namespace, Name: w.Change.Name()}
		logger.Info("Wrote network policy", "policy", name.String(), "action", w.Change.Action(), "profile", w.Change.Profile.String(), "drift", w.Change.Drift)
		if w.Change.Drift == "" {
			continue
		}
		r.ledger.RecordDrift(w.Change.Profile, time.Now(), name.String(), w.Change.Drift)
		if fought[i] {
			continue
		}
		if profile := r.profileObject(ctx, w.Change.Profile); profile != nil {
			r.events.DriftCorrected(profile, name, w.Change.Drift)
		}
	}
}

// profileObject returns a profile as an event needs it; nil when it is gone.
func (r *NamespaceReconciler) profileObject(ctx context.Context, key snapshot.ProfileKey) client.Object {
	obj := newProfileObject(key.Kind)
	if err := r.reader.Cache.Get(ctx, types.NamespacedName{Namespace: key.Namespace, Name: key.Name}, obj); err != nil {
		return nil
	}
	return obj
}
