package dataplane_test

import (
	. "github.com/onsi/ginkgo/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

var _ = Describe("Two teams that refer to each other's tiers", func() {
	It("are connected when both agree, not before and not after, and each follows the other's ports", func(ctx SpecContext) {
		checkout, payments := newNamespace(ctx, "checkout", nil), newNamespace(ctx, "payments", nil)
		old, current, other := testbed.TCP(8443), testbed.TCP(9443), testbed.TCP(5432)
		basket := runPod(ctx, checkout, "basket", app("basket"), old)
		search := runPod(ctx, checkout, "search", app("search"))
		api := runPod(ctx, payments, "api", app("api"), old, current, other)
		ledger := runPod(ctx, payments, "ledger", app("ledger"), old, current)

		pay := testbed.Flow{From: basket, To: api, Port: old}
		payLater := testbed.Flow{From: basket, To: api, Port: current}
		// The search and the ledger are in no tier and open, so that nothing but the other's policy keeps them away.
		always := testbed.Between([]*testbed.Host{search}, []*testbed.Host{ledger}, old, current)
		never := append(testbed.Between([]*testbed.Host{search}, []*testbed.Host{api}, old, current),
			testbed.Flow{From: basket, To: ledger, Port: old}, testbed.Flow{From: basket, To: ledger, Port: current},
			testbed.Flow{From: basket, To: api, Port: other}, testbed.Flow{From: api, To: basket, Port: old})
		expectOpen(ctx, append(always, append(never, pay, payLater)...))

		caller := newProfile(ctx, checkout, "shop", `
isolation: Tiers
tiers: [{name: basket, podSelector: {matchLabels: {app: basket}}}]
`)
		called := newProfile(ctx, payments, "bank", `
isolation: Tiers
tiers: [{name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8443}]}]
`)
		callerAgrees := `allow: [{name: pay, from: [{tier: basket}], to: [{remoteTier: {namespace: ` + payments + `, profile: bank, tier: api}}]}]`
		calledAgrees := `allow: [{name: paid, from: [{remoteTier: {namespace: ` + checkout + `, profile: shop, tier: basket}}], to: [{tier: api}]}]`
		const nobody = `allow: null`
		uncovered := map[client.Object]place{
			caller: {v1alpha1.CodeUncoveredPods, checkout, "isolation"},
			called: {v1alpha1.CodeUncoveredPods, payments, "isolation"},
		}
		findings := func(of client.Object, wanted ...place) { expectFindings(ctx, of, append(wanted, uncovered[of])...) }
		closed := func() { expectOnly(ctx, always, append(never, pay, payLater)) }
		closed()

		By("the caller alone")
		patchSpec(ctx, caller, callerAgrees)
		expectReady(ctx, caller)
		findings(caller, place{v1alpha1.CodeHalfOpen, checkout, "allow entry pay"})
		findings(called)
		closed()

		By("the called alone")
		patchSpec(ctx, caller, nobody)
		patchSpec(ctx, called, calledAgrees)
		expectReady(ctx, caller)
		expectReady(ctx, called)
		findings(caller)
		findings(called, place{v1alpha1.CodeHalfOpen, payments, "allow entry paid"})
		closed()

		By("both")
		patchSpec(ctx, caller, callerAgrees)
		expectReady(ctx, caller)
		expectOnly(ctx, append(always, pay), append(never, payLater))
		findings(caller)
		findings(called)

		By("both, and the called moves to another port")
		patchSpec(ctx, called, `tiers: [{name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 9443}]}]`)
		expectReady(ctx, called)
		expectOnly(ctx, append(always, payLater), append(never, pay))

		By("the called no longer")
		patchSpec(ctx, called, nobody)
		expectReady(ctx, called)
		closed()
		findings(caller, place{v1alpha1.CodeHalfOpen, checkout, "allow entry pay"})
	})
})
