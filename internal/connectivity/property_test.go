package connectivity

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

// cases is how many random clusters each property is tried on.
const cases = 100

// settled returns a cluster as the operator leaves it.
func settled(t *testing.T, c snapshot.Cluster) *outlook.Outlook {
	t.Helper()
	o, err := outlook.Settled(&c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// drawn returns two clusters with the same pods and other policies.
func drawn(d random.Drawer) (before, after snapshot.Cluster) {
	before = d.Cluster()
	after = before
	after.Profiles = slices.Clone(before.Profiles)
	policy := func(number int) *networkingv1.NetworkPolicy {
		return d.Policy(random.OneOf(d, before.Namespaces...).Name, number)
	}
	for i := range d.IntN(4) {
		before.Policies = append(before.Policies, policy(i))
	}
	after.Policies = slices.Clone(before.Policies)
	switch d.IntN(4) {
	case 0:
		after.Profiles = after.Profiles[1:]
	case 1:
		after.Profiles = append(after.Profiles, d.Profile(9))
	case 2:
		after.Policies = append(after.Policies, policy(9))
	default:
		after.Profiles[0] = d.Profile(0)
	}
	slices.SortFunc(after.Profiles, snapshot.Profile.Compare)
	after.Profiles = slices.CompactFunc(after.Profiles, func(a, b snapshot.Profile) bool { return a.Key == b.Key })
	return before, after
}

func everyCase(t *testing.T, try func(t *testing.T, d random.Drawer)) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for number := range uint64(cases) {
		d := random.New(seed, number)
		try(t, d)
		if t.Failed() {
			t.Fatalf("case %d of seed %d", number, seed)
		}
	}
}

func compared(t *testing.T, before, after *View) *Comparison {
	t.Helper()
	c, err := Compare(before, after, Scope{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNothingDiffersFromItself(t *testing.T) {
	everyCase(t, func(t *testing.T, d random.Drawer) {
		before, _ := drawn(d)
		v := Of(settled(t, before), PartOfCluster)
		c := compared(t, v, v)
		if c.Counts.Changed() || len(c.Changes)+len(c.Profiles)+len(c.Findings)+len(c.Tiers)+len(c.Turned) > 0 {
			t.Errorf("differs from itself: %+v", c)
		}
	})
}

// TestWhatIsGainedOneWayIsLostTheOtherWay holds both ways of a comparison against each other, with causes and counts.
func TestWhatIsGainedOneWayIsLostTheOtherWay(t *testing.T) {
	opposite := map[ChangeKind]ChangeKind{Gained: Lost, Lost: Gained, Widened: Narrowed, Narrowed: Widened}
	total := 0
	everyCase(t, func(t *testing.T, d random.Drawer) {
		x, y := drawn(d)
		before, after := Of(settled(t, x), PartOfCluster), Of(settled(t, y), PartOfCluster)
		there, back := compared(t, before, after), compared(t, after, before)
		// Parties are called what they are called in the end, so only what is in no tier, or in the same, keeps its name.
		words := func(kind ChangeKind, c Change) string {
			return fmt.Sprint(kind, " ", inEitherOrder(c.From), " ", inEitherOrder(c.To), " ", c.Ports)
		}
		var a, b []string
		for _, c := range there.Changes {
			a = append(a, words(c.Kind, c))
		}
		for _, c := range back.Changes {
			b = append(b, words(opposite[c.Kind], c))
		}
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			onlyA := slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
			onlyB := slices.DeleteFunc(slices.Clone(b), func(s string) bool { return slices.Contains(a, s) })
			t.Errorf("%d there, only\n%q\n%d back, only\n%q", len(a), onlyA, len(b), onlyB)
		}
		if there.Counts.Unchanged != back.Counts.Unchanged || there.Counts.Gained != back.Counts.Lost || there.Counts.Widened != back.Counts.Narrowed {
			t.Errorf("there %+v, back %+v", there.Counts, back.Counts)
		}
		total += len(a)
	})
	if total < 10*cases {
		t.Errorf("only %d changes were drawn", total)
	}
}

// inEitherOrder returns both names of a party in one order, which does not depend on what came first.
func inEitherOrder(p Party) string {
	names := []string{p.Name, p.Was}
	if p.Was == "" {
		names[1] = p.Name
	}
	slices.Sort(names)
	return p.Namespace + " " + fmt.Sprint(names)
}

// TestCellsSayWhatEachPairOfPodsDoes holds every cell against the evaluator, asked about each pair of pods, or pod and address,
// and each port that somebody names.
func TestCellsSayWhatEachPairOfPodsDoes(t *testing.T) {
	seen := map[string]int{}
	everyCase(t, func(t *testing.T, d random.Drawer) {
		x, y := drawn(d)
		before, after := settled(t, x), settled(t, y)
		f, err := newField(Scope{}, Of(before, PartOfCluster), Of(after, PartOfCluster))
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, p := range x.Pods {
			known[p.Namespace+"/"+p.Name] = !p.HostNetwork && !p.Completed
		}
		for _, p := range f.parties {
			for _, m := range p.members {
				for _, pod := range m.pods[0] {
					delete(known, pod.Namespace+"/"+pod.Name)
				}
			}
		}
		for name, governed := range known {
			if governed {
				t.Errorf("pod %s is of no party", name)
			}
		}
		f.mustAgree(t, seen)
	})
	t.Logf("%v", seen)
	for _, kind := range []string{"allowed", "some", "undecidable", "denied"} {
		if seen[kind] < cases {
			t.Errorf("%s was drawn %d times only", kind, seen[kind])
		}
	}
}

// mustAgree asks about each pair of parties.
func (f *field) mustAgree(t *testing.T, seen map[string]int) {
	t.Helper()
	if got, want := f.countFree(), len(f.freeCells()); got != want {
		t.Errorf("%d pairs are free, and %d were counted", want, got)
	}
	cells := map[pair]cell{}
	for _, c := range append(slices.Collect(f.cells()), f.freeCells()...) {
		if _, twice := cells[c.pair]; twice {
			t.Errorf("two cells from %s to %s", f.parties[c.from], f.parties[c.to])
		}
		cells[c.pair] = c
	}
	ports := f.somePorts()
	for from := range f.parties {
		for to := range f.parties {
			if !f.isAskedFor(from, to) || (from == to && f.isLonely(from)) || (len(f.parties[from].members) == 0 && len(f.parties[to].members) == 0) {
				continue
			}
			p := pair{from, to}
			addresses := f.examples[p]
			if (len(f.parties[from].members) == 0 || len(f.parties[to].members) == 0) && len(addresses) == 0 {
				continue
			}
			for v := range f.views {
				for _, port := range ports {
					want := f.asked(v, p, addresses, port)
					got := "denied"
					switch s := cells[p].states[v]; {
					case s.allowed.Contains(port.Protocol, port.First):
						got = "allowed"
					case s.some.Contains(port.Protocol, port.First):
						got = "some"
					case s.undecidable.Contains(port.Protocol, port.First):
						got = "undecidable"
					}
					seen[want]++
					if got != want {
						t.Fatalf("view %d: from %s to %s on %s: %s, and the evaluator says %s", v, f.parties[from], f.parties[to], port, got, want)
					}
				}
			}
		}
	}
}

// somePorts returns the ports at which rules begin and end, those that pods declare, and one of nobody.
func (f *field) somePorts() []portset.Range {
	all := map[portset.Range]bool{{Protocol: "UDP", First: 4242, Last: 4242}: true, {Protocol: "TCP", First: 4242, Last: 4242}: true}
	for c := range f.cells() {
		for _, s := range c.states {
			for _, r := range s.atLeast(1).Ranges() {
				all[portset.Range{Protocol: r.Protocol, First: r.First, Last: r.First}] = true
				all[portset.Range{Protocol: r.Protocol, First: r.Last, Last: r.Last}] = true
			}
		}
	}
	return slices.Collect(maps.Keys(all))
}

// asked returns what the evaluator says of each pair of pods together.
func (f *field) asked(v int, p pair, addresses []netip.Addr, port portset.Range) string {
	ends := func(party int) [][]evaluator.Endpoint {
		var out [][]evaluator.Endpoint
		if len(f.parties[party].members) == 0 {
			var each []evaluator.Endpoint
			for _, addr := range addresses {
				each = append(each, evaluator.OfAddress(addr))
			}
			return [][]evaluator.Endpoint{each}
		}
		for _, m := range f.parties[party].members {
			for _, pod := range m.pods[v] {
				pod.Name = ""
				out = append(out, []evaluator.Endpoint{evaluator.OfPod(&pod)})
			}
		}
		return out
	}
	verdicts := map[string]int{}
	n := 0
	for _, sources := range ends(p.from) {
		for _, destinations := range ends(p.to) {
			n++
			best := "denied"
			// Of addresses with one name, it takes one.
			for _, s := range sources {
				for _, d := range destinations {
					a := f.worlds[v].evaluator.Evaluate(evaluator.Connection{Source: s, Destination: d, Protocol: port.Protocol, Port: port.First})
					switch {
					case a.Verdict() == evaluator.Allowed:
						best = "allowed"
					case a.Verdict() == evaluator.Undecidable && best == "denied":
						best = "undecidable"
					}
				}
			}
			verdicts[best]++
		}
	}
	switch {
	case verdicts["allowed"] == n:
		return "allowed"
	case verdicts["allowed"] > 0:
		return "some"
	case verdicts["undecidable"] > 0:
		return "undecidable"
	}
	return "denied"
}

// TestAnEntryMoreGainsItsConnections adds an allow entry between tiers and expects those to gain, and nobody to lose.
func TestAnEntryMoreGainsItsConnections(t *testing.T) {
	gained := 0
	everyCase(t, func(t *testing.T, d random.Drawer) {
		x := d.Cluster()
		y := x
		y.Profiles = slices.Clone(x.Profiles)
		p := &y.Profiles[0]
		if p.Mode != v1alpha1.ModeEnforce || len(p.Tiers) == 0 || len(p.Allow) > 100 {
			return
		}
		from, to := random.OneOf(d, p.Tiers...).Name, random.OneOf(d, p.Tiers...).Name
		p.Allow = append(slices.Clone(p.Allow), v1alpha1.AllowEntry{
			Name: "added", From: []v1alpha1.Peer{{Tier: from}}, To: []v1alpha1.Peer{{Tier: to}}, Ports: []v1alpha1.Port{{Port: intstr.FromInt32(4711), Protocol: "TCP"}},
		})
		c := compared(t, Of(settled(t, x), PartOfCluster), Of(settled(t, y), PartOfCluster))
		for _, change := range c.Changes {
			if change.Kind == Lost || change.Kind == Narrowed {
				t.Errorf("an entry more has lost %s -> %s %s", change.From, change.To, change.Ports)
			}
			if !change.Ports.All().Equal(portset.Of("TCP", 4711, 4711)) {
				t.Errorf("%s -> %s gained %s", change.From, change.To, change.Ports)
			}
			if !slices.ContainsFunc(change.Causes, func(c Cause) bool { return c.Entry == "added" }) {
				t.Errorf("%s -> %s: the causes are %+v", change.From, change.To, change.Causes)
			}
			gained++
		}
	})
	if gained < cases/4 {
		t.Errorf("only %d connections were gained", gained)
	}
}
