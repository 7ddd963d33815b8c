package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

var _ = Describe("somebody who keeps changing a policy back", func() {
	const hole = `{"spec":{"egress":[{}]}}`

	// promptly is how long a correction may take on a busy machine; what a fight holds up takes as long as the fight.
	const promptly = 5 * time.Second

	// revert patches a policy every 100 ms until it is told to stop.
	revert := func(policy types.NamespacedName) (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer GinkgoRecover()
			defer close(done)
			ticker := time.NewTicker(100 * time.Millisecond)
			defer ticker.Stop()
			for {
				target := &networkingv1.NetworkPolicy{}
				target.Namespace, target.Name = policy.Namespace, policy.Name
				err := k8s.Patch(ctx, target, client.RawPatch(types.MergePatchType, []byte(hole)), client.FieldOwner("rival"))
				if ctx.Err() == nil {
					Expect(client.IgnoreNotFound(err)).To(Succeed())
				}
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
			}
		}()
		stop = func() { cancel(); <-done }
		DeferCleanup(stop)
		return stop
	}
	// count counts the operator's writes of a policy that are not refused.
	count := func(policy types.NamespacedName) *atomic.Int64 {
		var writes atomic.Int64
		faults.set(func(_ string, p *networkingv1.NetworkPolicy) error {
			if p.Namespace == policy.Namespace && p.Name == policy.Name {
				writes.Add(1)
			}
			return nil
		})
		return &writes
	}
	// open makes a hole and returns how long it lasts.
	open := func(ctx SpecContext, namespace, tier string) time.Duration {
		GinkgoHelper()
		policy := policyNamed(ctx, namespace, "segp."+tier)
		began := time.Now()
		Expect(k8s.Patch(ctx, &policy, client.RawPatch(types.MergePatchType, []byte(hole)))).To(Succeed())
		Eventually(func() []networkingv1.NetworkPolicyEgressRule {
			return policyNamed(ctx, namespace, policy.Name).Spec.Egress
		}).Should(BeEmpty())
		return time.Since(began)
	}

	It("is corrected about once a second, which is said as long as it lasts, and holds nothing else up", func(ctx SpecContext) {
		ns, elsewhere := newNamespace(ctx, nil), newNamespace(ctx, nil)
		p, other := newProfile(ctx, ns, "shop", twoTiers), newProfile(ctx, ns, "other", twoTiers)
		remote := newProfile(ctx, elsewhere, "shop", twoTiers)
		for _, profile := range []client.Object{p, other, remote} {
			expectReady(ctx, profile)
		}
		policy := policyNamed(ctx, ns, "segp.shop.default-deny-")
		writes := count(client.ObjectKeyFromObject(&policy))
		began := time.Now()
		stop := revert(client.ObjectKeyFromObject(&policy))
		Eventually(func() string { return condition(ctx, p, "Stalled") }).Should(Equal("True/Contested"))
		Expect(condition(ctx, p, "Ready")).To(Equal("False/Contested"))
		Expect(status(ctx, p).Findings).To(ContainElement(And(HaveField("Code", v1alpha1.CodeContested), HaveField("Place", "NetworkPolicy "+policy.Name),
			HaveField("Message", ContainSubstring("1 egress rule added")))))

		By("changing other policies, of the same profile, the same namespace and another one")
		Expect(open(ctx, ns, "shop.db")).To(BeNumerically("<", promptly))
		Expect(open(ctx, ns, "other.default-deny")).To(BeNumerically("<", promptly))
		Expect(open(ctx, elsewhere, "shop.default-deny")).To(BeNumerically("<", promptly))
		Expect(condition(ctx, other, "Ready")).To(Equal("True/Applied"))
		Expect(condition(ctx, remote, "Ready")).To(Equal("True/Applied"))

		By("changing the profile, which is carried out as far as it cuts nothing off")
		setSpec(ctx, other, "deletionPolicy: Retain\n"+twoTiers)
		expectReady(ctx, other)

		Eventually(func() time.Duration { return time.Since(began) }).Should(BeNumerically(">", 5*time.Second))
		stop()
		seconds := time.Since(began).Seconds()
		Expect(writes.Load()).To(And(BeNumerically(">=", 10), BeNumerically("<=", 10+seconds+2)))
		Expect(message(ctx, p, "Ready")).To(ContainSubstring("by somebody else (rival) again and again"))

		By("leaving the policy alone at last")
		Eventually(func() []networkingv1.NetworkPolicyEgressRule { return policyNamed(ctx, ns, policy.Name).Spec.Egress }, "3s").Should(BeEmpty())
		expectReady(ctx, p)
		Expect(status(ctx, p).Findings).NotTo(ContainElement(HaveField("Code", v1alpha1.CodeContested)))
		corrections := status(ctx, p).Drift.Corrections
		Expect(corrections).To(BeNumerically("~", writes.Load()+1, 3), "each correction is counted once, that of the other policy too")
	})

	It("does not keep the profile from being carried out, not even two of them out of step", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", strings.Replace(twoTiers, "[ingress]", "[ingress, former]", 1))
		expectReady(ctx, p)
		db, deny, web := policyNamed(ctx, ns, "segp.shop.db-"), policyNamed(ctx, ns, "segp.shop.default-deny-"), policyNamed(ctx, ns, "segp.shop.web-")
		stops, began := []func(){revert(client.ObjectKeyFromObject(&db))}, time.Now()
		Eventually(func() time.Duration { return time.Since(began) }).Should(BeNumerically(">", 450*time.Millisecond))
		stops = append(stops, revert(client.ObjectKeyFromObject(&deny)))
		contested := func() []string {
			var places []string
			for _, f := range status(ctx, p).Findings {
				if f.Code == v1alpha1.CodeContested {
					places = append(places, f.Place)
				}
			}
			return places
		}
		Eventually(contested).Should(ConsistOf("NetworkPolicy "+db.Name, "NetworkPolicy "+deny.Name))

		By("narrowing the profile, and opening what it narrows")
		began = time.Now()
		setSpec(ctx, p, twoTiers)
		Expect(k8s.Patch(ctx, &web, client.RawPatch(types.MergePatchType, []byte(hole)))).To(Succeed())
		Eventually(func() string {
			spec := policyNamed(ctx, ns, web.Name).Spec
			return fmt.Sprint(len(spec.Ingress[0].From), len(spec.Egress), len(spec.Egress[0].To))
		}, promptly).Should(Equal("1 1 1"), "one caller left, and the hole closed, while both fights go on")
		AddReportEntry("carried out within", time.Since(began))
		Eventually(func() string { return condition(ctx, p, "Ready") }).Should(Equal("False/Contested"), "of the new generation too")
		for _, stop := range stops {
			stop()
		}
		expectReady(ctx, p)
	})

	It("is met so, too, who deletes it each time", func(ctx SpecContext) {
		ns := newNamespace(ctx, nil)
		p := newProfile(ctx, ns, "shop", twoTiers)
		expectReady(ctx, p)
		policy := policyNamed(ctx, ns, "segp.shop.db-")
		writes := count(client.ObjectKeyFromObject(&policy))
		began := time.Now()
		Eventually(func() time.Duration {
			err := k8s.Delete(ctx, &networkingv1.NetworkPolicy{ObjectMeta: policy.ObjectMeta}, client.Preconditions{})
			if !apierrors.IsConflict(err) {
				Expect(client.IgnoreNotFound(err)).To(Succeed())
			}
			return time.Since(began)
		}, "10s", "20ms").Should(BeNumerically(">", 4*time.Second))
		Expect(writes.Load()).To(BeNumerically("<=", 10+4+2))
		Expect(condition(ctx, p, "Ready")).To(Equal("False/Contested"))
		Eventually(func() []string { return tiersOf(ctx, ns) }, "3s").Should(HaveLen(3))
		expectReady(ctx, p)
	})
})
