package controllers_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

var _ = Describe("A policy that would be larger than what can be stored", func() {
	It("leaves the last good one as it is and is said to be too large, until it is small enough", func(ctx SpecContext) {
		const services = 20
		ns := newNamespace(ctx, nil)
		var peers []string
		var lists []*discoveryv1.EndpointSlice
		for i := range services {
			name := fmt.Sprint("s", i)
			peers = append(peers, "{service: {name: "+name+"}}")
			create(ctx, service(ns, name, corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 443}}}))
			list := endpointSlice(ns, name, 443)
			list.AddressType, list.Endpoints = discoveryv1.AddressTypeIPv6, nil
			for j := range snapshot.MaxEndpoints {
				addr := fmt.Sprintf("2001:db8:aaaa:bbbb:cccc:dddd:%x:%x", 0xa000+i, 0xb000+j)
				list.Endpoints = append(list.Endpoints, discoveryv1.Endpoint{Addresses: []string{addr}})
			}
			if i > 0 {
				create(ctx, list)
				lists = append(lists, list)
				continue
			}
			create(ctx, endpointSlice(ns, name, 443, "192.0.2.1"))
		}
		p := newProfile(ctx, ns, "shop", oneTier("from: [{tier: app}], to: ["+peers[0]+"]"))
		expectReady(ctx, p)
		Expect(rules(ctx, ns)).To(ConsistOf("egress 192.0.2.1/32 TCP 443"))

		setSpec(ctx, p, oneTier("from: [{tier: app}], to: ["+strings.Join(peers, ", ")+"]"))
		Eventually(func() string { return condition(ctx, p, "Ready") }).Should(Equal("False/PolicyTooLarge"))
		Expect(condition(ctx, p, "Stalled")).To(Equal("True/PolicyTooLarge"))
		Expect(condition(ctx, p, "Accepted")).To(Equal("True/Valid"))
		Expect(condition(ctx, p, "Reconciling")).To(BeEmpty())
		Expect(message(ctx, p, "Ready")).To(HavePrefix("Namespace " + ns + ": The policy of tier app would take more than the 1024 KiB that can be stored"))
		Expect(status(ctx, p).FindingCounts.Error).To(BeEquivalentTo(1))
		Expect(rules(ctx, ns)).To(ConsistOf("egress 192.0.2.1/32 TCP 443"))

		for _, list := range lists[2:] {
			remove(ctx, list)
		}
		expectReady(ctx, p)
		Eventually(func() int { return len(rules(ctx, ns)) }).Should(Equal(1 + 2*snapshot.MaxEndpoints))
	})
})
