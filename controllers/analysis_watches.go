package controllers

import (
	"context"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

func (r *AnalysisReconciler) setup(mgr ctrl.Manager, o Options) error {
	capture := source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
		r.wakes.set(q)
		return nil
	})
	return ctrl.NewControllerManagedBy(mgr).
		Named(o.NamePrefix+"analysis").
		Watches(&networkingv1.NetworkPolicy{}, r.onPolicy()).
		Watches(&corev1.Namespace{}, r.onNamespace()).
		WatchesRawSource(capture).
		// One worker: see pause.
		WithOptions(work(1)).
		Complete(r)
}

// onPolicy has the namespace of a policy judged, whosever it is. What is there at the start is judged with its namespace.
func (r *AnalysisReconciler) onPolicy() handler.Funcs {
	changed := func(policy client.Object) {
		r.wakes.add(policy.GetNamespace(), urgencyOf(policy), policyDelay)
		r.onChange(policy.GetNamespace(), nil)
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ queue) {
			if !e.IsInInitialList {
				changed(e.Object)
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ queue) {
			if e.ObjectOld.GetResourceVersion() != e.ObjectNew.GetResourceVersion() {
				changed(e.ObjectNew)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ queue) { changed(e.Object) },
	}
}

// urgencyOf is the priority of a namespace in which a policy changed. What somebody else does to it must be told within
// seconds, however many namespaces wait to be judged after a roll-out.
func urgencyOf(obj client.Object) int {
	policy, ok := obj.(*networkingv1.NetworkPolicy)
	if !ok {
		return handler.LowPriority
	}
	if _, _, ours := plan.Owner(policy); ours {
		return handler.LowPriority
	}
	return 0
}

// onNamespace tells of namespaces that come, go or change their labels. They themselves are judged after they were reconciled.
func (r *AnalysisReconciler) onNamespace() handler.Funcs {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ queue) {
			r.reader.NamespacesChanged()
			if !e.IsInInitialList {
				r.onChange(e.Object.GetName(), nil)
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ queue) {
			r.reader.NamespacesChanged()
			if !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) {
				r.onChange(e.ObjectNew.GetName(), e.ObjectOld.GetLabels())
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ queue) {
			r.reader.NamespacesChanged()
			r.onChange(e.Object.GetName(), e.Object.GetLabels())
		},
	}
}

// onPods has namespaces judged whose pods changed, each at most once in podRest, and returns those whose turn is later.
func (r *AnalysisReconciler) onPods(namespaces map[string]bool) (later []string) {
	due, later := r.podTurns.take(namespaces, podRest, time.Now())
	for _, namespace := range due {
		r.wakes.add(namespace, handler.LowPriority, 0)
		r.onChange(namespace, nil)
	}
	return later
}

// onAllPods has every namespace judged: all pods are known now.
func (r *AnalysisReconciler) onAllPods() {
	if !r.wakes.runs() {
		return // Nothing was judged yet.
	}
	namespaces, err := r.reader.Namespaces(context.Background())
	if err != nil {
		return // The cache stops.
	}
	for _, ns := range namespaces {
		r.wakes.add(ns.Name, handler.LowPriority, policyDelay)
	}
}

// onChange notes that something changed in a namespace that may matter to others: its policies, its pods, its labels, of which
// the former are given. Those that look at it are judged a while later.
func (r *AnalysisReconciler) onChange(namespace string, formerLabels map[string]string) {
	r.places.drop(namespace)
	r.wakes.changed(snapshot.Namespace{Name: namespace, Labels: formerLabels}, r.wakeDependents)
}

// wakeDependents has those judged that look at one of these namespaces.
func (r *AnalysisReconciler) wakeDependents(changed []snapshot.Namespace) {
	ctx := context.Background()
	seen := map[string]bool{}
	for _, former := range changed {
		if seen[former.Name] {
			continue
		}
		seen[former.Name] = true
		ns, err := r.reader.Namespace(ctx, former.Name)
		switch {
		case err != nil:
			log.FromContext(ctx).Error(err, "Read a namespace that others look at", "namespace", former.Name)
		case ns != nil:
			changed = append(changed, *ns)
		}
	}
	near, everywhere := r.reach.from(changed)
	for _, namespace := range near {
		r.wakes.add(namespace, handler.LowPriority, 0)
	}
	for _, namespace := range everywhere {
		r.wakes.add(namespace, handler.LowPriority, previewDelay)
	}
}
