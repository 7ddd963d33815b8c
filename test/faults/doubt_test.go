package faults_test

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
)

// guestSpec is what a second profile of a namespace wants.
const guestSpec = `
dns: None
tiers: [{name: guest, podSelector: {matchLabels: {app: guest}}, ports: [{port: 7000}]}]`

// newGuest makes a second profile in the namespace of a home.
func (h *home) newGuest(ctx context.Context) *home {
	GinkgoHelper()
	guest := &home{site: h.site, profile: &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "guest", Namespace: h.profile.Namespace}}}
	guest.create(ctx, guestSpec)
	Eventually(guest.ready).WithArguments(ctx).Should(Succeed())
	return guest
}

// own returns the policies of the profile by tier, whatever other profiles have in the namespace.
func (h *home) own(ctx context.Context) map[string]networkingv1.NetworkPolicy {
	GinkgoHelper()
	var list networkingv1.NetworkPolicyList
	labels := client.MatchingLabels{v1alpha1.LabelProfile: h.profile.Name}
	Expect(h.site.k8s.List(ctx, &list, client.InNamespace(h.profile.Namespace), labels)).To(Succeed())
	out := map[string]networkingv1.NetworkPolicy{}
	for _, p := range list.Items {
		out[p.Labels[v1alpha1.LabelTier]] = p
	}
	return out
}

// lose deletes the policy of a tier of the profile, and returns it.
func (h *home) lose(ctx context.Context, tier string) networkingv1.NetworkPolicy {
	GinkgoHelper()
	policy := h.own(ctx)[tier]
	Expect(h.site.k8s.Delete(ctx, policy.DeepCopy())).To(Succeed())
	return policy
}

// repairOwn makes a hole into the policy of a tier of the profile, and returns after how long it is closed.
func (h *home) repairOwn(ctx context.Context, tier string) time.Duration {
	GinkgoHelper()
	policy := h.own(ctx)[tier]
	opened := time.Now()
	Expect(h.tryOpen(ctx, policy.Name)).To(Succeed())
	Eventually(func() networkingv1.NetworkPolicySpec { return h.own(ctx)[tier].Spec }).Should(Equal(policy.Spec), lastActs)
	return time.Since(opened)
}

var _ = Describe("A profile that may not be what the operator takes it for", func() {
	for _, changed := range []bool{false, true} {
		what := map[bool]string{false: "gone", true: "changed, and then gone"}[changed]
		It("holds up nobody else, and gets nothing, when it is "+what+", which the operator does not see", func(ctx SpecContext) {
			profiles, acts := viewOf("profiles"), len(before.Acts())
			f := startFrozen(ctx, profiles, withSpare)
			guest := f.home.newGuest(ctx)
			guests := guest.own(ctx)
			f.Freeze()
			if changed {
				f.home.declare(ctx, withoutSpare)
				f.home.lose(ctx, "cache")
				// Before it makes that again, the operator asks, and learns of the change.
				Eventually(f.home.own).WithArguments(ctx).Should(Not(HaveKey("cache")))
				f.home.lose(ctx, "db")
				Eventually(f.home.own).WithArguments(ctx).Should(And(HaveKey("db"), Not(HaveKey("cache"))))
			}
			Expect(k8s.Delete(ctx, f.home.profile)).To(Succeed())
			Eventually(f.home.own).WithArguments(ctx).Should(BeEmpty(), "the garbage collector takes them")
			f.home.trace.take(ctx)

			var took time.Duration
			for range 3 {
				took = max(took, guest.repairOwn(ctx, "guest"))
				f.home.touch(ctx)
			}
			Consistently(f.home.own).WithArguments(ctx).Should(BeEmpty())
			for _, w := range f.home.trace.take(ctx) {
				Expect(w.after).To(HaveLen(len(guests)), w.what)
			}
			AddReportEntry(account.EntryName, account.Account{
				Test: "a profile that is " + what + ", which is not seen", Faults: heldBack(profiles, acts), Recoveries: []time.Duration{took},
			})
			f.Thaw()
			Eventually(guest.ready).WithArguments(ctx).Should(Succeed())
			Expect(f.ailing()).To(Succeed())
		})
	}

	It("holds up nobody else when it cannot be read, and says so", func(ctx SpecContext) {
		acts := len(before.Acts())
		f := startFrozen(ctx, viewOf("profiles"), withSpare)
		guest := f.home.newGuest(ctx)
		rules := rulesOf(nil)
		unreadable := &proxy.Rule{
			Name: "unreadable", Fault: proxy.Answer(http.StatusForbidden, 0),
			Requests: proxy.Requests{Verbs: []string{"get"}, Resources: []string{"segmentationprofiles"}, Namespaces: []string{f.home.profile.Namespace}},
		}
		before.SetRules(append([]*proxy.Rule{unreadable}, rules...)...)
		lost := f.home.lose(ctx, "db")
		Eventually(f.home.reason).WithArguments(ctx).Should(Equal("False/" + v1alpha1.ReasonApplyFailed))
		Expect(f.home.message()).To(ContainSubstring("read SegmentationProfile %s/shop", f.home.profile.Namespace))
		took := guest.repairOwn(ctx, "guest")
		Expect(guest.ready(ctx)).To(Succeed())
		f.home.touch(ctx)
		Consistently(func() (string, error) {
			Expect(f.home.own(ctx)).NotTo(HaveKey("db"))
			return f.home.reason(ctx)
		}).WithTimeout(3 * time.Second).Should(Equal("False/" + v1alpha1.ReasonApplyFailed))

		before.SetRules(rules...)
		readable := time.Now()
		Eventually(f.home.ready).WithArguments(ctx).WithTimeout(thawedWithin).Should(Succeed())
		Expect(f.home.own(ctx)["db"].Spec).To(Equal(lost.Spec))
		AddReportEntry(account.EntryName, account.Account{
			Test: "a profile that cannot be read", Faults: count("unreadable", "", acts), Recoveries: []time.Duration{took, time.Since(readable)},
		})
	})
})
