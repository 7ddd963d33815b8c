package intent

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/snapshot"
)

// who is whom a peer stands for: everyone, or pods, or addresses.
type who struct {
	everyone bool
	pods     func(snapshot.Pod) bool
	holds    func(netip.Addr) bool
}

type answer int

const (
	no answer = iota
	yes
	dependsOnPlugin
)

// is says whether somebody is meant.
func (w who) is(e evaluator.Endpoint) answer {
	switch {
	case w.everyone:
		return yes
	case e.Pod != nil:
		return w.isPod(*e.Pod)
	case w.holds != nil && w.holds(e.Address):
		return yes
	}
	return no
}

// isPod says whether a pod is meant. Who means addresses may mean the pods that have them; a pod on the host network has no
// labels that count, because its traffic is its node's.
func (w who) isPod(pod snapshot.Pod) answer {
	switch {
	case w.holds != nil && (pod.Addresses == nil || slices.ContainsFunc(pod.Addresses, w.holds)):
		return dependsOnPlugin
	case w.pods != nil && !pod.HostNetwork && w.pods(pod):
		return yes
	}
	return no
}

func podsOf(namespace string, labels map[string]string) who {
	return who{pods: func(pod snapshot.Pod) bool {
		for key, want := range labels {
			if value, ok := pod.Labels[key]; !ok || value != want {
				return false
			}
		}
		return pod.Namespace == namespace
	}}
}

func port(number int32, protocol corev1.Protocol) v1alpha1.Port {
	return v1alpha1.Port{Port: intstr.FromInt32(number), Protocol: protocol}
}

// asSource returns the peer that stands for the same as a source. The API server calls from its endpoints and not from the
// address of its Service: those are the addresses of a Service without selector.
func asSource(peer v1alpha1.Peer) v1alpha1.Peer {
	if peer.KubeAPIServer != nil {
		return v1alpha1.Peer{Service: &v1alpha1.ServicePeer{Namespace: "default", Name: "kubernetes"}}
	}
	return peer
}

// standsFor says whom a peer stands for, with the ports of its own, which are none for most.
func (r *Reading) standsFor(peer v1alpha1.Peer, here standpoint) []opening {
	switch {
	case peer.Tier != "":
		return r.tier(peer.Tier, here)
	case peer.RemoteTier != nil:
		return r.remoteTier(*peer.RemoteTier)
	case peer.Pods != nil:
		return []opening{{who: r.pods(*peer.Pods, here.namespace)}}
	case peer.Service != nil:
		return r.service(cmp.Or(peer.Service.Namespace, here.namespace), peer.Service.Name)
	case peer.IPBlocks != nil:
		return []opening{{who: ranges(prefixes(peer.IPBlocks.CIDRs...), prefixes(peer.IPBlocks.Except...))}}
	case peer.Internet != nil:
		return []opening{{who: r.internet(*peer.Internet)}}
	case peer.KubeAPIServer != nil:
		return r.apiServer()
	case peer.Nodes != nil:
		return []opening{{who: r.nodes(peer.Nodes.NodeSelector)}}
	case peer.Anywhere != nil:
		return []opening{{who: who{everyone: true}}}
	}
	return nil
}

// tier says who a tier of the same profile is: in one namespace, or across the profile's where either of the two has a
// namespaceSelector of its own.
func (r *Reading) tier(name string, here standpoint) []opening {
	i := slices.IndexFunc(here.profile.Tiers, func(t v1alpha1.ClusterTier) bool { return t.Name == name })
	there := here.profile.Tiers[i]
	across := here.tier.NamespaceSelector != nil || there.NamespaceSelector != nil
	is := func(pod snapshot.Pod) bool {
		if !matches(there.PodSelector, pod.Labels) {
			return false
		}
		if across {
			return r.actsIn(here.profile, pod.Namespace) && r.livesIn(there, pod.Namespace)
		}
		return pod.Namespace == here.namespace
	}
	return []opening{{who{pods: is}, there.Ports}}
}

