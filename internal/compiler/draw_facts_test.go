package compiler

import (
	"fmt"
	"maps"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// lookedUp draws a peer that is looked up. Half of what it names does not exist.
func (d drawer) lookedUp() v1alpha1.Peer {
	return one(d,
		d.ownPorts(),
		v1alpha1.Peer{KubeAPIServer: &v1alpha1.KubeAPIServerPeer{}},
		v1alpha1.Peer{Nodes: &v1alpha1.NodesPeer{NodeSelector: one(d, nil, d.selector("zone"))}},
	)
}

// ownPorts draws a peer that has ports of its own.
func (d drawer) ownPorts() v1alpha1.Peer {
	if d.IntN(2) == 0 {
		return v1alpha1.Peer{Service: &v1alpha1.ServicePeer{Name: one(d, "s0", "s1", "s2"), Namespace: one(d, "", "shop", "data")}}
	}
	return v1alpha1.Peer{RemoteTier: &v1alpha1.RemoteTierPeer{
		Namespace: "shop", Profile: one(d, "p0", "p1", "a-b0", "web.v10"), Tier: one(d, "t0", "t1", "t2"),
	}}
}

// facts draws DNS, Services with and without selector, EndpointSlices, nodes and the API server.
func (d drawer) facts() snapshot.Facts {
	f := snapshot.Facts{Services: d.dnsServices(), PodAddresses: map[netip.Addr]bool{netip.MustParseAddr("10.0.0.1"): true}}
	for _, namespace := range []string{"shop", "data"} {
		for i := range d.IntN(3) {
			s := d.service(namespace, fmt.Sprint("s", i))
			f.Services = append(f.Services, s)
			for range d.IntN(3) {
				f.EndpointSlices = append(f.EndpointSlices, d.slice(s))
			}
		}
	}
	if d.IntN(4) > 0 {
		api := corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes"}}
		api.Spec.ClusterIPs = one(d, []string{"10.96.0.1"}, []string{"10.96.0.1", "fd00::1"})
		api.Spec.Ports = []corev1.ServicePort{{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(6443)}}
		f.Services = append(f.Services, api)
		f.EndpointSlices = append(f.EndpointSlices, d.slice(api))
	}
	for i := range d.IntN(5) {
		f.Nodes = append(f.Nodes, snapshot.Node{
			Name: fmt.Sprint("node", i), Labels: map[string]string{"zone": one(d, "a", "b", "c")},
			Addresses: one(d, nil, []netip.Addr{netip.AddrFrom4([4]byte{192, 168, 0, byte(i)})}, []netip.Addr{netip.AddrFrom4([4]byte{192, 168, 0, byte(i)}), netip.MustParseAddr("fd00::").Next()}),
		})
	}
	f.ClusterRanges = one(d, nil, []netip.Prefix{netip.MustParsePrefix("203.0.113.64/26"), netip.MustParsePrefix("2001:db8:1::/48")})
	return f
}

func (d drawer) service(namespace, name string) corev1.Service {
	s := corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	s.Spec.Type = one(d, corev1.ServiceTypeClusterIP, corev1.ServiceTypeClusterIP, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName)
	s.Spec.Selector = one(d, nil, map[string]string{"app": "a"}, map[string]string{"app": "b", "tier": "x"})
	s.Spec.ClusterIP = one(d, "None", "10.96.1.1")
	for i := range d.IntN(3) {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
			Name: fmt.Sprint("port", i), Port: one[int32](d, 80, 443), Protocol: one(d, "", corev1.ProtocolTCP, corev1.ProtocolUDP),
			TargetPort: one(d, intstr.FromInt32(8080), intstr.FromString("http"), intstr.IntOrString{}),
		})
	}
	return s
}

func (d drawer) slice(s corev1.Service) discoveryv1.EndpointSlice {
	slice := discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Labels: map[string]string{discoveryv1.LabelServiceName: s.Name}}}
	for range d.IntN(3) {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: one(d, []string{"10.0.0.1"}, []string{"10.0.0.2"}, []string{"192.0.2.7", "192.0.2.8"}, []string{"fd00::7"}, []string{"db.example.com"})})
	}
	for range d.IntN(3) {
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{Port: one(d, nil, new(int32(5432)), new(int32(6443))), Protocol: one(d, nil, new(corev1.ProtocolUDP))})
	}
	return slice
}

func (d drawer) dnsServices() []corev1.Service {
	var out []corev1.Service
	for i := range d.IntN(3) {
		s := corev1.Service{ObjectMeta: metav1.ObjectMeta{
			Name: one(d, "kube-dns", "coredns"), Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"},
		}}
		if i > 0 {
			s.Name = fmt.Sprint("dns", i)
		}
		s.Spec.Selector = one(d, nil, map[string]string{"k8s-app": "kube-dns"})
		s.Spec.ClusterIPs = one(d, []string{"None"}, []string{"10.96.0.10"}, []string{"10.96.0.10", "fd00::a"})
		for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
			s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
				Port: 53, Protocol: protocol, TargetPort: one(d, intstr.FromInt32(53), intstr.FromInt32(5353), intstr.FromString("dns"), intstr.IntOrString{}),
			})
		}
		out = append(out, s)
	}
	return out
}

// shuffledFacts returns the facts in another order.
func (d drawer) shuffledFacts(f snapshot.Facts) snapshot.Facts {
	out := snapshot.Facts{
		Services: shuffle(d, f.Services), EndpointSlices: shuffle(d, f.EndpointSlices), RemoteProfiles: shuffle(d, f.RemoteProfiles),
		Nodes: shuffle(d, f.Nodes), ClusterRanges: shuffle(d, f.ClusterRanges), PodAddresses: maps.Clone(f.PodAddresses),
	}
	for i := range out.EndpointSlices {
		out.EndpointSlices[i].Endpoints = shuffle(d, out.EndpointSlices[i].Endpoints)
		out.EndpointSlices[i].Ports = shuffle(d, out.EndpointSlices[i].Ports)
	}
	return out
}
