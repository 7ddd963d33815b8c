package random

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/internal/snapshot"
)

// facts draws DNS, Services with and without selector, EndpointSlices, nodes and the API server.
func (d Drawer) facts() snapshot.Facts {
	f := snapshot.Facts{Services: d.dnsServices()}
	for _, namespace := range []string{"shop", "data"} {
		for i := range 1 + d.IntN(2) {
			s := d.service(namespace, fmt.Sprint("s", i))
			f.Services = append(f.Services, s)
			for range d.IntN(3) {
				f.EndpointSlices = append(f.EndpointSlices, d.slice(s))
			}
		}
	}
	if d.IntN(4) > 0 {
		api := corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes"}}
		api.Spec.ClusterIPs = OneOf(d, []string{"10.96.0.1"}, []string{"10.96.0.1", "fd00::1"})
		api.Spec.Ports = []corev1.ServicePort{{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(6443)}}
		f.Services = append(f.Services, api)
		f.EndpointSlices = append(f.EndpointSlices, d.slice(api))
	}
	for i := range d.IntN(5) {
		f.Nodes = append(f.Nodes, snapshot.Node{
			Name: fmt.Sprint("node", i), Labels: map[string]string{"zone": OneOf(d, "a", "b", "c")},
			Addresses: OneOf(d, nil, []netip.Addr{netip.AddrFrom4([4]byte{192, 168, 0, byte(i)})}, []netip.Addr{netip.AddrFrom4([4]byte{192, 168, 0, byte(i)}), netip.MustParseAddr("fd00::").Next()}),
		})
	}
	f.ClusterRanges = OneOf(d, nil, []netip.Prefix{netip.MustParsePrefix("203.0.113.64/26"), netip.MustParsePrefix("2001:db8:1::/48")})
	return f
}

func (d Drawer) service(namespace, name string) corev1.Service {
	s := corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	s.Spec.Type = OneOf(d, corev1.ServiceTypeClusterIP, corev1.ServiceTypeClusterIP, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName)
	s.Spec.Selector = OneOf(d, nil, map[string]string{"app": "a"}, map[string]string{"app": "b", "tier": "x"})
	s.Spec.ClusterIP = OneOf(d, "None", "10.96.1.1")
	for i := range d.IntN(3) {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
			Name: fmt.Sprint("port", i), Port: OneOf[int32](d, 80, 443), Protocol: OneOf(d, "", corev1.ProtocolTCP, corev1.ProtocolUDP),
			TargetPort: OneOf(d, intstr.FromInt32(8080), intstr.FromString("http"), intstr.IntOrString{}),
		})
	}
	return s
}

func (d Drawer) slice(s corev1.Service) discoveryv1.EndpointSlice {
	slice := discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Labels: map[string]string{discoveryv1.LabelServiceName: s.Name}}}
	for range d.IntN(3) {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: OneOf(d, []string{"10.0.0.1"}, []string{"10.0.0.2"}, []string{"192.0.2.7", "192.0.2.8"}, []string{"fd00::7"}, []string{"db.example.com"})})
	}
	for range d.IntN(3) {
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{Port: OneOf(d, nil, new(int32(5432)), new(int32(6443))), Protocol: OneOf(d, nil, new(corev1.ProtocolUDP))})
	}
	return slice
}

func (d Drawer) dnsServices() []corev1.Service {
	var out []corev1.Service
	for i := range d.IntN(3) {
		s := corev1.Service{ObjectMeta: metav1.ObjectMeta{
			Name: OneOf(d, "kube-dns", "coredns"), Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"},
		}}
		switch {
		case i > 0:
			s.Name = fmt.Sprint("dns", i)
		case d.oneIn(4):
			s.Namespace, s.Name = "openshift-dns", "dns-default"
		}
		s.Spec.Selector = OneOf(d, nil, map[string]string{"k8s-app": "kube-dns"})
		s.Spec.ClusterIPs = OneOf(d, []string{"None"}, []string{"10.96.0.10"}, []string{"10.96.0.10", "fd00::a"})
		for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
			s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{
				Port: 53, Protocol: protocol, TargetPort: OneOf(d, intstr.FromInt32(53), intstr.FromInt32(5353), intstr.FromString("dns"), intstr.IntOrString{}),
			})
		}
		out = append(out, s)
	}
	return out
}
