package controllers

import (
	"context"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"firebreak.dev/firebreak/internal/snapshot"
)

// wake adds the namespaces that depend on a fact, now or after a while.
func (r *NamespaceReconciler) wake(q queue, fact snapshot.Fact, after time.Duration) {
	enqueueAfter(q, handler.LowPriority, after, r.facts.dependents(fact)...)
}

// onChange calls tell with every object that comes or goes, and with both states of one that changes in a way that
// matters. What is there at the start is no change: every namespace is looked at then anyway.
func onChange[T client.Object](same func(before, after T) bool, tell func(q queue, states ...T)) handler.Funcs {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) {
			if obj, ok := e.Object.(T); ok && !e.IsInInitialList {
				tell(q, obj)
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			before, ok := e.ObjectOld.(T)
			after, ok2 := e.ObjectNew.(T)
			if ok && ok2 && !same(before, after) {
				tell(q, before, after)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) {
			if obj, ok := e.Object.(T); ok {
				tell(q, obj)
			}
		},
	}
}

// onService wakes the namespaces that refer to a Service, and those that depend on DNS when it may be that.
func (r *NamespaceReconciler) onService() handler.Funcs {
	same := func(before, after *corev1.Service) bool {
		return reflect.DeepEqual(before.Spec, after.Spec) && maps.Equal(before.Labels, after.Labels)
	}
	return onChange(same, func(q queue, states ...*corev1.Service) {
		dns := false
		for _, s := range states {
			dns = dns || r.reader.Options.MayBeDNS(s.Namespace, s.Name, s.Labels)
		}
		if dns {
			r.wake(q, snapshot.Fact{Kind: snapshot.FactDNS}, 0)
		}
		r.wakeService(q, types.NamespacedName{Namespace: states[0].Namespace, Name: states[0].Name})
	})
}

func (r *NamespaceReconciler) wakeService(q queue, name types.NamespacedName) {
	r.wake(q, snapshot.Fact{Kind: snapshot.FactService, Namespace: name.Namespace, Name: name.Name}, 0)
	if name == snapshot.APIServerService() {
		r.wake(q, snapshot.Fact{Kind: snapshot.FactAPIServer}, 0)
	}
}

// onEndpointSlice wakes the namespaces that refer to the Service of an EndpointSlice.
func (r *NamespaceReconciler) onEndpointSlice() handler.Funcs {
	same := func(before, after *discoveryv1.EndpointSlice) bool {
		return reflect.DeepEqual(before.Endpoints, after.Endpoints) && reflect.DeepEqual(before.Ports, after.Ports) &&
			before.Labels[discoveryv1.LabelServiceName] == after.Labels[discoveryv1.LabelServiceName]
	}
	return onChange(same, func(q queue, states ...*discoveryv1.EndpointSlice) {
		for _, s := range states {
			r.wakeService(q, types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]})
		}
	})
}

// onNode wakes the namespaces that depend on nodes, once for all nodes that change within a while; those that leave the
// cluster's own ranges out of the internet only when a public one comes or goes.
func (r *NamespaceReconciler) onNode(delay time.Duration) handler.Funcs {
	same := func(before, after *corev1.Node) bool {
		return maps.Equal(before.Labels, after.Labels) && reflect.DeepEqual(before.Status.Addresses, after.Status.Addresses) &&
			reflect.DeepEqual(before.Spec, after.Spec)
	}
	return onChange(same, func(q queue, states ...*corev1.Node) {
		r.reader.RangesChanged()
		r.wake(q, snapshot.Fact{Kind: snapshot.FactNodes}, delay)
		if rangesDiffer(states, snapshot.PublicRangesOfNode) {
			r.wake(q, snapshot.Fact{Kind: snapshot.FactClusterRanges}, delay)
		}
	})
}

// onServiceCIDR wakes the namespaces that leave the cluster's own ranges out of the internet, when a public one of
// Services comes or goes.
func (r *NamespaceReconciler) onServiceCIDR() handler.Funcs {
	same := func(before, after *networkingv1.ServiceCIDR) bool { return reflect.DeepEqual(before.Spec, after.Spec) }
	return onChange(same, func(q queue, states ...*networkingv1.ServiceCIDR) {
		r.reader.RangesChanged()
		if rangesDiffer(states, snapshot.PublicRangesOfServices) {
			r.wake(q, snapshot.Fact{Kind: snapshot.FactClusterRanges}, 0)
		}
	})
}

// rangesDiffer says whether the two states of an object, or the one of one that comes or goes and nothing, have different
// ranges.
func rangesDiffer[T client.Object](states []T, ranges func(T) []netip.Prefix) bool {
	var other []netip.Prefix
	if len(states) == 2 {
		other = ranges(states[1])
	}
	return !slices.Equal(ranges(states[0]), other)
}

// onPodAddress wakes the namespaces that name an address outside the cluster which now is a pod's, or no more.
func (r *NamespaceReconciler) onPodAddress(q queue, addr netip.Addr) {
	r.wake(q, snapshot.Fact{Kind: snapshot.FactPodAddress, Name: addr.String()}, 0)
}
