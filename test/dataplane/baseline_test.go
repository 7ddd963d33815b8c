package dataplane_test

import (
	. "github.com/onsi/ginkgo/v2"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

var _ = Describe("A platform's baseline and a team's profile in one namespace", func() {
	It("allow together what either of them allows, and each goes on without the other", func(ctx SpecContext) {
		mark := newName("baseline")
		shop := newNamespace(ctx, "shop", map[string]string{"example.com/baseline": mark})
		other := newNamespace(ctx, "other", map[string]string{"example.com/baseline": mark})
		monitoring := newNamespace(ctx, "monitoring", nil)
		metrics, http := testbed.TCP(9090), testbed.TCP(8080)
		prometheus := runPod(ctx, monitoring, "prometheus", nil)
		stranger := runPod(ctx, newNamespace(ctx, "elsewhere", nil), "stranger", nil)
		web := runPod(ctx, shop, "web", app("web"), metrics, http)
		api := runPod(ctx, shop, "api", app("api"), metrics, http)
		neighbour := runPod(ctx, other, "neighbour", nil, metrics, http)

		scrapes := []testbed.Flow{
			{From: prometheus, To: web, Port: metrics},
			{From: prometheus, To: api, Port: metrics},
		}
		scrapesNeighbour := testbed.Flow{From: prometheus, To: neighbour, Port: metrics}
		visitsNeighbour := testbed.Flow{From: prometheus, To: neighbour, Port: http}
		call := testbed.Flow{From: web, To: api, Port: http}
		never := []testbed.Flow{
			{From: web, To: api, Port: metrics},
			{From: api, To: web, Port: http},
			{From: prometheus, To: api, Port: http},
			{From: stranger, To: web, Port: metrics},
			{From: stranger, To: api, Port: http},
			{From: web, To: neighbour, Port: http},
			{From: neighbour, To: api, Port: http},
			{From: neighbour, To: api, Port: metrics},
		}
		expectOpen(ctx, append([]testbed.Flow{call, scrapesNeighbour, visitsNeighbour}, append(scrapes, never...)...))

		baseline := newClusterProfile(ctx, `
namespaceSelector: {matchLabels: {example.com/baseline: `+mark+`}}
tiers: [{name: workloads, podSelector: {}}]
allow: [{name: scraping, from: [{pods: {namespaces: [`+monitoring+`]}}], to: [{tier: workloads}], ports: [{port: 9090}]}]
`)
		expectOnly(ctx, append(scrapes, scrapesNeighbour), append(never, call, visitsNeighbour))

		const team = `
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}}
- {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8080}]}
allow: [{name: call, from: [{tier: web}], to: [{tier: api}]}]
`
		profile := newProfile(ctx, shop, "shop", team)
		expectOnly(ctx, append(scrapes, scrapesNeighbour, call), append(never, visitsNeighbour))
		expectFindings(ctx, baseline, place{v1alpha1.CodeWidenedByProfile, shop, "SegmentationProfile " + shop + "/shop"})
		expectFindings(ctx, profile, place{v1alpha1.CodeWidenedByProfile, shop, "ClusterSegmentationProfile " + baseline.Name})

		deleteNow(ctx, profile)
		expectOnly(ctx, append(scrapes, scrapesNeighbour), append(never, call, visitsNeighbour))
		expectFindings(ctx, baseline)

		profile = newProfile(ctx, shop, "shop", team)
		deleteNow(ctx, baseline)
		// The neighbour has no profile now: it is open, but for the way to pods that still have one.
		expectOnly(ctx, []testbed.Flow{call, scrapesNeighbour, visitsNeighbour}, append(never, scrapes...))
		expectFindings(ctx, profile)
	})
})