// remoteTier says who a tier of a SegmentationProfile is, whatever that profile's mode.
func (r *Reading) remoteTier(ref v1alpha1.RemoteTierPeer) []opening {
	for _, p := range r.Profiles {
		if p.Key.Kind != v1alpha1.KindSegmentationProfile || p.Key.Namespace != ref.Namespace || p.Key.Name != ref.Profile {
			continue
		}
		for _, tier := range p.Tiers {
			if tier.Name == ref.Tier {
				is := func(pod snapshot.Pod) bool {
					return pod.Namespace == ref.Namespace && matches(tier.PodSelector, pod.Labels)
				}
				return []opening{{who{pods: is}, tier.Ports}}
			}
		}
	}
	return nil
}

// pods says who matches all that is given. Without namespaces and namespaceSelector it is pods of the namespace at hand.
func (r *Reading) pods(peer v1alpha1.PodsPeer, namespace string) who {
	return who{pods: func(pod snapshot.Pod) bool {
		switch {
		case peer.PodSelector != nil && !matches(peer.PodSelector, pod.Labels):
			return false
		case peer.Namespaces == nil && peer.NamespaceSelector == nil:
			return pod.Namespace == namespace
		case peer.Namespaces != nil && !slices.Contains(peer.Namespaces, pod.Namespace):
			return false
		}
		return peer.NamespaceSelector == nil || matches(peer.NamespaceSelector, r.namespaces[pod.Namespace].Labels)
	}}
}

// service says what is behind a Service: the pods of its selector at its target ports, else its endpoints.
func (r *Reading) service(namespace, name string) []opening {
	for _, s := range r.Facts.Services {
		switch {
		case s.Namespace != namespace || s.Name != name || s.Spec.Type == corev1.ServiceTypeExternalName:
		case len(s.Spec.Selector) > 0:
			return []opening{{podsOf(namespace, s.Spec.Selector), targetPorts(s)}}
		default:
			return r.endpoints(namespace, name)
		}
	}
	return nil
}

// endpoints says which addresses the EndpointSlices of a Service list, each with the ports of its slice. Those of pods are left
// out, and a port without number is none.
func (r *Reading) endpoints(namespace, name string) []opening {
	var out []opening
	for _, slice := range r.Facts.EndpointSlices {
		if slice.Namespace != namespace || slice.Labels[discoveryv1.LabelServiceName] != name {
			continue
		}
		var o opening
		for _, p := range slice.Ports {
			if p.Port != nil {
				o.ports = append(o.ports, port(*p.Port, *cmp.Or(p.Protocol, new(corev1.ProtocolTCP))))
			}
		}
		var list []netip.Addr
		for _, e := range slice.Endpoints {
			for _, text := range e.Addresses {
				if addr, err := netip.ParseAddr(text); err == nil && !r.isPods(addr) {
					list = append(list, addr)
				}
			}
		}
		o.who = addresses(list...)
		out = append(out, o)
	}
	return out
}

func (r *Reading) isPods(addr netip.Addr) bool {
	return slices.ContainsFunc(r.Pods, func(p snapshot.Pod) bool {
		return !p.HostNetwork && !p.Completed && slices.Contains(p.Addresses, addr)
	})
}

// targetPorts returns the pods' ports of a Service, in its order. One that is not given is the Service's own.
func targetPorts(s corev1.Service) []v1alpha1.Port {
	var out []v1alpha1.Port
	for _, p := range s.Spec.Ports {
		target := p.TargetPort
		if target == intstr.FromInt32(0) {
			target = intstr.FromInt32(p.Port)
		}
		out = append(out, v1alpha1.Port{Port: target, Protocol: cmp.Or(p.Protocol, corev1.ProtocolTCP)})
	}
	return out
}

func clusterIPs(s corev1.Service) []netip.Addr {
	var out []netip.Addr
	for _, text := range s.Spec.ClusterIPs {
		if addr, err := netip.ParseAddr(text); err == nil {
			out = append(out, addr)
		}
	}
	return out
}

// apiServer says where pods reach the API server: the address of its Service at the Service's port, and each endpoint.
func (r *Reading) apiServer() []opening {
	out := r.endpoints("default", "kubernetes")
	for _, s := range r.Facts.Services {
		if s.Namespace == "default" && s.Name == "kubernetes" {
			out = append(out, opening{addresses(clusterIPs(s)...), []v1alpha1.Port{port(443, corev1.ProtocolTCP)}})
		}
	}
	return out
}
