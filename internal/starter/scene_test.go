package starter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// scene is a small cluster, drawn at random, and what was observed in it.
type scene struct {
	*rand.Rand
	cluster *snapshot.Cluster
	log     *flowlog.Log
	// ghosts are pods that only records tell of.
	ghosts []snapshot.Pod
}

func (s *scene) one(of ...string) string { return of[s.IntN(len(of))] }

func (s *scene) port() int32 { return []int32{53, 80, 443, 6443, 8080, 9090}[s.IntN(6)] }

func (s *scene) protocol() corev1.Protocol {
	return []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP}[s.IntN(3)]
}

// labels draws from so few that pods are often alike, or have some of others' labels.
func (s *scene) labels() map[string]string {
	out := map[string]string{}
	for _, label := range [][]string{
		{"app", "a", "b", "c", ""}, {"app.kubernetes.io/component", "x", "y", "", ""}, {"team", "t", "", ""}, {"version", "1", "2", ""},
	} {
		if value := s.one(label[1:]...); value != "" {
			out[label[0]] = value
		}
	}
	return out
}

var (
	outside = []string{"203.0.113.1", "203.0.113.2", "203.0.113.3", "198.51.100.9", "10.200.0.1", "2001:db8::1"}
	nodes   = []string{"192.168.0.1", "192.168.0.2"}
	// apiServer are the addresses of the API server: its Service's and its own.
	apiServer = []string{"10.96.0.1", "192.168.7.7"}
)

func drawScene(seed uint64) *scene {
	s := &scene{Rand: rand.New(rand.NewPCG(seed, 1)), log: &flowlog.Log{}}
	s.cluster = &snapshot.Cluster{Options: snapshot.DefaultOptions("firebreak-system"), Facts: snapshot.Facts{Services: []corev1.Service{
		service("kube-system", "kube-dns", "10.96.0.10", map[string]string{"k8s-app": "kube-dns"}, 53, intstr.FromInt32(5353), corev1.ProtocolUDP),
		service("default", "kubernetes", "10.96.0.1", nil, 443, intstr.FromInt32(6443), corev1.ProtocolTCP),
	}}}
	apiPort := int32(6443)
	s.cluster.Facts.EndpointSlices = []discoveryv1.EndpointSlice{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"}},
		Endpoints:  []discoveryv1.Endpoint{{Addresses: apiServer[1:]}}, Ports: []discoveryv1.EndpointPort{{Port: &apiPort}},
	}}
	for i, addr := range nodes {
		s.cluster.Facts.Nodes = append(s.cluster.Facts.Nodes, snapshot.Node{Name: fmt.Sprint("node-", i), Addresses: []netip.Addr{netip.MustParseAddr(addr)}})
	}
	for _, namespace := range []string{"shop", "other", "kube-system"} {
		s.cluster.Namespaces = append(s.cluster.Namespaces, snapshot.Namespace{Name: namespace, Labels: map[string]string{selector.NamespaceNameLabel: namespace}})
	}
	for i := range 2 + s.IntN(4) {
		s.addWorkload("shop", i)
	}
	for i := range s.IntN(4) {
		s.addWorkload("other", i)
	}
	dns := snapshot.Pod{Namespace: "kube-system", Name: "dns", Labels: map[string]string{"k8s-app": "kube-dns"}, Addresses: []netip.Addr{netip.MustParseAddr("10.1.9.9")}}
	s.cluster.Pods = append(s.cluster.Pods, dns)
	for i := range s.IntN(4) {
		labels := s.labels()
		delete(labels, "version")
		s.cluster.Facts.Services = append(s.cluster.Facts.Services, service(s.one("shop", "other"), fmt.Sprint("service-", i), fmt.Sprint("10.96.1.", i),
			labels, 80, []intstr.IntOrString{intstr.FromString("http"), intstr.FromInt32(8080), intstr.FromInt32(0)}[s.IntN(3)], corev1.ProtocolTCP))
	}
	s.ghosts = []snapshot.Pod{
		{Namespace: "other", Labels: map[string]string{"app": "ghost", "team": "t"}}, {Namespace: "other", Labels: map[string]string{"app": "ghost"}},
		{Namespace: "nowhere", Labels: map[string]string{"app": "a"}},
	}
	for i := range s.ghosts {
		s.ghosts[i].Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 1, 3, byte(i)})}
	}
	s.cluster.Namespaces = append(s.cluster.Namespaces, snapshot.Namespace{Name: "nowhere", Labels: map[string]string{selector.NamespaceNameLabel: "nowhere"}})
	for range s.IntN(12) {
		s.log.Flows = append(s.log.Flows, flowlog.Flow{
			Source: s.end(), Destination: s.end(), Port: s.port(), Protocol: s.protocol(), Times: 1,
			Outcome: []flowlog.Outcome{flowlog.Passed, flowlog.Passed, flowlog.Left, flowlog.Denied}[s.IntN(4)],
		})
	}
	return s
}

func service(namespace, name, addr string, selects map[string]string, port int32, target intstr.IntOrString, protocol corev1.Protocol) corev1.Service {
	return corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{ClusterIP: addr, Selector: selects, Ports: []corev1.ServicePort{{Port: port, TargetPort: target, Protocol: protocol}}},
	}
}

func (s *scene) addWorkload(namespace string, i int) {
	labels := s.labels()
	ports := []snapshot.ContainerPort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: []int32{80, 8080}[s.IntN(2)]}}
	onHost := s.IntN(12) == 0
	for n := range 1 + s.IntN(2) {
		pod := snapshot.Pod{
			Namespace: namespace, Name: fmt.Sprintf("w%d-%d", i, n), Labels: labels, HostNetwork: onHost, Ports: ports[:s.IntN(2)],
			Workload: snapshot.Workload{Kind: "StatefulSet", Name: fmt.Sprint("w", i)}, Count: 1,
		}
		if !onHost {
			pod.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{10, 1, map[string]byte{"shop": 1, "other": 2}[namespace], byte(16*i + n)})}
		}
		s.cluster.Pods = append(s.cluster.Pods, pod)
	}
}

// end draws an end as records tell of it.
func (s *scene) end() flowlog.End {
	pod := s.cluster.Pods[s.IntN(len(s.cluster.Pods))]
	switch s.IntN(10) {
	case 0, 1, 2, 3, 4:
		return flowlog.End{Namespace: pod.Namespace, Pod: pod.Name}
	case 5:
		if len(pod.Addresses) > 0 {
			return flowlog.End{Address: pod.Addresses[0]}
		}
		return flowlog.End{Role: flowlog.RoleNetwork}
	case 6:
		return flowlog.End{Address: netip.MustParseAddr(s.one(nodes...))}
	case 7:
		// The one in between was not seen, and has fewer labels.
		ghost := s.ghosts[2*s.IntN(2)]
		return flowlog.End{Namespace: ghost.Namespace, Pod: "ghost", Labels: ghost.Labels}
	case 8:
		return flowlog.End{Address: addressesOf(&s.cluster.Facts.Services[s.IntN(len(s.cluster.Facts.Services))])[0]}
	}
	return flowlog.End{Address: netip.MustParseAddr(s.one(append(outside, apiServer...)...))}
}
