package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// create creates an object and deletes it at the end of the spec, or of the container when it is called from BeforeAll.
func create[T client.Object](ctx context.Context, obj T) T {
	GinkgoHelper()
	Expect(k8s.Create(ctx, obj)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { remove(ctx, obj) })
	return obj
}

// change updates an object as it is now.
func change[T client.Object](ctx context.Context, obj T, how func(T)) {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	how(obj)
	Expect(k8s.Update(ctx, obj)).To(Succeed())
}

// changeStatus updates the status of an object as it is now.
func changeStatus[T client.Object](ctx context.Context, obj T, how func(T)) {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	how(obj)
	Expect(k8s.Status().Update(ctx, obj)).To(Succeed())
}

func service(namespace, name string, spec corev1.ServiceSpec) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
}

func endpointSlice(namespace, service string, port int32, addresses ...string) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: namespace, Name: newName("slice"), Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: addresses}},
		Ports:       []discoveryv1.EndpointPort{{Name: new("main"), Port: new(port), Protocol: new(corev1.ProtocolTCP)}},
	}
}

// newNode creates a node with this internal address.
func newNode(ctx context.Context, labels map[string]string, address string) *corev1.Node {
	GinkgoHelper()
	node := create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: newName("node"), Labels: labels}})
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}
	Expect(k8s.Status().Update(ctx, node)).To(Succeed())
	return node
}

// settledReconciles returns the number of reconciles once nothing has been going on for a while.
func settledReconciles() float64 {
	GinkgoHelper()
	var last float64
	since := time.Now()
	Eventually(func() bool {
		if now := reconciles(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > nodeDelay+600*time.Millisecond
	}, "60s").Should(BeTrue())
	return last
}

var _ = Describe("200 namespaces that depend on different facts", Ordered, func() {
	const each = 40
	var (
		hub     string
		remote  *v1alpha1.SegmentationProfile
		backend *corev1.Service
		nodes   []*corev1.Node
	)
	BeforeAll(func(ctx SpecContext) {
		hub = newNamespace(ctx, nil)
		remote = newProfile(ctx, hub, "hub", twoTiers)
		backend = create(ctx, service(hub, "backend", corev1.ServiceSpec{Selector: map[string]string{"app": "a"}, Ports: []corev1.ServicePort{{Port: 80}}}))
		for i := range 3 {
			nodes = append(nodes, newNode(ctx, nil, fmt.Sprint("192.168.77.", 1+i)))
		}
		for i, peer := range []string{
			"to: [{remoteTier: {namespace: HUB, profile: hub, tier: web}}]",
			"to: [{service: {namespace: HUB, name: backend}}]",
			"to: [{kubeAPIServer: {}}]",
			"to: [{nodes: {}}], ports: [{port: 10250}]",
			"to: [{internet: {}}], ports: [{port: 443}]",
		} {
			for n := range each {
				dns := "None"
				if i == 0 && n < 7 {
					dns = "Cluster"
				}
				newProfile(ctx, newNamespace(ctx, nil), "app", fmt.Sprintf(`
dns: %s
tiers: [{name: app, podSelector: {matchLabels: {app: app}}}]
allow: [{name: out, from: [{tier: app}], %s}]
`, dns, strings.ReplaceAll(peer, "HUB", hub)))
			}
		}
		var list v1alpha1.SegmentationProfileList
		Eventually(func() int {
			Expect(k8s.List(ctx, &list)).To(Succeed())
			ready := 0
			for i := range list.Items {
				if list.Items[i].Name == "app" && condition(ctx, &list.Items[i], "ResolvedRefs") == "True/Resolved" {
					ready++
				}
			}
			return ready
		}, "90s", "1s").Should(Equal(5 * each))
	})

	DescribeTable("are reconciled when what they depend on changes, and no others",
		func(ctx SpecContext, event func(ctx context.Context), want int) {
			before := settledReconciles()
			event(ctx)
			Expect(settledReconciles() - before).To(BeEquivalentTo(want))
		},
		Entry("the selector of a Service", func(ctx context.Context) {
			change(ctx, backend, func(s *corev1.Service) { s.Spec.Selector = map[string]string{"app": "b"} })
		}, each),
		Entry("an annotation of a Service", func(ctx context.Context) {
			change(ctx, backend, func(s *corev1.Service) { s.Annotations = map[string]string{"a": "b"} })
		}, 0),
		Entry("a Service that nobody names", func(ctx context.Context) {
			create(ctx, service(hub, "other", corev1.ServiceSpec{Selector: map[string]string{"app": "x"}, Ports: []corev1.ServicePort{{Port: 80}}}))
		}, 0),
		Entry("a Service beside the cluster's DNS", func(ctx context.Context) {
			create(ctx, service("kube-system", "metrics-server", corev1.ServiceSpec{Selector: map[string]string{"app": "x"}, Ports: []corev1.ServicePort{{Port: 443}}}))
		}, 0),
		Entry("the cluster's DNS", func(ctx context.Context) {
			dns := service("kube-system", "kube-dns", corev1.ServiceSpec{})
			change(ctx, dns, func(s *corev1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromInt32(5353) })
			DeferCleanup(func(ctx SpecContext) {
				change(ctx, dns, func(s *corev1.Service) { s.Spec.Ports[0].TargetPort = intstr.FromInt32(53) })
			})
		}, 7),
		Entry("a remote tier, with the namespace it lives in", func(ctx context.Context) {
			change(ctx, remote, func(p *v1alpha1.SegmentationProfile) { p.Spec.Tiers[0].Ports[0].Port = intstr.FromInt32(8081) })
		}, each+1),
		Entry("the labels of a remote profile", func(ctx context.Context) {
			change(ctx, remote, func(p *v1alpha1.SegmentationProfile) { p.Labels = map[string]string{"a": "b"} })
		}, 0),
		Entry("an endpoint of the API server", func(ctx context.Context) {
			create(ctx, endpointSlice("default", "kubernetes", 6443, "192.168.77.10"))
		}, each),
		Entry("the heartbeat of a node", func(ctx context.Context) {
			changeStatus(ctx, nodes[0], func(n *corev1.Node) {
				n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now()}}
			})
		}, 0),
		Entry("nodes that change at the same time, once for all of them", func(ctx context.Context) {
			for i := range 3 {
				changeStatus(ctx, nodes[i], func(n *corev1.Node) { n.Status.Addresses[0].Address = fmt.Sprint("192.168.77.", 100+i) })
			}
		}, each),
		Entry("a node that joins", func(ctx context.Context) {
			create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: newName("node")}, Spec: corev1.NodeSpec{PodCIDRs: []string{"10.7.0.0/24"}, PodCIDR: "10.7.0.0/24"}})
		}, each),
		Entry("a node with a public address, which the internet leaves out", func(ctx context.Context) {
			newNode(ctx, nil, "203.0.113.77")
		}, 2*each),
		Entry("public addresses of Services", func(ctx context.Context) {
			create(ctx, &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: newName("cidr")}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"203.0.113.0/28"}}})
		}, each),
		Entry("private addresses of Services", func(ctx context.Context) {
			create(ctx, &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: newName("cidr")}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.99.0.0/24"}}})
		}, 0),
		Entry("a pod", func(ctx context.Context) {
			create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: hub, Name: "pod", Labels: map[string]string{"app": "a"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "c"}}}})
		}, 0),
	)
})
