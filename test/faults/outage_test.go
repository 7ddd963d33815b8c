package faults_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
	"firebreak.dev/firebreak/test/harness"
)

// backWithin is how long the operator has after the end of an outage.
const backWithin = time.Minute

// outage is a time in which the API server does not answer the operator.
type outage struct {
	name string
	// strike begins it. It runs while a write of the operator waits, and keeps failures for later.
	strike func(context.Context, *site) error
	lasts  time.Duration
	// lift ends it: when it returns, the API server answers.
	lift func(context.Context, *site) error
	// watches are led through it, if it is there.
	watches *proxy.Valve
	// expires: whoever wants to go on with a watch is told to list again.
	expires bool
}

// kills is the death of components that come back with what they had.
func kills(name string, lasts time.Duration, components ...harness.Component) outage {
	return outage{
		name: name, lasts: lasts,
		strike: func(ctx context.Context, s *site) error {
			var errs []error
			for _, component := range components {
				errs = append(errs, s.plane.Kill(ctx, component))
			}
			return errors.Join(errs...)
		},
		lift: func(ctx context.Context, s *site) error { return s.plane.Revive(ctx, components...) },
	}
}

// compaction is the death of the API server, which comes back when etcd has forgotten what was.
func compaction() outage {
	o := kills("the API server is killed and comes back after a compaction", time.Second, harness.APIServer)
	o.expires = true
	o.lift = func(ctx context.Context, s *site) error {
		return errors.Join(s.plane.Compact(ctx), s.plane.Revive(ctx, harness.APIServer))
	}
	return o
}

// silence is when nothing of the operator arrives and it hears nothing, for longer than it waits for a write.
func silence() outage {
	watches := &proxy.Valve{}
	return outage{
		name: "nothing comes through", lasts: 15 * time.Second, watches: watches,
		strike: func(_ context.Context, s *site) error {
			watches.Freeze()
			s.before.SetRules(&proxy.Rule{Name: "silence", Fault: proxy.BlackHole()})
			return nil
		},
		lift: func(_ context.Context, s *site) error {
			s.before.SetRules(rulesOf(watches)...)
			watches.Thaw()
			return nil
		},
	}
}

// outages returns those that are met. The first is met every day, because it makes most requests go wrong.
func outages() []outage {
	return []outage{
		compaction(),
		kills("the API server is killed", 5*time.Second, harness.APIServer),
		kills("etcd is killed", 5*time.Second, harness.Etcd),
		kills("etcd and the API server are killed", 5*time.Second, harness.Etcd, harness.APIServer),
		silence(),
	}
}

// it makes a spec of an outage.
func (o outage) it(text string, body func(SpecContext)) {
	if o.expires {
		It(text, body)
		return
	}
	soakIt(text, body)
}

// rulesOf are the rules when there is no outage: they count what tells how the operator takes one, and lead its watches
// through a valve, if there is one.
func rulesOf(watches *proxy.Valve) []*proxy.Rule {
	rules := []*proxy.Rule{
		{Name: "write", Requests: proxy.Requests{Verbs: proxy.Writes(), Resources: []string{"networkpolicies"}}, Fault: proxy.Note()},
		{Name: "list", Requests: proxy.Requests{Verbs: []string{"list"}}, Fault: proxy.Note()},
	}
	if watches != nil {
		return append(rules, &proxy.Rule{Name: "watch", Requests: proxy.Requests{Verbs: []string{"watch"}}, Fault: watches.Fault()})
	}
	return append(rules, &proxy.Rule{Name: "list by watching", Requests: proxy.Requests{Verbs: []string{"watch"}, Parameters: proxy.InitialEvents()}, Fault: proxy.Note()})
}

// The steps of a story between which a profile changes when an outage strikes.
const (
	formerStep = 1
	latterStep = 3
)

// expected is what becomes of a profile where nothing fails.
type expected struct {
	// former and latter are the specs of the policies before and after the change, by tier.
	former, latter map[string]string
	// rewritten is how often the change writes the spec of each policy that stays.
	rewritten map[string]int64
}

