package controllers

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

type queue = workqueue.TypedRateLimitingInterface[ctrl.Request]

// enqueue adds namespaces. Roll-out, which concerns many at once, stands behind the correction of drift.
func enqueue(q queue, urgent bool, namespaces ...string) {
	priority := 0
	if !urgent {
		priority = handler.LowPriority
	}
	enqueueAfter(q, priority, 0, namespaces...)
}

// enqueueAfter adds namespaces after a while, or sooner if they are to come sooner already.
func enqueueAfter(q queue, priority int, after time.Duration, namespaces ...string) {
	for _, name := range namespaces {
		request := ctrl.Request{NamespacedName: types.NamespacedName{Name: name}}
		if p, ok := q.(priorityqueue.PriorityQueue[ctrl.Request]); ok {
			p.AddWithOpts(priorityqueue.AddOpts{Priority: &priority, After: after}, request)
			continue
		}
		q.AddAfter(request, after)
	}
}

// onPolicy wakes the namespace of a policy that is, was or could be ours. Echoes of our own writes are passed over.
func (r *NamespaceReconciler) onPolicy() handler.Funcs {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) {
			if policy, ok := mayBeOurs(e.Object); ok && !e.IsInInitialList && !r.writes.isEcho(policy) {
				enqueue(q, true, policy.Namespace)
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			_, before := mayBeOurs(e.ObjectOld)
			policy, after := mayBeOurs(e.ObjectNew)
			if (before || after) && policy.ResourceVersion != e.ObjectOld.GetResourceVersion() && !r.writes.isEcho(policy) {
				enqueue(q, true, policy.Namespace)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			if policy, ok := mayBeOurs(e.Object); ok && !r.writes.sawDeletion(policy) {
				enqueue(q, true, policy.Namespace)
			}
		},
	}
}

// mayBeOurs says whether a policy is owned by a profile, or bears a name such as ours: then it may stand in the way.
func mayBeOurs(obj client.Object) (*networkingv1.NetworkPolicy, bool) {
	policy, ok := obj.(*networkingv1.NetworkPolicy)
	if !ok {
		return nil, false
	}
	_, _, owned := plan.Owner(policy)
	return policy, owned || strings.HasPrefix(policy.Name, "segp.") || strings.HasPrefix(policy.Name, "csegp.")
}

// onNamespace wakes a namespace that appears, changes its labels or goes, and tells the cluster profiles, which may
// select it now or not any more. Every namespace is looked at once after a start.
func (r *NamespaceReconciler) onNamespace(tellClusterProfiles func(context.Context)) handler.Funcs {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			r.reader.NamespacesChanged()
			enqueue(q, !e.IsInInitialList, e.Object.GetName())
			tellClusterProfiles(ctx)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			r.reader.NamespacesChanged()
			if e.ObjectOld.GetUID() == e.ObjectNew.GetUID() && maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) &&
				e.ObjectOld.GetDeletionTimestamp().IsZero() == e.ObjectNew.GetDeletionTimestamp().IsZero() {
				return
			}
			enqueue(q, true, e.ObjectNew.GetName())
			tellClusterProfiles(ctx)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			r.reader.NamespacesChanged()
			enqueue(q, true, e.Object.GetName())
			tellClusterProfiles(ctx)
		},
	}
}

// onProfile wakes the namespaces of a profile whose spec changed, or that comes or goes.
func (r *NamespaceReconciler) onProfile() handler.Funcs {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			if !e.IsInInitialList {
				namespaces := append(r.namespacesOf(ctx, e.Object), r.retainedIn(ctx, e.Object)...)
				enqueue(q, isNamespaced(e.Object), namespaces...)
				r.wakeProfile(q, e.Object)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			if !profileChanged(e.ObjectOld, e.ObjectNew) {
				return
			}
			if p, ok := e.ObjectOld.(*v1alpha1.SegmentationProfile); ok && p.UID != e.ObjectNew.GetUID() {
				// The watch missed the deletion and shows the successor only.
				r.graves.add(snapshot.FromSegmentationProfile(p))
			}
			namespaces := append(r.namespacesOf(ctx, e.ObjectNew), r.namespacesOf(ctx, e.ObjectOld)...)
			if !reflect.DeepEqual(e.ObjectOld.GetFinalizers(), e.ObjectNew.GetFinalizers()) {
				// Before it had its finalizer, a new profile could not take what a former one left.
				namespaces = append(namespaces, r.retainedIn(ctx, e.ObjectNew)...)
			}
			enqueue(q, isNamespaced(e.ObjectNew), namespaces...)
			r.wakeProfile(q, e.ObjectNew)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) {
			if p, ok := e.Object.(*v1alpha1.SegmentationProfile); ok {
				r.graves.add(snapshot.FromSegmentationProfile(p))
			}
			enqueue(q, isNamespaced(e.Object), r.namespacesOf(ctx, e.Object)...)
			r.wakeProfile(q, e.Object)
		},
	}
}

// wakeProfile wakes the namespaces that refer to a tier of a profile.
func (r *NamespaceReconciler) wakeProfile(q queue, profile client.Object) {
	if isNamespaced(profile) {
		r.wake(q, snapshot.Fact{Kind: snapshot.FactProfile, Namespace: profile.GetNamespace(), Name: profile.GetName()}, 0)
	}
}

func isNamespaced(profile client.Object) bool { return profile.GetNamespace() != "" }

// profileChanged says whether what a profile wants may have changed. Its status does not count, its finalizers do.
func profileChanged(before, after client.Object) bool {
	return before.GetGeneration() != after.GetGeneration() || before.GetUID() != after.GetUID() ||
		before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero() ||
		!reflect.DeepEqual(before.GetFinalizers(), after.GetFinalizers())
}

// namespacesOf lists the namespaces that a profile selects, and those where it is known to have left something.
func (r *NamespaceReconciler) namespacesOf(ctx context.Context, obj client.Object) []string {
	if isNamespaced(obj) {
		return []string{obj.GetNamespace()}
	}
	profile, ok := obj.(*v1alpha1.ClusterSegmentationProfile)
	if !ok {
		return nil
	}
	p := snapshot.FromClusterSegmentationProfile(profile)
	out := r.ledger.Namespaces(p.Key)
	all, err := r.reader.Namespaces(ctx)
	if err != nil {
		log.FromContext(ctx).Error(err, "List namespaces of a profile", "profile", p.Key.String())
		return out
	}
	for _, ns := range all {
		// A selector that cannot be read concerns every namespace, lest one be missed.
		if selects, err := p.Selects(ns); selects || err != nil {
			out = append(out, ns.Name)
		}
	}
	return out
}

// retainedIn lists the namespaces in which a former cluster profile of the same name left policies: the new one may not
// select them all.
func (r *NamespaceReconciler) retainedIn(ctx context.Context, obj client.Object) []string {
	if isNamespaced(obj) {
		return nil
	}
	var list networkingv1.NetworkPolicyList
	labels := client.MatchingLabels{v1alpha1.LabelProfileKind: string(v1alpha1.KindClusterSegmentationProfile), v1alpha1.LabelProfile: obj.GetName()}
	if err := r.reader.Cache.List(ctx, &list, labels, client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "List policies that a former profile left", "profile", obj.GetName())
		return nil
	}
	var out []string
	for i := range list.Items {
		out = append(out, list.Items[i].Namespace)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
