package dataplane_test

import (
	. "github.com/onsi/ginkgo/v2"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

var _ = Describe("An application over three namespaces", func() {
	It("is held together by one cluster profile, whose tiers are the right pods in the right namespaces", func(ctx SpecContext) {
		name := newName("webshop")
		layer := func(layer string) string {
			return newNamespace(ctx, layer, map[string]string{"example.com/application": name, "example.com/layer": layer})
		}
		web, logic, data := layer("web"), layer("logic"), layer("data")
		// As the application's logic, but of another application.
		foreign := newNamespace(ctx, "foreign", map[string]string{"example.com/layer": "logic"})
		users := newNamespace(ctx, "users", nil)

		ports := []testbed.Port{testbed.TCP(8080), testbed.TCP(8443), testbed.TCP(5432)}
		user := runPod(ctx, users, "ingress", nil, ports...)
		storefront := runPod(ctx, web, "storefront", app("storefront"), ports...)
		orders := runPod(ctx, logic, "orders", app("orders"), ports...)
		postgres1 := runPod(ctx, data, "postgres-1", app("postgres"), ports...)
		postgres2 := runPod(ctx, data, "postgres-2", app("postgres"), ports...)
		// Pods with a tier's labels in a namespace that is not the tier's, and the other way round.
		misplaced := runPod(ctx, web, "orders", app("orders"), ports...)
		unlabelled := runPod(ctx, logic, "debug", nil, ports...)
		impostor := runPod(ctx, foreign, "orders", app("orders"), ports...)

		tiers := []*testbed.Host{storefront, orders, postgres1, postgres2}
		others := []*testbed.Host{user, impostor, misplaced, unlabelled}
		all := append(others, tiers...)
		flows := testbed.Between(all, all, ports...)
		expectOpen(ctx, flows)

		profile := newClusterProfile(ctx, `
isolation: Tiers
namespaceSelector: {matchLabels: {example.com/application: `+name+`}}
tiers:
- name: web
  namespaceSelector: {matchLabels: {example.com/layer: web}}
  podSelector: {matchLabels: {app: storefront}}
  ports: [{port: 8080}]
- name: logic
  namespaceSelector: {matchLabels: {example.com/layer: logic}}
  podSelector: {matchLabels: {app: orders}}
  ports: [{port: 8443}]
- name: data
  namespaceSelector: {matchLabels: {example.com/layer: data}}
  podSelector: {matchLabels: {app: postgres}}
  ports: [{port: 5432}]
allow:
- {name: users, from: [{pods: {namespaces: [`+users+`]}}], to: [{tier: web}]}
- {name: orders, from: [{tier: web}], to: [{tier: logic}]}
- {name: storage, from: [{tier: logic}], to: [{tier: data}]}
- {name: replication, from: [{tier: data}], to: [{tier: data}]}
`)
		passing := []testbed.Flow{
			{From: user, To: storefront, Port: testbed.TCP(8080)},
			{From: storefront, To: orders, Port: testbed.TCP(8443)},
			{From: orders, To: postgres1, Port: testbed.TCP(5432)},
			{From: orders, To: postgres2, Port: testbed.TCP(5432)},
			{From: postgres1, To: postgres2, Port: testbed.TCP(5432)},
			{From: postgres2, To: postgres1, Port: testbed.TCP(5432)},
		}
		// Pods in no tier are open, so that nothing but a tier's own policy keeps them away from it.
		expectTraffic(ctx, flows, texts(append(testbed.Between(others, others, ports...), passing...))...)
		expectFindings(ctx, profile, place{v1alpha1.CodeUncoveredPods, logic, "isolation"}) // The first namespace stands for all.

		patchSpec(ctx, profile, `isolation: Namespace`)
		expectReady(ctx, profile)
		outsiders := []*testbed.Host{user, impostor}
		expectTraffic(ctx, flows, texts(append(testbed.Between(outsiders, outsiders, ports...), passing...))...)
		expectFindings(ctx, profile)
	})
})
