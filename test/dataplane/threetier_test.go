package dataplane_test

import (
	. "github.com/onsi/ginkgo/v2"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

var _ = Describe("The three-tier sample", func() {
	It("lets through what it says, and nothing else, between any two pods and hosts", func(ctx SpecContext) {
		for _, name := range []string{"production", "ingress-nginx", "monitoring"} {
			createNamespace(ctx, name, nil)
		}
		// The ports that anybody is called at, and 9999, which nothing speaks of.
		ports := []testbed.Port{testbed.TCP(8080), testbed.TCP(5432), testbed.TCP(443), testbed.TCP(53), testbed.UDP(53), testbed.TCP(9999)}
		tier := func(name string) map[string]string { return map[string]string{"tier": name} }
		dns := runPod(ctx, "kube-system", "dns", map[string]string{"k8s-app": "kube-dns"}, ports...)
		hosts := []*testbed.Host{
			dns,
			runPod(ctx, "production", "frontend", tier("frontend"), ports...),
			runPod(ctx, "production", "api-1", tier("api"), ports...),
			runPod(ctx, "production", "api-2", tier("api"), ports...),
			runPod(ctx, "production", "database", tier("database"), ports...),
			runPod(ctx, "production", "debug", nil, ports...),
			runPod(ctx, "ingress-nginx", "controller", nil, ports...),
			runPod(ctx, "monitoring", "prometheus", map[string]string{"app.kubernetes.io/name": "prometheus"}, ports...),
			runPod(ctx, "monitoring", "grafana", map[string]string{"app.kubernetes.io/name": "grafana"}, ports...),
			outside(ctx, "internet", "203.0.113.10", ports...),
			outside(ctx, "office", "192.168.50.10", ports...),
		}
		flows := testbed.Between(hosts, hosts, ports...)
		for _, pod := range hosts[1:9] { // Pods ask for names at the Service.
			for _, port := range []testbed.Port{testbed.UDP(53), testbed.TCP(53)} {
				flows = append(flows, testbed.Flow{From: pod, To: dns, Port: port, Via: dnsAddress})
			}
		}
		expectOpen(ctx, flows)

		shop := &v1alpha1.SegmentationProfile{}
		readSample("three-tier.yaml", shop)
		create(ctx, shop)
		expectReady(ctx, shop)

		wanted := []string{
			"ingress-nginx/controller > production/frontend 8080/TCP",
			"production/frontend > production/api-1 8080/TCP",
			"production/frontend > production/api-2 8080/TCP",
			"production/api-1 > production/database 5432/TCP",
			"production/api-2 > production/database 5432/TCP",
			"production/api-1 > internet 443/TCP",
			"production/api-2 > internet 443/TCP",
			"monitoring/prometheus > production/api-1 8080/TCP",
			"monitoring/prometheus > production/api-2 8080/TCP",
		}
		for _, source := range []string{"frontend", "api-1", "api-2"} { // The database resolves no names, and debug is in no tier.
			for _, port := range []string{"53/UDP", "53/TCP"} {
				wanted = append(wanted, "production/"+source+" > kube-system/dns "+port,
					"production/"+source+" > kube-system/dns "+port+" via 10.96.0.10:53")
			}
		}
		for _, f := range flows { // Between others, nothing has changed.
			if !isIn("production", f.From) && !isIn("production", f.To) {
				wanted = append(wanted, f.String())
			}
		}
		expectTraffic(ctx, flows, wanted...)
	})
})
