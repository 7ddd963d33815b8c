package faults_test

import (
	"fmt"
	"maps"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
)

// point is where in a write the operator crashes.
type point struct {
	name  string
	fault func(hook func()) proxy.Fault
	// every is when crashes follow one another without end: a write that was never sent comes again, and must then be let
	// through.
	every proxy.When
}

func points() []point {
	return []point{
		{"before it is sent", proxy.CrashBefore, func(n int) bool { return n%2 == 1 }},
		{"after the commit", proxy.CrashAfterCommit, nil},
		{"after the reply", proxy.CrashAfterReply, nil},
	}
}

// crashRules let the operator crash at some of its writes for a scenario, all but events and leases. What other specs have left
// may give it something to say at each start.
func crashRules(s *scenario, fault proxy.Fault, when proxy.When) []*proxy.Rule {
	return []*proxy.Rule{
		{Name: "event or lease", Requests: proxy.Requests{Verbs: proxy.Writes(), Resources: []string{"events", "leases"}}, Fault: proxy.Note()},
		{Name: "write", Requests: proxy.Requests{Verbs: proxy.Writes(), Namespaces: []string{s.namespace, ""}}, When: when, Fault: fault},
	}
}

func equalStates(a, b state) bool {
	return maps.Equal(a.policies, b.policies) && a.ready == b.ready && a.corrections == b.corrections
}

var _ = Describe("An operator that crashes", func() {
	for _, story := range stories() {
		Describe("with "+story.name, Ordered, func() { crashesIn(story) })
	}
})

// crashesIn describes an operator that crashes while a story goes on.
func crashesIn(story story) {
	var (
		operator  *mortal
		reference *scenario
	)

	BeforeAll(func(ctx SpecContext) {
		operator = startMortal(ctx)
		earlier := before.Counts()["write"]
		reference = newScenario(ctx, story, operator)
		before.SetRules(crashRules(reference, proxy.Note(), nil)...)
		reference.run(ctx, nil)
		writes := before.Counts()["write"] - earlier
		Expect(writes).To(BeNumerically(">=", reference.checked), lastActs)
		AddReportEntry(account.EntryName, account.Account{Test: "no crash, " + story.name, Writes: reference.checked, Note: fmt.Sprintf("%d writes in all", writes)})
	})

	// crash runs the scenario with crashes, and returns how many there were.
	crash := func(ctx SpecContext, at point, when proxy.When) (crashes int, s *scenario) {
		GinkgoHelper()
		earlier, _ := operator.history()
		s = newScenario(ctx, story, operator)
		before.SetRules(crashRules(s, at.fault(operator.crash), when)...)
		s.run(ctx, reference)
		before.SetRules()
		crashes, _ = operator.history()
		return crashes - earlier, s
	}

	for _, at := range points() {
		It("gets there all the same, crashing at every write "+at.name, func(ctx SpecContext) {
			crashes, s := crash(ctx, at, at.every)
			Expect(crashes).To(BeNumerically(">=", reference.checked), lastActs)
			AddReportEntry(account.EntryName, account.Account{Test: "crash at every write " + at.name, Faults: crashes, Writes: s.checked, Recoveries: s.recoveries})
		})
	}

	soakIt("gets there all the same, crashing at each write alone", func(ctx SpecContext) {
		all := account.Account{Test: "crash at each write alone"}
		for _, at := range points() {
			// How many writes there are is not the same each time, for one of a status may do for two.
			for k := 1; ; k++ {
				By(fmt.Sprintf("crashing at write %d %s", k, at.name))
				crashes, s := crash(ctx, at, proxy.Nth(k))
				all = all.Add(account.Account{Faults: crashes, Writes: s.checked, Recoveries: s.recoveries})
				if crashes == 0 {
					Expect(k).To(BeNumerically(">", reference.checked), lastActs)
					break
				}
			}
		}
		AddReportEntry(account.EntryName, all)
	})
}
