package dataplane_test

import (
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/test/dataplane/testbed"
)

var _ = Describe("A Service whose ports are not those of its pods", func() {
	It("is reached at its address by whoever may reach the pods behind it, and follows its target port", func(ctx SpecContext) {
		clients, shop := newNamespace(ctx, "clients", nil), newNamespace(ctx, "shop", nil)
		byNumber, byName, moved, admin := testbed.TCP(8080), testbed.TCP(8081), testbed.TCP(8082), testbed.TCP(9090)
		allowed := runPod(ctx, clients, "allowed", app("caller"))
		denied := runPod(ctx, clients, "denied", app("bystander"))
		api := runPodOf(ctx, podOf(shop, "api", corev1.ContainerPort{Name: "grpc", ContainerPort: byName.Number}), byNumber, byName, moved, admin)

		service := serviceOf(shop, "api",
			corev1.ServicePort{Name: "http", Port: 80, TargetPort: intstr.FromInt32(byNumber.Number)},
			corev1.ServicePort{Name: "grpc", Port: 81, TargetPort: intstr.FromString("grpc")})
		administration := serviceOf(shop, "admin", corev1.ServicePort{Name: "admin", Port: 80, TargetPort: intstr.FromInt32(admin.Number)})
		create(ctx, service)
		create(ctx, administration)

		both := func(from *testbed.Host, pod testbed.Port, service *corev1.Service, port uint16) []testbed.Flow {
			return []testbed.Flow{{From: from, To: api, Port: pod}, {From: from, To: api, Port: pod, Via: addressOf(service, port)}}
		}
		calls := append(both(allowed, byNumber, service, 80), both(allowed, byName, service, 81)...)
		never := append(both(denied, byNumber, service, 80), both(denied, byName, service, 81)...)
		never = append(never, both(allowed, admin, administration, 80)...)
		directly := testbed.Flow{From: allowed, To: api, Port: moved}
		expectOpen(ctx, append(never, append(calls, directly)...))

		newProfile(ctx, clients, "clients", `
tiers: [{name: callers, podSelector: {matchLabels: {app: caller}}}, {name: others, podSelector: {matchLabels: {app: bystander}}}]
allow: [{name: calls, from: [{tier: callers}], to: [{service: {namespace: `+shop+`, name: api}}]}]
`)
		expectOnly(ctx, calls, append(never, directly))

		// The pods' own profile says it by the tier's ports; a Service would not do there.
		newProfile(ctx, shop, "shop", `
tiers: [{name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8080}, {port: grpc}, {port: 8082}]}]
allow: [{name: calls, from: [{pods: {namespaces: [`+clients+`]}}], to: [{tier: api}]}]
`)
		expectOnly(ctx, calls, append(never, directly))

		service.Spec.Ports[0].TargetPort = intstr.FromInt32(moved.Number)
		Expect(cluster.Client.Update(ctx, service)).To(Succeed())
		expectOnly(ctx, append(both(allowed, moved, service, 80), calls[2:]...),
			append(never[2:], append(both(denied, moved, service, 80), calls[0])...))
	})
})

// podOf returns a pod with label app for a name, and with container ports.
func podOf(namespace, name string, ports ...corev1.ContainerPort) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: app(name)},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Ports: ports}}},
	}
}

// serviceOf returns a Service in front of the pods with label app=api.
func serviceOf(namespace, name string, ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{Selector: app("api"), Ports: ports},
	}
}

// addressOf returns where a Service is called.
func addressOf(service *corev1.Service, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(service.Spec.ClusterIP), port)
}
