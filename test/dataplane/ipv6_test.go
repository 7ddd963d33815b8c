package dataplane_test

import (
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/test/dataplane/testbed"
)

var _ = Describe("IPv6", func() {
	It("is judged as IPv4 is, between pods, by way of a Service, and towards the outside", func(ctx SpecContext) {
		ns := newNamespace(ctx, "dual", nil)
		http, https, wrong := testbed.TCP(8080), testbed.TCP(443), testbed.TCP(8081)
		web := runPod(ctx, ns, "web", app("web"), http, https)
		api := runPod(ctx, ns, "api", app("api"), http, https, wrong)
		debug := runPod(ctx, ns, "debug", nil)
		internet := outside(ctx, "internet", "2606:4700::10", https, wrong)
		documentation := outside(ctx, "documentation", "2001:db8:1::10", https)
		partner := outside(ctx, "partner", "2001:db8:200::10", http, https)
		partnersTests := outside(ctx, "partners-tests", "2001:db8:200:99::10", http)
		private := outside(ctx, "private", "fd12:3456::10", http, https)
		translated := outside(ctx, "nat64", "64:ff9b::a00:1", https)

		dual := corev1.IPFamilyPolicyRequireDualStack
		service := serviceOf(ns, "api", corev1.ServicePort{Port: 80, TargetPort: intstr.FromInt32(http.Number)})
		service.Spec.IPFamilyPolicy = &dual
		create(ctx, service)
		Expect(service.Spec.ClusterIPs).To(HaveLen(2))

		// Each between pods, over IPv4, over IPv6, and by way of both addresses of the Service.
		every := func(from *testbed.Host) []testbed.Flow {
			flow := testbed.Flow{From: from, To: api, Port: http}
			out := []testbed.Flow{flow, overIPv6(flow)}
			for _, address := range service.Spec.ClusterIPs {
				flow.Via = netip.AddrPortFrom(netip.MustParseAddr(address), 80)
				out = append(out, flow)
			}
			return out
		}
		pods := func(flows ...testbed.Flow) (out []testbed.Flow) {
			for _, f := range flows {
				out = append(out, f, overIPv6(f))
			}
			return out
		}
		passing := append(every(web),
			testbed.Flow{From: api, To: internet, Port: https},
			testbed.Flow{From: api, To: documentation, Port: https},
			testbed.Flow{From: api, To: partner, Port: https}, // Part of the internet, too.
			testbed.Flow{From: api, To: partner, Port: http},
			testbed.Flow{From: partner, To: web, Port: https},
		)
		never := append(every(debug), pods(
			testbed.Flow{From: web, To: api, Port: wrong},
			testbed.Flow{From: web, To: api, Port: https},
			testbed.Flow{From: api, To: web, Port: http})...)
		never = append(never,
			testbed.Flow{From: api, To: internet, Port: wrong},
			testbed.Flow{From: web, To: internet, Port: https},
			testbed.Flow{From: debug, To: internet, Port: https},
			testbed.Flow{From: api, To: private, Port: https},
			testbed.Flow{From: api, To: private, Port: http},
			testbed.Flow{From: api, To: translated, Port: https},
			testbed.Flow{From: api, To: partnersTests, Port: http},
			testbed.Flow{From: partnersTests, To: web, Port: https},
			testbed.Flow{From: internet, To: web, Port: https},
			testbed.Flow{From: partner, To: web, Port: http},
			testbed.Flow{From: partner, To: api, Port: https},
		)
		expectOpen(ctx, append(never, passing...))

		newProfile(ctx, ns, "dual", `
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 443}]}
- {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8080}]}
allow:
- {name: call, from: [{tier: web}], to: [{tier: api}]}
- {name: payments, from: [{tier: api}], to: [{internet: {}}], ports: [{port: 443}]}
- {name: orders, from: [{tier: api}], to: [{ipBlocks: {cidrs: ["2001:db8:200::/48"], except: ["2001:db8:200:99::/64"]}}], ports: [{port: 8080}]}
- {name: users, from: [{ipBlocks: {cidrs: ["2001:db8:200::/48"], except: ["2001:db8:200:99::/64"]}}], to: [{tier: web}]}
`)
		expectOnly(ctx, passing, never)
	})
})

// overIPv6 returns a flow that goes to the destination's IPv6 address.
func overIPv6(f testbed.Flow) testbed.Flow {
	f.Via = netip.AddrPortFrom(f.To.Address(netip.IPv6Unspecified()), uint16(f.Port.Number))
	return f
}
