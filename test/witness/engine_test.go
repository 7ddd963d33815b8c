package witness

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"sigs.k8s.io/kube-network-policies/pkg/api"
	"sigs.k8s.io/kube-network-policies/pkg/network"
	enginepolicy "sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	"sigs.k8s.io/kube-network-policies/pkg/podinfo"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// nodeName is the node that all pods run on: the engine enforces at the pods of its own.
const nodeName = "node"

// engine is the engine of kube-network-policies with the policies of a cluster, put together as its command does, over
// informers that are filled by hand and never started.
type engine struct {
	pods      *podinfo.InformerProvider
	evaluator *enginepolicy.StandardNetworkPolicy
	pipeline  *enginepolicy.PolicyEngine
}

// cluster is the part of the engines' informers that they have in common.
type cluster struct {
	factory informers.SharedInformerFactory
	pods    *podinfo.InformerProvider
}

func newCluster(namespaces []snapshot.Namespace, pods []snapshot.Pod) (*cluster, error) {
	factory := informers.NewSharedInformerFactory(nil, 0)
	namespaceInformer, podInformer := factory.Core().V1().Namespaces(), factory.Core().V1().Pods()
	resolver, err := podinfo.NewInformerResolver(podInformer.Informer())
	if err != nil {
		return nil, err
	}
	for _, ns := range namespaces {
		object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns.Name, Labels: maps.Clone(ns.Labels)}}
		// The API server sees to this label.
		metav1.SetMetaDataLabel(&object.ObjectMeta, corev1.LabelMetadataName, ns.Name)
		if err := namespaceInformer.Informer().GetIndexer().Add(object); err != nil {
			return nil, err
		}
	}
	for i := range pods {
		if err := podInformer.Informer().GetIndexer().Add(objectOf(&pods[i])); err != nil {
			return nil, err
		}
	}
	provider := podinfo.NewInformerProvider(podInformer, namespaceInformer, nil, []podinfo.IPResolver{resolver})
	return &cluster{factory: factory, pods: provider}, nil
}

// objectOf returns the Pod that a snapshot was taken of. Each port is in a container of its own, as the names of ports are
// unique in a container only.
func objectOf(pod *snapshot.Pod) *corev1.Pod {
	object := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels},
		Spec:       corev1.PodSpec{NodeName: nodeName, HostNetwork: pod.HostNetwork},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	if pod.Completed {
		object.Status.Phase = corev1.PodSucceeded
	}
	for _, port := range pod.Ports {
		object.Spec.Containers = append(object.Spec.Containers, corev1.Container{Ports: []corev1.ContainerPort{
			{Name: port.Name, Protocol: port.Protocol, ContainerPort: port.Port},
		}})
	}
	for _, addr := range pod.Addresses {
		object.Status.PodIPs = append(object.Status.PodIPs, corev1.PodIP{IP: addr.String()})
	}
	if len(pod.Addresses) > 0 {
		object.Status.PodIP = pod.Addresses[0].String()
	}
	return object
}

// newEngine returns an engine with the policies as change makes them.
func (c *cluster) newEngine(policies []*networkingv1.NetworkPolicy, change func(*networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy) (*engine, error) {
	// A factory has one informer of a kind, and each engine needs its own policies.
	informer := informers.NewSharedInformerFactory(nil, 0).Networking().V1().NetworkPolicies()
	for _, policy := range policies {
		object, err := delivered(policy)
		if err != nil {
			return nil, err
		}
		if object, err = delivered(change(object)); err != nil {
			return nil, err
		}
		if err := informer.Informer().GetIndexer().Add(object); err != nil {
			return nil, err
		}
	}
	core := c.factory.Core().V1()
	evaluator := enginepolicy.NewStandardNetworkPolicy(nodeName, core.Namespaces(), core.Pods(), informer)
	return &engine{
		pods:      c.pods,
		evaluator: evaluator,
		pipeline:  enginepolicy.NewPolicyEngine(c.pods, []api.PolicyEvaluator{evaluator}),
	}, nil
}

func packet(source, destination netip.Addr, protocol corev1.Protocol, port int32) *network.Packet {
	family := corev1.IPv4Protocol
	if source.Is6() {
		family = corev1.IPv6Protocol
	}
	return &network.Packet{
		Family: family, SrcIP: net.IP(source.AsSlice()), DstIP: net.IP(destination.AsSlice()),
		Proto: protocol, SrcPort: 40000, DstPort: int(port),
	}
}

// accepts says whether one end lets the packet pass. The pods are looked up by the packet's addresses, as the engine does.
func (e *engine) accepts(ctx context.Context, direction networkpolicy.Direction, p *network.Packet) (bool, error) {
	source, _ := e.pods.GetPodInfoByIP(p.SrcIP.String())
	destination, _ := e.pods.GetPodInfoByIP(p.DstIP.String())
	evaluate := e.evaluator.EvaluateEgress
	if direction == networkpolicy.Ingress {
		evaluate = e.evaluator.EvaluateIngress
	}
	verdict, err := evaluate(ctx, p, source, destination)
	if err != nil {
		return false, fmt.Errorf("evaluate %s: %w", direction, err)
	}
	return verdict != api.VerdictDeny, nil
}

// passes says whether the packet passes both ends.
func (e *engine) passes(ctx context.Context, p *network.Packet) (bool, error) {
	return e.pipeline.EvaluatePacket(ctx, p)
}
