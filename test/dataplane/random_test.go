package dataplane_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/dataplane/testbed"
	"firebreak.dev/firebreak/test/intent"
)

// Which random topologies are looked at. A failure tells the command that looks at its topology alone.
var (
	cases    = flag.Uint64("cases", 3, "the number of random topologies of profiles; there is one of NetworkPolicies for each three of them")
	seed     = flag.Uint64("seed", rand.Uint64(), "the seed of the random topologies")
	onlyCase = flag.Int64("case", -1, "the number of the one topology of each sort to look at; -1 for all")
)

var _ = Describe("Random topologies", func() {
	for _, number := range numbers(*cases) {
		It(fmt.Sprintf("of profiles let through what profiles and policies say, in topology %d", number), func(ctx SpecContext) {
			t := realise(ctx, drawProfiles(number))
			t.expectAgreement(ctx, number)
		})
	}
	for _, number := range numbers((*cases + 2) / 3) {
		It(fmt.Sprintf("of NetworkPolicies without profiles let through what the policies say, in topology %d", number), func(ctx SpecContext) {
			t := realise(ctx, drawForeign(number))
			t.expectAgreement(ctx, number)
		})
	}
})

func numbers(n uint64) []uint64 {
	if *onlyCase >= 0 {
		return []uint64{uint64(*onlyCase)}
	}
	var out []uint64
	for number := range n {
		out = append(out, number)
	}
	return out
}

// expectAgreement tries every connection between two pods, and between a pod and an outside host, on the ports that anything
// speaks of and one that nothing does, and expects packets, policies and profiles to say the same of each.
func (t *topology) expectAgreement(ctx context.Context, number uint64) {
	GinkgoHelper()
	ports := portsOf(liveCluster(ctx), t.namespaces)
	for _, host := range slices.Concat(t.pods, t.outside) {
		Expect(host.Listen(ctx, ports...)).To(Succeed())
	}
	flows := t.flows(ports)
	var seen outcome
	Eventually(func() (n int, err error) {
		seen, err = t.try(ctx, flows)
		return len(seen.disagreements), err
	}).WithTimeout(enforcementTimeout).Should(BeZero(), func() string {
		list := seen.disagreements
		return fmt.Sprintf("seed %d, topology %d: of %d connections packets, policies and profiles disagree about %d:\n%s\n\n%s\n"+
			"Again: go test ./test/dataplane -ginkgo.focus='%s' -seed=%d -case=%d", *seed, number, len(flows), len(list),
			strings.Join(list[:min(60, len(list))], "\n"), t.text.String(), CurrentSpecReport().LeafNodeText, *seed, number)
	})
	AddReportEntry("measured", fmt.Sprintf(
		"random topologies %s of seed %d: of %d connections %d were admitted by a policy, %d passed where none is, %d were denied, and %d are up to the network plugin",
		CurrentSpecReport().LeafNodeText, *seed, len(flows), seen.admitted, seen.passed-seen.admitted, seen.denied, seen.undecidable))
	Expect(min(seen.admitted, seen.denied)).To(BeNumerically(">", 0), "of topology %d of seed %d, which else proves nothing", number, *seed)
}

// outcome is what came of connections.
type outcome struct {
	passed, denied, undecidable int
	// admitted is how many of those that passed left or reached an isolated pod.
	admitted      int
	disagreements []string
}

// try holds packets, policies and profiles against each other, as they are now.
func (t *topology) try(ctx context.Context, flows []testbed.Flow) (outcome, error) {
	c := liveCluster(ctx)
	e, err := evaluator.New(evaluator.World{Namespaces: c.Namespaces, Pods: c.Pods, Policies: c.Policies})
	if err != nil {
		return outcome{}, err
	}
	passing, err := cluster.Passing(ctx, flows)
	if err != nil {
		return outcome{}, err
	}
	profiles := t.profilesSay(c)
	var out outcome
	for i, connection := range connectionsOf(c, flows) {
		policies := e.Evaluate(connection)
		_, passes := slices.BinarySearch(passing, flows[i].String())
		out.add(policies, passes)
		said := profiles(connection, policies)
		if disagree(policies.Verdict(), said, passes) {
			out.disagreements = append(out.disagreements,
				fmt.Sprintf("%s: profiles say %s, policies %s, and it passes: %t", flows[i], said, policies.Verdict(), passes))
		}
	}
	return out, nil
}

// disagree says whether packets, policies and profiles contradict each other. What is up to the network plugin may pass or not.
func disagree(policies, profiles evaluator.Verdict, passes bool) bool {
	return policies != profiles || policies == evaluator.Allowed && !passes || policies == evaluator.Denied && passes
}

// profilesSay returns what profiles say of a connection. Where there are none it is what policies say.
func (t *topology) profilesSay(c *snapshot.Cluster) func(evaluator.Connection, evaluator.Answer) evaluator.Verdict {
	if len(t.profiles) == 0 {
		return func(_ evaluator.Connection, policies evaluator.Answer) evaluator.Verdict { return policies.Verdict() }
	}
	reading := intent.Read(*c)
	said := map[[2]evaluator.Endpoint]intent.Said{}
	return func(c evaluator.Connection, _ evaluator.Answer) evaluator.Verdict {
		ends := [2]evaluator.Endpoint{c.Source, c.Destination}
		if _, ok := said[ends]; !ok {
			said[ends] = reading.Between(c.Source, c.Destination)
		}
		return said[ends].Verdict(c.Protocol, c.Port)
	}
}

func (o *outcome) add(policies evaluator.Answer, passes bool) {
	switch {
	case policies.Verdict() == evaluator.Undecidable:
		o.undecidable++
	case !passes:
		o.denied++
	default:
		o.passed++
		if policies.Egress.Verdict == evaluator.Allowed || policies.Ingress.Verdict == evaluator.Allowed {
			o.admitted++
		}
	}
}

// flows returns the connections to try. Between pods they are of IPv4, for nobody asks for the addresses of pods; with outside hosts
// they are of all families that these have.
func (t *topology) flows(ports []testbed.Port) []testbed.Flow {
	out := testbed.Between(t.pods, t.pods, ports...)
	for _, f := range slices.Concat(testbed.Between(t.pods, t.outside, ports...), testbed.Between(t.outside, t.pods, ports...)) {
		out = append(out, f)
		if to := f.To.Address(netip.IPv6Unspecified()); to.IsValid() && f.From.Address(to).IsValid() {
			f.Via = netip.AddrPortFrom(to, uint16(f.Port.Number))
			out = append(out, f)
		}
	}
	return out
}
