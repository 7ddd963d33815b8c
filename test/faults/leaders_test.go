package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
)

// takenOverWithin is how long a replica that stands by has when nobody gave the lease back: it lasts for 15 seconds, and is
// looked at every two.
const takenOverWithin = 20 * time.Second

// pair is two replicas, each with a proxy of its own before the same API server.
type pair struct {
	site            *site
	leader, standby *replica
	// leads and stands are the proxies of leader and standby, as they were at first.
	leads, stands *proxy.Proxy
}

// startPair starts two replicas, and returns when the first is the leader and the second stands by.
func (s *site) startPair(ctx context.Context) *pair {
	GinkgoHelper()
	p := &pair{site: s, leads: s.startProxy(ctx), stands: s.startProxy(ctx)}
	p.leads.SetRules(noteWrites()...)
	p.stands.SetRules(noteWrites()...)
	p.leader = s.startReplica(ctx, p.leads)
	DeferCleanup(p.leader.terminate)
	Eventually(p.leads.Counts).WithTimeout(time.Minute).Should(HaveKey("lease taken"), "the first replica leads")
	p.standby = s.startReplica(ctx, p.stands)
	DeferCleanup(p.standby.terminate)
	Eventually(p.stands.Counts).WithTimeout(time.Minute).Should(HaveKey("lease"), "the second replica wants to lead")
	return p
}

// noteWrites counts what only a leader may write, and who wants to be it.
func noteWrites() []*proxy.Rule {
	return []*proxy.Rule{
		{Name: "event", Requests: proxy.Requests{Resources: []string{"events"}}, Fault: proxy.Note()},
		{Name: "lease taken", Requests: proxy.Requests{Verbs: []string{"create", "update"}, Resources: []string{"leases"}}, Fault: proxy.Note()},
		{Name: "lease", Requests: proxy.Requests{Resources: []string{"leases"}}, Fault: proxy.Note()},
		{Name: "write", Requests: proxy.Requests{Verbs: proxy.Writes()}, Fault: proxy.Note()},
	}
}

// writes returns the acts of a proxy that only a leader may cause.
func writes(p *proxy.Proxy) []proxy.Act {
	var out []proxy.Act
	for _, act := range p.Acts() {
		if act.Rule == "write" || act.Rule == "late" {
			out = append(out, act)
		}
	}
	return out
}

// expectOneWriterAtATime fails unless the leader's last write was sent before the first of the other.
func (p *pair) expectOneWriterAtATime() {
	GinkgoHelper()
	former, latter := writes(p.leads), writes(p.stands)
	Expect(former).NotTo(BeEmpty())
	Expect(latter).NotTo(BeEmpty())
	Expect(former[len(former)-1].Time).To(BeTemporally("<", latter[0].Time), "%v, then %v", former[len(former)-1], latter[0])
}

// freezeLease lets the leader's renewals vanish, and has these rules apply before all others.
func (p *pair) freezeLease(more ...*proxy.Rule) {
	frozen := &proxy.Rule{Name: "frozen lease", Requests: proxy.Requests{Resources: []string{"leases"}}, Fault: proxy.BlackHole()}
	p.leads.SetRules(append(append([]*proxy.Rule{frozen}, more...), noteWrites()...)...)
}