func (s *site) withoutFaults(ctx context.Context) expected {
	GinkgoHelper()
	h := s.newHome(ctx, specOf(formerStep))
	former := h.settle(ctx)
	h.declare(ctx, specOf(latterStep))
	latter := h.settle(ctx)
	return expected{specs(former), specs(latter), rewritten(former, latter)}
}

// rewritten returns how often the specs of policies were written, of those that are the same object before and after.
func rewritten(before, after map[string]live) map[string]int64 {
	out := map[string]int64{}
	for tier, p := range after {
		if old, ok := before[tier]; ok && old.uid == p.uid {
			out[tier] = p.generation - old.generation
		}
	}
	return out
}

// trial is one outage, met by three homes at once.
type trial struct {
	site     *site
	operator *replica
	outage   outage
	want     expected
	// Nothing is done in resting. The profile of changing changes while the outage strikes, and into drifting somebody
	// makes a hole as soon as it is over.
	resting, changing, drifting *home
	// was are the policies before, of each home.
	was map[*home]map[string]live
}

// meet lets an outage happen and expects the operator to come back from it.
func (s *site) meet(ctx context.Context, o outage, operator *replica, want expected) {
	GinkgoHelper()
	t := &trial{site: s, operator: operator, outage: o, want: want, was: map[*home]map[string]live{}}
	s.before.SetRules(rulesOf(o.watches)...)
	for _, h := range []**home{&t.resting, &t.changing, &t.drifting} {
		*h = s.newHome(ctx, specOf(formerStep))
	}
	for _, h := range []*home{t.resting, t.changing, t.drifting} {
		t.was[h] = h.settle(ctx)
	}
	t.changing.trace.expectNothingLostOrOpened(t.changing.trace.take(ctx), "creation")
	ends, acts := operator.endedByItself(), len(s.before.Acts())

	t.strikeAmidChange(ctx)
	lifted := time.Now()
	t.drifting.open(ctx, "db")
	Eventually(t.unfinished).WithArguments(ctx).WithTimeout(backWithin).Should(Succeed())
	recovery := time.Since(lifted)
	Consistently(t.unfinished).WithArguments(ctx).WithTimeout(3 * time.Second).Should(Succeed())

	done := s.before.Acts()[acts:]
	t.expectNothingTakenAway(ctx, done)
	if o.expires {
		expectListedAgain(done)
	}
	writes := t.changing.trace.take(ctx)
	t.changing.trace.expectNothingLostOrOpened(writes, o.name)
	a := account.Account{Test: "outage: " + o.name, Faults: 1, Writes: len(writes), Recoveries: []time.Duration{recovery}}
	if ended := operator.endedByItself() - ends; ended > 0 {
		a.Note = fmt.Sprintf("the operator ended by itself %d times", ended)
	}
	AddReportEntry(account.EntryName, a)
}

// strikeAmidChange begins the outage at the second write of a change, and returns when it is over.
func (t *trial) strikeAmidChange(ctx context.Context) {
	GinkgoHelper()
	struck := make(chan error, 1)
	strike := &proxy.Rule{
		Name:     "the outage strikes",
		Requests: proxy.Requests{Verbs: proxy.Writes(), Resources: []string{"networkpolicies"}, Namespaces: []string{t.changing.profile.Namespace}},
		When:     proxy.Nth(2),
		Fault:    proxy.Before(func(proxy.Act) { struck <- t.outage.strike(ctx, t.site) }),
	}
	t.site.before.SetRules(append([]*proxy.Rule{strike}, rulesOf(t.outage.watches)...)...)
	t.changing.declare(ctx, specOf(latterStep))
	Eventually(struck).Should(Receive(BeNil()))
	over := time.After(t.outage.lasts)
	Eventually(over).WithTimeout(t.outage.lasts + time.Minute).Should(Receive())
	Expect(t.outage.lift(ctx, t.site)).To(Succeed())
}

