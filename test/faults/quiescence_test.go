package faults_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
)

// fightLasts is how long somebody reverts a policy.
const fightLasts = 10 * time.Second

// estate is many homes of the same spec, and the operator that keeps them.
type estate struct {
	site  *site
	homes []*home
}

// newEstate makes homes, and returns when all of them are ready and nothing is written any more.
func (s *site) newEstate(ctx context.Context, size int) *estate {
	GinkgoHelper()
	e := &estate{site: s}
	for range size {
		h := s.newEmptyHome(ctx)
		h.create(ctx, specOf(formerStep))
		e.homes = append(e.homes, h)
	}
	for _, h := range e.homes {
		Eventually(h.ready).WithArguments(ctx).WithTimeout(5 * time.Minute).Should(Succeed())
	}
	written, since := -1, time.Now()
	Eventually(func() time.Duration {
		if now := len(e.writes(0, nil)); now != written {
			written, since = now, time.Now()
		}
		return time.Since(since)
	}).WithTimeout(time.Minute).Should(BeNumerically(">", 2*time.Second))
	return e
}

// writes returns the writes that the operator made since so many acts in the homes, but for one, or in no namespace.
func (e *estate) writes(since int, except *home) []proxy.Act {
	ours := map[string]bool{"": true}
	for _, h := range e.homes {
		ours[h.profile.Namespace] = h != except
	}
	var out []proxy.Act
	for _, act := range e.site.before.Acts()[since:] {
		if act.Rule == "write" && ours[act.Namespace] {
			out = append(out, act)
		}
	}
	return out
}

// watches returns the watches that the operator opened since so many acts.
func (e *estate) watches(since int) []proxy.Act {
	return slices.DeleteFunc(e.site.before.Acts()[since:], func(act proxy.Act) bool { return act.Rule != "watch" })
}

// versions returns the resourceVersions of everything in the homes, but for some.
func (e *estate) versions(ctx context.Context, except ...*home) map[string]string {
	GinkgoHelper()
	left := map[*home]bool{}
	for _, h := range except {
		left[h] = true
	}
	out := map[string]string{}
	for _, h := range e.homes {
		if left[h] {
			continue
		}
		policies, err := h.policies(ctx)
		Expect(err).NotTo(HaveOccurred())
		for _, p := range policies {
			out[h.profile.Namespace+"/"+p.name] = p.version
		}
		Expect(h.ready(ctx)).To(Succeed())
		out[h.profile.Namespace] = h.profile.ResourceVersion
	}
	return out
}

// fight reverts a policy every 100 ms until it is told to stop, and then returns how often it did.
func (h *home) fight(name string) (stop func() int) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var times atomic.Int64
	go func() {
		defer GinkgoRecover()
		defer close(done)
		for ticker := time.NewTicker(100 * time.Millisecond); ctx.Err() == nil; <-ticker.C {
			if err := h.tryOpen(ctx, name); ctx.Err() == nil {
				Expect(err).NotTo(HaveOccurred())
				times.Add(1)
			}
		}
	}()
	stop = func() int {
		cancel()
		<-done
		return int(times.Load())
	}
	DeferCleanup(func() { stop() })
	return stop
}

// change gives a home another spec, and returns how long it took until the profile was ready.
func (h *home) change(ctx context.Context) time.Duration {
	GinkgoHelper()
	began := time.Now()
	h.declare(ctx, specOf(latterStep))
	Eventually(h.ready).WithArguments(ctx).Should(Succeed())
	return time.Since(began)
}

var _ = Describe("Many namespaces", func() {
	It("are left alone at rest, and while somebody fights over a policy in one of them", func(ctx SpecContext) {
		size, quiet := 50, 6*time.Second
		if soaking() {
			size, quiet = 500, time.Minute
		}
		before.SetRules(
			&proxy.Rule{Name: "lease", Requests: proxy.Requests{Resources: []string{"leases"}}, Fault: proxy.Note()},
			&proxy.Rule{Name: "write", Requests: proxy.Requests{Verbs: proxy.Writes()}, Fault: proxy.Note()},
			&proxy.Rule{Name: "watch", Requests: proxy.Requests{Verbs: []string{"watch"}}, Fault: proxy.Note()},
		)
		operator := suiteSite().startReplica(ctx, before)
		DeferCleanup(operator.terminate)
		e := suiteSite().newEstate(ctx, size)

		By("being at rest")
		versions, acts := e.versions(ctx), len(before.Acts())
		Consistently(func() []proxy.Act { return e.writes(acts, nil) }).WithTimeout(quiet).Should(BeEmpty())
		Expect(maps.Equal(e.versions(ctx), versions)).To(BeTrue(), "nobody wrote anything")
		Expect(e.watches(0)).NotTo(BeEmpty())
		Expect(e.watches(acts)).To(BeEmpty(), "each watch lasts for minutes")
		Expect(before.Counts()["lease"]).To(BeNumerically(">", 0), "the operator is at work")

		By("being fought over")
		fought, changing, usual := e.homes[0], e.homes[1], e.homes[2].change(ctx)
		e.homes[2].settle(ctx)
		policies := fought.settle(ctx)
		db := policies["db"].name
		versions, acts = e.versions(ctx, fought, changing), len(before.Acts())
		stop, began := fought.fight(db), time.Now()
		Eventually(func() time.Duration { return time.Since(began) }).Should(BeNumerically(">", fightLasts/2))
		meanwhile := changing.change(ctx)
		Eventually(func() time.Duration { return time.Since(began) }).Should(BeNumerically(">", fightLasts))
		reverts, lasted, stopped := stop(), time.Since(began), time.Now()
		Eventually(fought.specs).WithArguments(ctx).WithTimeout(3 * time.Second).Should(Equal(specs(policies)))
		recovery := time.Since(stopped)

		corrections := actsSince(acts, func(act proxy.Act) bool {
			return act.Resource == "networkpolicies" && act.Namespace == fought.profile.Namespace
		})
		Expect(corrections).To(HaveEach(HaveField("Name", db)))
		writes := len(corrections)
		Expect(writes).To(And(BeNumerically(">=", 10), BeNumerically("<=", 10+lasted.Seconds()+3)), "a burst, then one a second")
		Expect(maps.Equal(e.versions(ctx, fought, changing), versions)).To(BeTrue(), "nobody else is written to")
		Expect(meanwhile).To(BeNumerically("<", max(5*time.Second, 2*usual)))
		AddReportEntry(account.EntryName, account.Account{
			Test: fmt.Sprintf("rest, and a fight over one policy, in %d namespaces", size), Faults: reverts, Writes: writes, Recoveries: []time.Duration{recovery},
			Note: fmt.Sprintf("no write in %s at rest, %d in %.0f s of fight; another profile was ready after %.1f s, %.1f s before", quiet, writes, lasted.Seconds(), meanwhile.Seconds(), usual.Seconds()),
		})
	})
})
