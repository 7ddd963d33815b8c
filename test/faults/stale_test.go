package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
)

// thawedWithin is how long the operator has when it sees everything again.
const thawedWithin = 30 * time.Second

// Two specs of which the second lacks a tier that nothing speaks of: nothing is written for it but a deletion, so that no
// policy tells of its generation.
const (
	withSpare    = withoutSpare + "\n- {name: cache, podSelector: {matchLabels: {app: cache}}, ports: [{port: 6379}]}"
	withoutSpare = `
dns: None
allow: [{name: web-db, from: [{tier: web}], to: [{tier: db}]}]
tiers:
- {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}]}
- {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}`
)

// withoutCacheTier returns the specs of policies as they are without the tier that goes.
func withoutCacheTier(was map[string]string) map[string]string {
	out := maps.Clone(was)
	delete(out, "cache")
	return out
}

// atOtherPort returns a spec whose tier db is at another port, and the policies that it means.
func atOtherPort(was map[string]string) (spec string, means map[string]string) {
	replace := func(text string) string { return strings.ReplaceAll(text, "5432", "5433") }
	means = map[string]string{}
	for tier, text := range was {
		means[tier] = replace(text)
	}
	return replace(withSpare), means
}

// hole is the part of a policy's spec by which the suite's own changes are known.
const hole = `"egress":[{}]`

// valves let the watches of some resources freeze, and those of others go on.
type valves map[string]*proxy.Valve

// newValves returns an open valve for the watches of each of these views.
func newValves(of ...view) valves {
	out := valves{}
	for _, what := range of {
		out[what.name] = &proxy.Valve{}
	}
	return out
}

// rules lead the watches of some views through their valves, and count how policies are read and written.
func (v valves) rules(of ...view) []*proxy.Rule {
	rules := rulesOf(nil)
	for _, what := range of {
		rules = append([]*proxy.Rule{{
			Name: "watch " + what.name, Requests: proxy.Requests{Verbs: []string{"watch"}, Resources: what.resources}, Fault: v[what.name].Fault(),
		}}, rules...)
	}
	return rules
}

// frozen is an operator of which the watches of one view can freeze, beside a home.
type frozen struct {
	*mortal
	*proxy.Valve
	home *home
	// was are the specs of the home's policies at first, by tier.
	was map[string]string
}

// startFrozen starts an operator, and makes a home in which it has carried a spec out.
func startFrozen(ctx context.Context, what view, spec string) *frozen {
	GinkgoHelper()
	valves := newValves(what)
	before.SetRules(valves.rules(what)...)
	f := &frozen{mortal: startMortal(ctx), Valve: valves[what.name], home: suiteSite().newHome(ctx, spec)}
	f.was = specs(f.home.settle(ctx))
	f.home.trace.take(ctx)
	return f
}

// thaw lets the operator see everything again, and returns how long it takes until it has carried out what is declared then.
func (f *frozen) thaw(ctx context.Context, spec string, want map[string]string) time.Duration {
	GinkgoHelper()
	f.Thaw()
	thawed := time.Now()
	f.home.declare(ctx, spec)
	Eventually(f.home.has).WithArguments(ctx, want).WithTimeout(thawedWithin).Should(Succeed())
	Expect(f.ailing()).To(Succeed())
	return time.Since(thawed)
}

// relist lets the operator read everything of a view anew, as it is by then, and shows it nothing of what was before.
func (f *frozen) relist(what view) {
	before.SetRules(
		&proxy.Rule{Name: "initial", Requests: initialEvents(what.resources...), Fault: f.Fault()},
		&proxy.Rule{Name: "gone", Requests: proxy.Requests{Verbs: []string{"watch"}, Resources: what.resources}, Fault: proxy.Answer(http.StatusGone, 0)},
	)
	f.Cut()
	f.Thaw()
}

// viewOf returns a view by its name.
func viewOf(name string) view {
	for _, what := range views() {
		if what.name == name {
			return what
		}
	}
	panic("there is no view of " + name)
}

// touch makes the operator look at the namespace.
func (h *home) touch(ctx context.Context) {
	GinkgoHelper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata": {"labels": {"touched": "%d"}}}`, time.Now().UnixNano()))
	Expect(k8s.Patch(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: h.profile.Namespace}}, patch)).To(Succeed())
}

// expectNothingOlder looks at what was written in the home since it was last looked at: policies that are missing are the
// worst of it, or that the suite itself opened. It returns how many writes that were.
func (h *home) expectNothingOlder(ctx context.Context, want map[string]string) int {
	GinkgoHelper()
	writes := h.trace.take(ctx)
	for _, w := range writes {
		for _, policy := range w.after {
			text, err := json.Marshal(policy.Spec)
			Expect(err).NotTo(HaveOccurred())
			if !strings.Contains(string(text), hole) {
				Expect(want).To(HaveKeyWithValue(policy.Labels[v1alpha1.LabelTier], string(text)), "%s takes something back", w.what)
			}
		}
	}
	return len(writes)
}