// unfinished returns what is not as it must be.
func (t *trial) unfinished(ctx context.Context) error {
	return errors.Join(t.resting.has(ctx, t.want.former), t.changing.has(ctx, t.want.latter), t.drifting.has(ctx, t.want.former))
}

// expectNothingTakenAway holds the policies against those before: what the watch missed shows in UIDs, generations and
// resourceVersions all the same.
func (t *trial) expectNothingTakenAway(ctx context.Context, acts []proxy.Act) {
	GinkgoHelper()
	now := map[*home]map[string]live{}
	for h := range t.was {
		var err error
		now[h], err = h.policies(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, p := range now[h] {
			Expect(deleted(acts, h.profile.Namespace, p.name)).To(BeFalse(), "%s", p.name)
		}
	}
	Expect(now[t.resting]).To(Equal(t.was[t.resting]), "where nothing was done, nothing is written")
	// A plan that was interrupted may get there with less.
	times := rewritten(t.was[t.changing], now[t.changing])
	Expect(times).To(HaveLen(len(t.want.rewritten)), "of the policies that stay, none is another object")
	for tier, usual := range t.want.rewritten {
		Expect(times[tier]).To(BeNumerically("<=", usual), tier)
	}
	drift := map[string]int64{}
	for tier := range t.was[t.drifting] {
		drift[tier] = 0
	}
	// The hole, and its correction.
	drift["db"] = 2
	Expect(rewritten(t.was[t.drifting], now[t.drifting])).To(Equal(drift))
}

// deleted says whether the operator asked for the deletion of a policy.
func deleted(acts []proxy.Act, namespace, name string) bool {
	return slices.ContainsFunc(acts, func(act proxy.Act) bool {
		return act.Rule == "write" && act.Verb == "delete" && act.Namespace == namespace && act.Name == name
	})
}

// expectListedAgain fails unless the operator listed anew what policies are made from: nobody could tell it what it had
// missed.
func expectListedAgain(acts []proxy.Act) {
	GinkgoHelper()
	listed := map[string]bool{}
	for _, act := range acts {
		if act.Rule != "write" {
			listed[act.Resource] = true
		}
	}
	Expect(slices.Collect(maps.Keys(listed))).To(ContainElements("networkpolicies", "segmentationprofiles", "clustersegmentationprofiles", "namespaces", "pods", "services"))
}

var _ = Describe("An outage", Ordered, ContinueOnFailure, func() {
	var (
		place    *site
		operator *replica
		want     expected
	)

	BeforeAll(func(ctx SpecContext) {
		place = startSite(ctx, harness.Options{Outages: true})
		operator = place.startReplica(ctx, place.before, "--leader-elect=false")
		want = place.withoutFaults(ctx)
	})

	for _, o := range outages() {
		o.it("leaves no trace when "+o.name, func(ctx SpecContext) {
			place.meet(ctx, o, operator, want)
			Expect(operator.endedByItself()).To(BeZero(), "nothing needs it to be started again")
		})
	}
})

// A leader that cannot renew its lease ends, and Kubernetes starts it again.
var _ = Describe("An outage that costs the leader its lease", Ordered, ContinueOnFailure, func() {
	var (
		place    *site
		operator *replica
		want     expected
	)

	BeforeAll(func(ctx SpecContext) {
		place = startSite(ctx, harness.Options{Outages: true})
		operator = place.startReplica(ctx, place.before)
		want = place.withoutFaults(ctx)
	})

	for _, o := range []outage{
		kills("the API server is killed for long", 15*time.Second, harness.APIServer),
		silence(),
	} {
		soakIt("leaves no trace when "+o.name, func(ctx SpecContext) {
			ends := operator.endedByItself()
			place.meet(ctx, o, operator, want)
			Expect(operator.endedByItself()).To(BeNumerically(">", ends))
		})
	}
})
