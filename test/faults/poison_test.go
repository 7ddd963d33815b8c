package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
)

// poison makes whatever is done for one profile fail, as long as it lasts.
type poison struct {
	name string
	// resource and subresource are what cannot be written.
	resource, subresource string
	fault                 proxy.Fault
}

func poisons() []poison {
	return []poison{
		{name: "whose policies the API server fails to write", resource: "networkpolicies", fault: proxy.Answer(http.StatusInternalServerError, 0)},
		{name: "whose policies the API server refuses", resource: "networkpolicies", fault: proxy.Answer(http.StatusUnprocessableEntity, 0)},
		{name: "whose policies are to be written later, again and again", resource: "networkpolicies", fault: proxy.Answer(http.StatusTooManyRequests, 30*time.Second)},
		{name: "whose policies the API server never answers for", resource: "networkpolicies", fault: proxy.BlackHole()},
		{name: "whose status the API server fails to write", resource: "segmentationprofiles", subresource: "status", fault: proxy.Answer(http.StatusInternalServerError, 0)},
	}
}

// hitsPolicies: the profile cannot do what it is there for.
func (p poison) hitsPolicies() bool { return p.subresource == "" }

// rules let the poison work in one home.
func (p poison) rules(in *home) []*proxy.Rule {
	return []*proxy.Rule{{
		Name: p.name, Fault: p.fault,
		Requests: proxy.Requests{
			Verbs: proxy.Writes(), Resources: []string{p.resource}, Subresources: []string{p.subresource}, Namespaces: []string{in.profile.Namespace},
		},
	}}
}

// mostAttempts is how many writes may be tried in a time: with twice the backoff every time, of as many policies as the
// profile has.
func mostAttempts(in time.Duration) int {
	const backoffs, policies = 9, 5
	return policies * (backoffs + int(in/(10*time.Second)))
}

// rollOut gives homes another spec, and returns how long it took until all of them were ready.
func rollOut(ctx context.Context, homes []*home, step int) time.Duration {
	GinkgoHelper()
	began := time.Now()
	for _, h := range homes {
		h.declare(ctx, specOf(step))
	}
	for _, h := range homes {
		Eventually(h.ready).WithArguments(ctx).WithTimeout(backWithin).Should(Succeed())
	}
	return time.Since(began)
}

// patient is a home whose profile is poisoned.
type patient struct {
	poison
	*home
	// good are the policies that stand, and began is when the poison began to work.
	good  map[string]string
	began time.Time
}

// infect poisons one home after the other, and then lets their profiles change.
func (e *estate) infect(ctx context.Context, step int) []*patient {
	GinkgoHelper()
	var out []*patient
	var rules []*proxy.Rule
	for i, p := range poisons() {
		h := e.homes[i]
		h.settle(ctx)
		good, err := h.specs(ctx)
		Expect(err).NotTo(HaveOccurred())
		out = append(out, &patient{poison: p, home: h, good: good})
		rules = append(rules, p.rules(h)...)
	}
	before.SetRules(rules...)
	for _, p := range out {
		p.began = time.Now()
		p.declare(ctx, specOf(step))
	}
	return out
}

// expectNamed waits until all is said of a poisoned profile that can be.
func (p *patient) expectNamed(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() int { return p.attempts() }).Should(BeNumerically(">", 0), p.name)
	if p.hitsPolicies() {
		Eventually(p.reason).WithArguments(ctx).WithTimeout(backWithin).Should(Equal("False/"+v1alpha1.ReasonApplyFailed), p.name)
	}
}

// attempts returns how often it was tried in vain to write.
func (p *patient) attempts() int { return count(p.name, "", 0) }

// expectPatience fails unless the poisoned profile is still named, has done no harm, and is tried again, but not too often.
func (p *patient) expectPatience(ctx context.Context) string {
	GinkgoHelper()
	if p.hitsPolicies() {
		Expect(p.reason(ctx)).To(Equal("False/"+v1alpha1.ReasonApplyFailed), "%s: %s", p.name, p.message())
		Expect(p.message()).To(ContainSubstring("NetworkPolicy " + p.profile.Namespace + "/"))
		Expect(p.specs(ctx)).To(Equal(p.good))
	} else {
		Expect(p.ready(ctx)).NotTo(Succeed(), "a status that cannot be written speaks of the generation before")
	}
	lasted := time.Since(p.began)
	Expect(p.attempts()).To(And(BeNumerically(">", 1), BeNumerically("<=", mostAttempts(lasted))), "%s, in %s", p.name, lasted)
	return fmt.Sprintf("%d attempts in %.0f s for one %s", p.attempts(), lasted.Seconds(), p.name)
}

var _ = Describe("Poisoned profiles among 500", func() {
	soakIt("hold up nobody, are named, and heal", func(ctx SpecContext) {
		operator := suiteSite().startReplica(ctx, before)
		DeferCleanup(operator.terminate)
		e := suiteSite().newEstate(ctx, 500)
		others, changing := e.homes[len(poisons()):], e.homes[len(poisons()):100]
		usually := rollOut(ctx, changing, latterStep)
		usual := e.repairs(ctx, others)
		want, err := changing[0].specs(ctx)
		Expect(err).NotTo(HaveOccurred())

		patients := e.infect(ctx, latterStep)
		for _, p := range patients {
			p.expectNamed(ctx)
		}
		took := rollOut(ctx, changing, formerStep)
		Expect(took).To(BeNumerically("<=", max(5*time.Second, 2*usually)))
		meanwhile := e.repairs(ctx, others)
		var notes []string
		faults := holes
		for _, p := range patients {
			notes = append(notes, p.expectPatience(ctx))
			faults += p.attempts()
		}

		before.SetRules()
		lifted := time.Now()
		var recoveries []time.Duration
		for _, p := range patients {
			Eventually(p.has).WithArguments(ctx, want).WithTimeout(backWithin).Should(Succeed(), p.name)
			recoveries = append(recoveries, time.Since(lifted))
		}
		AddReportEntry(account.EntryName, account.Account{
			Test: "poisoned profiles among 500", Faults: faults, Recoveries: recoveries,
			Note: fmt.Sprintf("%s; meanwhile, 95 others were ready %.1f s after the first was changed, and %s; before, %.1f s, and %s",
				strings.Join(notes, ", "), took.Seconds(), meanwhile, usually.Seconds(), usual),
		})
		meanwhile.expectAsQuickAs(usual)
	})
})
