package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
)

// view is what the operator sees too little of.
type view struct {
	name      string
	resources []string
	// mayWrite: the operator cannot tell this from a world in which there is less, and follows it where that denies more.
	mayWrite bool
	// mayOpen is an address to which it may let connections out all the same.
	mayOpen string
}

func views() []view {
	return []view{
		{name: "profiles", resources: []string{"segmentationprofiles", "clustersegmentationprofiles"}, mayWrite: true},
		{name: "namespaces", resources: []string{"namespaces"}},
		{name: "policies", resources: []string{"networkpolicies"}},
		// What nobody says to be a pod's is an address outside, if a Service without selector names it.
		{name: "pods", resources: []string{"pods"}, mayWrite: true, mayOpen: aPod},
		{name: "what peers are looked up in", resources: []string{"services", "endpointslices", "nodes", "servicecidrs"}, mayWrite: true},
	}
}

// incompleteness is a way in which the operator sees too little.
type incompleteness struct {
	name  string
	fault proxy.Fault
	// looksComplete: nothing tells the operator that something is missing. What it asks for beside its watches is whole.
	looksComplete bool
}

func nothing(*unstructured.Unstructured) bool { return true }

// everyOther hides objects by the last letter of their UID, which is random, so that it hides the same ones every time.
func everyOther(o *unstructured.Unstructured) bool {
	uid := o.GetUID()
	return len(uid) > 0 && uid[len(uid)-1]%2 == 0
}

func incompletenesses() []incompleteness {
	return []incompleteness{
		{"that is empty and looks complete", proxy.Hide(nothing), true},
		{"that lacks half and looks complete", proxy.Hide(everyOther), true},
		{"that fails", proxy.Answer(http.StatusInternalServerError, 0), false},
		{"that is forbidden", proxy.Answer(http.StatusForbidden, 0), false},
		{"of which the API is not there", proxy.Answer(http.StatusNotFound, 0), false},
		{"that ends in the middle", proxy.CutAfter(1), false},
		{"that never comes", proxy.BlackHole(), false},
	}
}

// unknowing is an operator whose view the specs spoil.
type unknowing struct {
	*mortal
	world *wideWorld
	// all is what every watch passes through, to be cut.
	all *proxy.Valve
}

func initialEvents(resources ...string) proxy.Requests {
	return proxy.Requests{Verbs: []string{"watch"}, Resources: resources, Parameters: proxy.InitialEvents()}
}

// chain lets requests pass through one fault after another.
func chain(first, second proxy.Fault) proxy.Fault {
	return func(next http.Handler) http.Handler { return first(second(next)) }
}

// spoil sets the rules under which what the operator reads of some resources is spoilt from now on, and returns a function
// that says how often it was.
func (u *unknowing) spoil(how incompleteness, resources ...string) (times func() int) {
	earlier := before.Counts()
	rules := []*proxy.Rule{
		{Name: "spoilt", Requests: initialEvents(resources...), Fault: chain(u.all.Fault(), how.fault)},
		// A watch that would go on from where the last one ended begins anew.
		{Name: "gone", Requests: proxy.Requests{Verbs: []string{"watch"}, Resources: resources}, Fault: proxy.Answer(http.StatusGone, 0)},
		{Name: "watch", Requests: proxy.Requests{Verbs: []string{"watch"}}, Fault: u.all.Fault()},
	}
	if !how.looksComplete {
		rules = append(rules, &proxy.Rule{Name: "spoilt list", Requests: proxy.Requests{Verbs: []string{"list"}, Resources: resources}, Fault: how.fault})
	}
	before.SetRules(rules...)
	return func() int {
		now := before.Counts()
		return now["spoilt"] + now["spoilt list"] - earlier["spoilt"] - earlier["spoilt list"]
	}
}

// heal lets the operator read everything anew as it is.
func (u *unknowing) heal(resources ...string) {
	before.SetRules(
		&proxy.Rule{Name: "initial", Requests: initialEvents(), Fault: u.all.Fault()},
		&proxy.Rule{Name: "gone", Requests: proxy.Requests{Verbs: []string{"watch"}, Resources: resources}, Fault: proxy.Answer(http.StatusGone, 0)},
		&proxy.Rule{Name: "watch", Requests: proxy.Requests{Verbs: []string{"watch"}}, Fault: u.all.Fault()},
	)
}

// expectAtWork waits until the operator has put right what it can only put right when it sees everything.
func (u *unknowing) expectAtWork(ctx context.Context) {
	GinkgoHelper()
	u.world.harm(ctx)
	u.world.expectWhole(ctx, u.mortal)
}

var _ = Describe("An operator that sees too little", Ordered, ContinueOnFailure, func() {
	var u *unknowing
	BeforeAll(func(ctx SpecContext) {
		u = &unknowing{all: &proxy.Valve{}}
		u.heal()
		u.mortal = startMortal(ctx)
		u.world = newWideWorld(ctx)
	})

	// see lets the operator see so much from the beginning until the end, of which it must make nothing bad.
	see := func(ctx context.Context, what view, how incompleteness, begin, end func()) account.Account {
		GinkgoHelper()
		times := u.spoil(how, what.resources...)
		begin()
		Eventually(times).Should(BeNumerically(">=", len(what.resources)), lastActs)
		u.world.touch(ctx)
		Consistently(u.mortal.ailing, "700ms").Should(Succeed())
		allowed := view{}
		if how.looksComplete {
			allowed = what
		}
		writes := u.world.expectNothingDeletedOrLoosened(ctx, "a list of "+what.name+" "+how.name, allowed)
		if slices.Contains(what.resources, "networkpolicies") {
			// Who has never been shown a policy is not told either that it is deleted.
			u.world.harm(ctx)
		}
		faults, began := times(), time.Now()
		u.heal(what.resources...)
		end()
		u.world.expectWhole(ctx, u.mortal)
		u.expectAtWork(ctx)
		return account.Account{Test: "a list " + how.name, Faults: faults, Writes: writes, Recoveries: []time.Duration{time.Since(began)}}
	}

	for _, how := range incompletenesses() {
		for _, what := range views() {
			// Where the fault says itself that something is missing, one view stands for the others.
			daily := how.name == incompletenesses()[0].name || !how.looksComplete && what.name == views()[0].name
			it := It
			if !daily {
				it = func(text string, args ...any) bool { return soakIt(text, args...) }
			}
			it(fmt.Sprintf("makes nothing of a list of %s %s", what.name, how.name), func(ctx SpecContext) {
				AddReportEntry(account.EntryName, see(ctx, what, how, u.crash, u.all.Cut))
				if !how.looksComplete && !soaking() {
					return
				}
				u.crash()
				u.expectAtWork(ctx)
				AddReportEntry(account.EntryName, see(ctx, what, how, u.all.Cut, u.crash))
			})
		}
	}
})