// startRival starts another operator, which sees everything. Nothing keeps two from writing but what each knows.
func startRival(ctx context.Context) *replica {
	GinkgoHelper()
	return suiteSite().startReplica(ctx, suiteSite().startProxy(ctx), "--leader-elect=false")
}

var _ = Describe("An operator whose watches freeze", func() {
	It("takes nothing back that another one does for a newer profile", func(ctx SpecContext) {
		profiles, acts := viewOf("profiles"), len(before.Acts())
		f := startFrozen(ctx, profiles, withSpare)
		want := withoutCacheTier(f.was)
		gone := suiteSite().newHome(ctx, withSpare)
		Eventually(gone.ready).WithArguments(ctx).Should(Succeed())
		f.Freeze()
		rival := startRival(ctx)
		f.home.declare(ctx, withoutSpare)
		Expect(k8s.Delete(ctx, gone.profile)).To(Succeed())
		Eventually(f.home.has).WithArguments(ctx, want).Should(Succeed())
		Eventually(gone.specs).WithArguments(ctx).Should(BeEmpty())
		f.home.trace.take(ctx)
		gone.trace.take(ctx)

		By("looking again, and putting right")
		for _, h := range []*home{f.home, gone} {
			h.touch(ctx)
		}
		f.home.open(ctx, "db")
		Eventually(f.home.specs).WithArguments(ctx).Should(Equal(want))
		Consistently(f.home.specs).WithArguments(ctx).WithTimeout(time.Second).Should(Equal(want))
		writes := f.home.expectNothingOlder(ctx, want) + gone.expectNothingOlder(ctx, nil)
		rival.kill()

		By("thawing")
		Expect(heldBack(profiles, acts)).To(BeNumerically(">", 0))
		AddReportEntry(account.EntryName, account.Account{
			Test: "a newer profile that is not seen", Faults: heldBack(profiles, acts), Writes: writes,
			Recoveries: []time.Duration{f.thaw(ctx, withSpare, f.was)},
		})
	})

	It("carries out what is declared while it does not see its own writes, and writes nothing when it does", func(ctx SpecContext) {
		policies, acts := viewOf("policies"), len(before.Acts())
		f := startFrozen(ctx, policies, withSpare)
		spec, latter := atOtherPort(f.was)
		f.Freeze()
		f.home.declare(ctx, spec)
		Eventually(f.home.has).WithArguments(ctx, latter).Should(Succeed())

		By("looking again, at the policies themselves")
		lists := func() int { return count("list", f.home.profile.Namespace, acts) }
		read := lists()
		f.home.touch(ctx)
		Eventually(lists).Should(BeNumerically(">", read))
		f.home.declare(ctx, withSpare)
		Eventually(f.home.has).WithArguments(ctx, f.was).Should(Succeed())
		f.home.trace.take(ctx)

		By("thawing")
		Expect(heldBack(policies, acts)).To(BeNumerically(">", 0))
		f.Thaw()
		Consistently(f.home.has).WithArguments(ctx, f.was).Should(Succeed())
		Expect(f.home.trace.take(ctx)).To(BeEmpty())
		AddReportEntry(account.EntryName, account.Account{
			Test: "own writes that are not seen", Faults: heldBack(policies, acts), Recoveries: []time.Duration{f.thaw(ctx, spec, latter)},
		})
	})
})

var _ = Describe("An operator that sees neither profiles nor policies any more", func() {
	It("takes nothing back that another one does for a newer profile, when it looks after its own last write", func(ctx SpecContext) {
		policies, profiles := viewOf("policies"), viewOf("profiles")
		all, acts := newValves(policies, profiles), len(before.Acts())
		before.SetRules(all.rules(policies, profiles)...)
		operator, h := startMortal(ctx), suiteSite().newHome(ctx, withoutSpare)
		h.settle(ctx)
		all[policies.name].Freeze()
		h.declare(ctx, withSpare)
		Eventually(h.ready).WithArguments(ctx).Should(Succeed())
		withCache, err := h.specs(ctx)
		Expect(err).NotTo(HaveOccurred())
		all[profiles.name].Freeze()
		rival := startRival(ctx)
		spec, want := atOtherPort(withCache)
		h.declare(ctx, spec)
		Eventually(h.has).WithArguments(ctx, want).Should(Succeed())
		rival.kill()
		h.trace.take(ctx)

		lists := count("list", h.profile.Namespace, acts)
		Eventually(func() int { return count("list", h.profile.Namespace, acts) }).Should(BeNumerically(">", lists), "it looks after its own last write")
		h.touch(ctx)
		Consistently(h.specs).WithArguments(ctx).WithTimeout(3 * time.Second).Should(Equal(want))
		Expect(h.expectNothingOlder(ctx, want)).To(BeZero())
		faults := heldBack(policies, acts) + heldBack(profiles, acts)
		Expect(faults).To(BeNumerically(">", 1))

		By("thawing")
		thawed := time.Now()
		for _, v := range all {
			v.Thaw()
		}
		Eventually(h.has).WithArguments(ctx, want).WithTimeout(thawedWithin).Should(Succeed())
		h.declare(ctx, withSpare)
		Eventually(h.has).WithArguments(ctx, withCache).WithTimeout(thawedWithin).Should(Succeed())
		Expect(operator.ailing()).To(Succeed())
		AddReportEntry(account.EntryName, account.Account{
			Test: "newer profiles and policies that are not seen", Faults: faults, Recoveries: []time.Duration{time.Since(thawed)},
		})
	})
})

