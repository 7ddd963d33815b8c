package faults_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/faults/account"
)

// face is how everything looks that the policies of the wide world are made from.
type face struct {
	wide, server, pod, node string
	webPort, targetPort     int32
}

// plain is how the wide world looks at first.
func plain() face { return face{"yes", legacyServer, aPod, publicNode, 8080, 8443} }

// other is another look of everything but the node, whose changes the operator gathers for a while.
func other() face { return face{"no", "192.0.2.8", "10.44.0.10", publicNode, 8081, 8444} }

// turn makes the world look so.
func (w *wideWorld) turn(ctx context.Context, to face) {
	GinkgoHelper()
	merge := func(format string, args ...any) client.Patch {
		return client.RawPatch(types.MergePatchType, fmt.Appendf(nil, format, args...))
	}
	named := func(namespace, name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: name}
	}
	for object, patch := range map[client.Object]client.Patch{
		&corev1.Namespace{ObjectMeta: named("", w.namespaces[3])}:       merge(`{"metadata": {"labels": {"wide": %q}}}`, to.wide),
		&corev1.Service{ObjectMeta: named(w.pay, "payments")}:           merge(`{"spec": {"ports": [{"port": 443, "targetPort": %d}]}}`, to.targetPort),
		&discoveryv1.EndpointSlice{ObjectMeta: named(w.shop, "legacy")}: merge(`{"endpoints": [{"addresses": [%q, %q]}]}`, to.server, to.pod),
		&v1alpha1.SegmentationProfile{ObjectMeta: named(w.shop, "shop")}: client.RawPatch(types.JSONPatchType,
			fmt.Appendf(nil, `[{"op": "replace", "path": "/spec/tiers/0/ports/0/port", "value": %d}]`, to.webPort)),
	} {
		Expect(k8s.Patch(ctx, object, patch)).To(Succeed())
	}
	for object, patch := range map[client.Object]client.Patch{
		&corev1.Pod{ObjectMeta: named(w.pay, "victim")}:  merge(`{"status": {"podIP": %q, "podIPs": [{"ip": %[1]q}]}}`, to.pod),
		&corev1.Node{ObjectMeta: named("", "wide-node")}: merge(`{"status": {"addresses": [{"type": "InternalIP", "address": %q}]}}`, to.node),
	} {
		Expect(k8s.Status().Patch(ctx, object, patch)).To(Succeed())
	}
}

// settled returns the policies when they have been the same for a while.
func (w *wideWorld) settled(ctx context.Context, quiet time.Duration) map[string]string {
	GinkgoHelper()
	last, since := w.state(ctx), time.Now()
	Eventually(func() time.Duration {
		if now := w.state(ctx); !maps.Equal(now, last) {
			last, since = now, time.Now()
		}
		return time.Since(since)
	}).WithTimeout(time.Minute).WithPolling(100 * time.Millisecond).Should(BeNumerically(">", quiet))
	return last
}

var _ = Describe("An operator that does not see how the world changes", Ordered, ContinueOnFailure, func() {
	var (
		operator *mortal
		world    *wideWorld
		valves   = newValves(views()...)
	)

	BeforeAll(func(ctx SpecContext) {
		before.SetRules(valves.rules(views()...)...)
		operator = startMortal(ctx)
		world = newWideWorld(ctx)
	})
	BeforeEach(func() { before.SetRules(valves.rules(views()...)...) })

	frozen := map[string][]view{"everything": views()}
	for _, what := range views() {
		frozen[what.name] = []view{what}
	}
	for _, name := range slices.Sorted(maps.Keys(frozen)) {
		soakIt("follows within seconds when the watches of "+name+" thaw", func(ctx SpecContext) {
			to, gathered := other(), 3*time.Second
			if slices.ContainsFunc(frozen[name], func(what view) bool { return slices.Contains(what.resources, "nodes") }) {
				to.node, gathered = "11.22.33.55", 13*time.Second
			}
			world.turn(ctx, to)
			want := world.settled(ctx, gathered)
			Expect(want).NotTo(Equal(world.whole))
			world.turn(ctx, plain())
			world.expectWhole(ctx, operator)

			By("freezing")
			acts := len(before.Acts())
			for _, each := range frozen[name] {
				valves[each.name].Freeze()
			}
			world.harm(ctx)
			world.turn(ctx, to)
			Consistently(operator.ailing).WithTimeout(gathered).Should(Succeed())

			By("thawing")
			held := 0
			for _, each := range frozen[name] {
				valves[each.name].Thaw()
				held += heldBack(each, acts)
			}
			thawed := time.Now()
			Expect(held).To(BeNumerically(">", 0))
			Eventually(world.state).WithArguments(ctx).WithTimeout(thawedWithin).Should(Equal(want))
			recovery := time.Since(thawed)
			world.turn(ctx, plain())
			world.expectWhole(ctx, operator)
			AddReportEntry(account.EntryName, account.Account{Test: "frozen watches of " + name, Faults: held, Recoveries: []time.Duration{recovery}})
		})
	}
})
