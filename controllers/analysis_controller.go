package controllers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/ledger"
	"firebreak.dev/firebreak/internal/snapshot"
)

const (
	// policyDelay gathers the policies of a namespace that change together, before it is judged.
	policyDelay = 200 * time.Millisecond
	// reachDelay gathers what changes in the namespaces that others look at.
	reachDelay = time.Second
	// previewDelay gathers what changes for a namespace that looks at all others.
	previewDelay = 5 * time.Second
	// restFactor is how many times longer than it worked the analysis rests after each namespace: it should take no more than a
	// fifth of a core from others, and a fiftieth, by standBackFactor, while namespaces are reconciled. longestRest bounds it, lest one
	// large namespace hold up all others.
	restFactor      = 4
	standBackFactor = 49
	longestRest     = 4 * time.Second
	// underWay is for how long after a namespace was reconciled others are likely to be.
	underWay = 250 * time.Millisecond
	// restSlice is how often it is looked, at rest, whether namespaces still are.
	restSlice = 20 * time.Millisecond
)

// AnalysisReconciler judges one namespace at a time: what policies of others admit, which flows are open at one end only, what
// a preview would change. It reads caches and writes nothing but the ledger, and nothing that is enforced waits for it.
type AnalysisReconciler struct {
	reader *cluster.Reader
	// compiler is the same for all controllers.
	compiler *compiler.Compiler
	ledger   *ledger.Ledger
	places   *placeCache
	reach    *reachIndex
	wakes    *analysisQueue
	// podTurns are for onPods.
	podTurns turns
}

func newAnalysis(reader *cluster.Reader, shared *compiler.Compiler, record *ledger.Ledger) *AnalysisReconciler {
	return &AnalysisReconciler{
		reader: reader, compiler: shared, ledger: record, places: newPlaceCache(reader), reach: newReachIndex(), wakes: &analysisQueue{},
	}
}

// Reconcile judges one namespace.
func (r *AnalysisReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, reconcileTimeout)
	defer cancel()
	if !r.reader.Pods.Synced() {
		return ctrl.Result{}, nil // When they are, every namespace is judged.
	}
	began := time.Now()
	err := r.judge(ctx, req.Name)
	if errors.Is(err, cluster.ErrStale) {
		return ctrl.Result{RequeueAfter: 10 * cachePoll}, nil
	}
	rest(ctx, time.Since(began), func() bool { return r.wakes.sinceReconciled(time.Now()) < underWay })
	return ctrl.Result{}, err
}

// rest waits after work that took so long. There is one worker, so nothing else is judged meanwhile.
func rest(ctx context.Context, worked time.Duration, standsBack func() bool) {
	least, most := min(restFactor*worked, longestRest), min(standBackFactor*worked, longestRest)
	pause(ctx, least)
	for rested := least; rested < most && ctx.Err() == nil && standsBack(); rested += restSlice {
		pause(ctx, min(restSlice, most-rested))
	}
}

func pause(ctx context.Context, while time.Duration) {
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (r *AnalysisReconciler) judge(ctx context.Context, name string) error {
	ns, err := r.reader.Namespace(ctx, name)
	if err != nil {
		return err
	}
	if ns == nil || ns.Terminating {
		r.forget(name)
		return nil
	}
	// The facts are followed for the policies' sake: when one changes, the namespace is reconciled, and judged after it.
	policies, err := r.reader.Policies(ctx, name)
	if err != nil {
		return err
	}
	s, _, err := r.reader.Load(ctx, *ns, policies, func(snapshot.Fact) {})
	if err != nil {
		return err
	}
	outputs := slices.DeleteFunc(r.compiler.Compile(s), func(o compiler.Output) bool { return !o.Selected })
	if len(outputs) == 0 {
		r.forget(name)
		return nil
	}
	judgements, err := r.analyze(ctx, *ns, outputs)
	switch {
	case err == nil:
		r.ledger.Judge(name, judgements)
	case !errors.Is(err, cluster.ErrStale) && ctx.Err() == nil:
		// What was found before need not be true any more.
		r.ledger.Judge(name, undecided(name, outputs, err))
	}
	return err
}

// undecided returns what can be said of a namespace that cannot be judged, which is nothing of previews.
func undecided(namespace string, outputs []compiler.Output, why error) []analyzer.Judgement {
	var out []analyzer.Judgement
	for _, o := range outputs {
		if o.Disposition == compiler.Enforce {
			out = append(out, analyzer.Judgement{
				Profile: o.Profile.Key, UID: o.Profile.UID, Generation: o.Profile.Generation,
				Undecided: fmt.Sprintf("Namespace %s cannot be judged: %v.", namespace, why),
			})
		}
	}
	return out
}

func (r *AnalysisReconciler) analyze(ctx context.Context, ns snapshot.Namespace, outputs []compiler.Output) ([]analyzer.Judgement, error) {
	reach, err := analyzer.ReachOf(ns.Name, outputs)
	if err != nil {
		return nil, err
	}
	// Before the others are read: who changes from now on wakes this one.
	r.reach.set(ns.Name, reach)
	here, err := r.reader.Place(ctx, ns)
	if err != nil {
		return nil, err
	}
	others, err := r.others(ctx, ns.Name, reach)
	if err != nil {
		return nil, err
	}
	return analyzer.Analyze(outputs, here, others)
}

// forget drops what is known of a namespace in which no profile acts.
func (r *AnalysisReconciler) forget(namespace string) {
	r.reach.forget(namespace)
	r.ledger.Judge(namespace, nil)
}

// others returns the other namespaces within reach.
func (r *AnalysisReconciler) others(ctx context.Context, name string, reach analyzer.Reach) ([]*analyzer.Place, error) {
	candidates, err := r.candidates(ctx, reach)
	if err != nil {
		return nil, err
	}
	var out []*analyzer.Place
	for _, ns := range candidates {
		if ns.Name == name || !reach.Includes(ns) {
			continue
		}
		place, err := r.places.get(ctx, ns)
		if err != nil {
			return nil, err
		}
		out = append(out, place)
	}
	return out, nil
}

// candidates returns the namespaces that may be within reach, sorted by name.
func (r *AnalysisReconciler) candidates(ctx context.Context, reach analyzer.Reach) ([]snapshot.Namespace, error) {
	if reach.Everywhere || len(reach.Selectors) > 0 {
		return r.reader.Namespaces(ctx)
	}
	var out []snapshot.Namespace
	for _, name := range slices.Sorted(maps.Keys(reach.Names)) {
		ns, err := r.reader.Namespace(ctx, name)
		if err != nil {
			return nil, err
		}
		if ns != nil {
			out = append(out, *ns)
		}
	}
	return out, nil
}