var _ = Describe("An operator whose watch of policies breaks before it shows a new one", func() {
	It("makes it again when it is deleted meanwhile, of which no event tells", func(ctx SpecContext) {
		f := startFrozen(ctx, viewOf("policies"), withoutSpare)
		f.Freeze()
		f.home.declare(ctx, withSpare)
		Eventually(f.home.ready).WithArguments(ctx).Should(Succeed())
		want, err := f.home.specs(ctx)
		Expect(err).NotTo(HaveOccurred())
		policies, err := f.home.policies(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(policies).To(HaveKey("cache"))
		Expect(admin.NetworkingV1().NetworkPolicies(f.home.profile.Namespace).Delete(ctx, policies["cache"].name, metav1.DeleteOptions{})).To(Succeed())
		f.home.trace.take(ctx)

		By("listing anew")
		f.relist(viewOf("policies"))
		broke := time.Now()
		Eventually(f.home.has).WithArguments(ctx, want).WithTimeout(thawedWithin).Should(Succeed(), lastActs)
		AddReportEntry(account.EntryName, account.Account{Test: "a policy that came and went unseen", Faults: 1, Recoveries: []time.Duration{time.Since(broke)}})
	})
})

// listPaths are where the lists of resources are that may be old.
func listPaths() map[string]string {
	return map[string]string{
		"networkpolicies":             "/apis/networking.k8s.io/v1/networkpolicies",
		"segmentationprofiles":        "/apis/firebreak.dev/v1alpha1/segmentationprofiles",
		"clustersegmentationprofiles": "/apis/firebreak.dev/v1alpha1/clustersegmentationprofiles",
	}
}

// past lets the operator that starts next see some resources as they are now, as an API server does that lags behind and
// does not know lists by watching. Then its watches go on from there, through a valve.
func past(ctx context.Context, what view, valves valves) []*proxy.Rule {
	GinkgoHelper()
	var rules []*proxy.Rule
	for _, resource := range what.resources {
		list, err := admin.RESTClient().Get().AbsPath(listPaths()[resource]).DoRaw(ctx)
		Expect(err).NotTo(HaveOccurred())
		rules = append(rules,
			&proxy.Rule{Name: "no list by watching of " + resource, Requests: initialEvents(resource), Fault: proxy.Answer(http.StatusBadRequest, 0)},
			&proxy.Rule{Name: "old list of " + resource, Requests: proxy.Requests{
				Verbs: []string{"list"}, Resources: []string{resource}, Namespaces: []string{""}, Parameters: map[string]string{"resourceVersion": "0"},
			}, Fault: proxy.Give(list)},
		)
	}
	return append(rules, valves.rules(what)...)
}

var _ = Describe("An operator that starts from an old list", func() {
	for _, what := range []view{viewOf("policies"), viewOf("profiles")} {
		soakIt("of "+what.name+" takes nothing back", func(ctx SpecContext) {
			acts := len(before.Acts())
			f := startFrozen(ctx, what, withSpare)
			valves := newValves(what)
			old := past(ctx, what, valves)
			f.home.declare(ctx, withoutSpare)
			want := specs(f.home.settle(ctx))
			f.home.trace.take(ctx)

			By("starting again")
			valves[what.name].Freeze()
			before.SetRules(old...)
			f.crash()
			for _, resource := range what.resources {
				Eventually(before.Counts).Should(HaveKey("old list of " + resource))
			}
			f.home.touch(ctx)
			Consistently(f.home.specs).WithArguments(ctx).WithTimeout(5 * time.Second).Should(Equal(want))
			f.home.open(ctx, "db")
			if what.name == "profiles" {
				Eventually(f.home.specs).WithArguments(ctx).Should(Equal(want))
			}
			writes := f.home.expectNothingOlder(ctx, want)

			By("thawing")
			valves[what.name].Thaw()
			thawed := time.Now()
			Eventually(f.home.has).WithArguments(ctx, want).WithTimeout(thawedWithin).Should(Succeed())
			AddReportEntry(account.EntryName, account.Account{
				Test: "a start from an old list of " + what.name, Faults: heldBack(what, acts), Writes: writes, Recoveries: []time.Duration{time.Since(thawed)},
			})
			f.thaw(ctx, withSpare, f.was)
		})
	}
})