var _ = Describe("Two replicas with a proxy each", Ordered, ContinueOnFailure, func() {
	var (
		place *site
		want  expected
	)

	BeforeAll(func(ctx SpecContext) {
		place = suiteSite()
		operator := place.startReplica(ctx, place.before, "--leader-elect=false")
		want = place.withoutFaults(ctx)
		operator.kill()
	})

	// newChanging makes a home whose profile is about to change.
	newChanging := func(ctx SpecContext) (*home, map[string]live) {
		GinkgoHelper()
		h := place.newHome(ctx, specOf(formerStep))
		was := h.settle(ctx)
		h.trace.expectNothingLostOrOpened(h.trace.take(ctx), "creation")
		return h, was
	}
	// expectSame waits for the state that the change leads to where nothing fails, and looks at every write on the way.
	expectSame := func(ctx SpecContext, h *home, within time.Duration) (checked int) {
		GinkgoHelper()
		Eventually(h.has).WithArguments(ctx, want.latter).WithTimeout(within).Should(Succeed())
		Consistently(h.has).WithArguments(ctx, want.latter).WithTimeout(3 * time.Second).Should(Succeed())
		writes := h.trace.take(ctx)
		h.trace.expectNothingLostOrOpened(writes, "the change")
		return len(writes)
	}

	for _, c := range []struct {
		name   string
		end    func(*replica)
		within time.Duration
	}{
		{"is killed", (*replica).kill, takenOverWithin},
		{"gets SIGTERM", (*replica).terminate, 5 * time.Second},
	} {
		soakIt("finish a change in the middle of which the leader "+c.name, func(ctx SpecContext) {
			p := place.startPair(ctx)
			h, _ := newChanging(ctx)
			ended := make(chan time.Time, 1)
			middle := &proxy.Rule{
				Name: "write", When: proxy.Nth(3), Requests: proxy.Requests{Verbs: proxy.Writes(), Resources: []string{"networkpolicies"}},
				Fault: proxy.Before(func(proxy.Act) {
					go func() {
						defer GinkgoRecover()
						began := time.Now()
						c.end(p.leader)
						ended <- began
					}()
				}),
			}
			p.leads.SetRules(append([]*proxy.Rule{middle}, noteWrites()...)...)
			h.declare(ctx, specOf(latterStep))
			var began time.Time
			Eventually(ended).Should(Receive(&began))
			// What is declared while nobody leads counts, too.
			other := place.newHome(ctx, specOf(latterStep))
			Eventually(other.has).WithArguments(ctx, want.latter).WithTimeout(c.within - time.Since(began)).Should(Succeed())
			recovery := time.Since(began)
			checked := expectSame(ctx, h, c.within)
			p.expectOneWriterAtATime()
			AddReportEntry(account.EntryName, account.Account{Test: "the leader " + c.name, Faults: 1, Writes: checked, Recoveries: []time.Duration{recovery}})
		})
	}

	soakIt("never write at the same time when the leader's lease is frozen", func(ctx SpecContext) {
		p := place.startPair(ctx)
		h, _ := newChanging(ctx)
		drifting := place.newHome(ctx, specOf(formerStep))
		drifting.settle(ctx)
		began := time.Now()
		p.freezeLease()
		h.declare(ctx, specOf(latterStep))
		alone := len(writes(p.leads))
		Eventually(func() int {
			drifting.open(ctx, "db")
			return len(writes(p.stands))
		}, "60s", "300ms").Should(BeNumerically(">", 0), "the other takes over")
		tookOver := time.Since(began)
		Expect(len(writes(p.leads))).To(BeNumerically(">", alone), "it writes on for as long as it may")
		checked := expectSame(ctx, h, takenOverWithin)
		// Its profile is not ready: the fight is reported until it has been calm for a while.
		Eventually(drifting.specs).WithArguments(ctx).Should(Equal(want.former))
		p.expectOneWriterAtATime()
		Expect(p.leader.endedByItself()).To(BeNumerically(">=", 1), "who loses the lease ends")
		AddReportEntry(account.EntryName, account.Account{Test: "the leader's lease is frozen", Faults: 1, Writes: checked, Recoveries: []time.Duration{tookOver}})
	})

	for _, verb := range []string{"update", "create", "delete"} {
		soakIt("take nothing back when a former leader's "+verb+" arrives late", func(ctx SpecContext) {
			p := place.startPair(ctx)
			h, _ := newChanging(ctx)
			release, answer := make(chan struct{}), make(chan int, 1)
			late := &proxy.Rule{
				Name: "late", When: proxy.Nth(1),
				Requests: proxy.Requests{Verbs: []string{verb}, Resources: []string{"networkpolicies"}, Namespaces: []string{h.profile.Namespace}},
				Fault:    proxy.Late(func(proxy.Act) { <-release }, func(code int) { answer <- code }),
			}
			p.freezeLease(late)
			h.declare(ctx, specOf(latterStep))
			Eventually(func() int { return p.leads.Counts()["late"] }).Should(Equal(1))
			checked := expectSame(ctx, h, time.Minute)
			after, err := h.policies(ctx)
			Expect(err).NotTo(HaveOccurred())

			close(release)
			refused := map[string]int{"update": http.StatusConflict, "create": http.StatusConflict, "delete": http.StatusNotFound}
			Eventually(answer).Should(Receive(Equal(refused[verb])))
			Consistently(h.policies).WithArguments(ctx).Should(Equal(after), "what was written since stays as it is")
			AddReportEntry(account.EntryName, account.Account{Test: fmt.Sprintf("a former leader's %s arrives late", verb), Faults: 1, Writes: checked})
		})
	}
})
