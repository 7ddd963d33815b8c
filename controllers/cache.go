package controllers

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/tools/cache"
	crcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/enforcement"
)

// CacheOptions returns what a manager's cache must keep: of Namespaces, Services, Nodes and EndpointSlices only what policies are
// made from, of policies what they have in common once, and of nothing the managed fields.
func CacheOptions() (crcache.Options, error) {
	// The slices of Services with a selector list pods, which policies select by labels: they are most of all slices, and
	// change with every pod.
	notOfPods, err := labels.NewRequirement(discoveryv1.LabelManagedBy, selection.NotEquals, []string{"endpointslice-controller.k8s.io"})
	if err != nil {
		return crcache.Options{}, fmt.Errorf("select endpoint slices: %w", err)
	}
	var sharing cluster.Sharing
	return crcache.Options{
		DefaultTransform: crcache.TransformStripManagedFields(),
		ByObject: map[client.Object]crcache.ByObject{
			&corev1.Namespace{}:           {Transform: transform(slimNamespace)},
			&networkingv1.NetworkPolicy{}: {Transform: transform(sharing.Policy)},
			&corev1.Service{}:             {Transform: transform(slimService)},
			&corev1.Node{}:                {Transform: transform(slimNode)},
			&discoveryv1.EndpointSlice{}:  {Transform: transform(slimEndpointSlice), Label: labels.NewSelector().Add(*notOfPods)},
		},
	}, nil
}

// transform lets a function replace objects of its type before they are kept.
func transform[T client.Object](slim func(T) T) cache.TransformFunc {
	return func(obj any) (any, error) {
		if typed, ok := obj.(T); ok {
			return slim(typed), nil
		}
		return obj, nil // the tombstone of an object that is gone
	}
}

func slimMeta(meta metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: meta.Name, Namespace: meta.Namespace, UID: meta.UID, ResourceVersion: meta.ResourceVersion,
		DeletionTimestamp: meta.DeletionTimestamp, Labels: meta.Labels,
	}
}

func slimNamespace(ns *corev1.Namespace) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: slimMeta(ns.ObjectMeta)}
}

func slimService(s *corev1.Service) *corev1.Service {
	return &corev1.Service{ObjectMeta: slimMeta(s.ObjectMeta), Spec: corev1.ServiceSpec{
		Type: s.Spec.Type, Selector: s.Spec.Selector, Ports: s.Spec.Ports,
		ClusterIP: s.Spec.ClusterIP, ClusterIPs: s.Spec.ClusterIPs, ExternalName: s.Spec.ExternalName,
	}}
}

func slimNode(n *corev1.Node) *corev1.Node {
	meta := slimMeta(n.ObjectMeta)
	meta.Annotations = enforcement.NodeAnnotations(n.Annotations)
	return &corev1.Node{
		ObjectMeta: meta,
		Spec:       corev1.NodeSpec{PodCIDR: n.Spec.PodCIDR, PodCIDRs: n.Spec.PodCIDRs},
		Status:     corev1.NodeStatus{Addresses: n.Status.Addresses},
	}
}

func slimEndpointSlice(s *discoveryv1.EndpointSlice) *discoveryv1.EndpointSlice {
	slim := &discoveryv1.EndpointSlice{ObjectMeta: slimMeta(s.ObjectMeta), AddressType: s.AddressType, Ports: s.Ports}
	for _, e := range s.Endpoints {
		slim.Endpoints = append(slim.Endpoints, discoveryv1.Endpoint{Addresses: e.Addresses})
	}
	return slim
}
