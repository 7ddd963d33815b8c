package topology

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

func mustSettle(t *testing.T, c *snapshot.Cluster) *outlook.Outlook {
	t.Helper()
	o, err := outlook.Settled(c)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// cases is how many random clusters a test draws.
const cases = 120

func TestThePictureHasWhatPoliciesOpenAndNoMore(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	flows, arrows := 0, 0
	for number := range uint64(cases) {
		c := random.New(seed, number).Cluster()
		o := mustSettle(t, &c)
		g, err := Of(Input{Profiles: c.Profiles, Outlook: o})
		if err != nil {
			t.Fatalf("seed %d, case %d: %v", seed, number, err)
		}
		open := opened(o)
		for key, ports := range open {
			flows++
			if got := shown(g, key); !slices.Equal(got, ports) {
				t.Fatalf("seed %d, case %d: %+v is open on %q, and drawn on %q", seed, number, key, ports, got)
			}
		}
		for _, a := range g.Arrows {
			if a.State != ArrowVoid {
				arrows++
				mustBeBacked(t, g, a, open, seed, number)
			}
		}
	}
	if flows < cases || arrows < cases {
		t.Errorf("only %d flows and %d arrows were looked at", flows, arrows)
	}
}

// end is what an entry opens at a tier in one direction.
type end struct {
	profile, tier, entry string
	direction            networkpolicy.Direction
}

// opened returns the ports of all that is open, in words.
func opened(o *outlook.Outlook) map[end][]string {
	out := map[end][]string{}
	for _, ns := range o.Namespaces {
		for _, output := range ns.Outputs {
			for _, f := range output.Flows {
				key := end{output.Profile.Key.String(), f.Tier, f.Entry, f.Direction}
				out[key] = add(out[key], portsInWords(f.Ports))
			}
		}
	}
	for key := range out {
		slices.Sort(out[key])
	}
	return out
}

// shown returns the ports of all arrows that show what an entry opens at a tier.
func shown(g *Graph, key end) []string {
	var out []string
	for _, a := range g.Arrows {
		at := a.From
		if key.direction == networkpolicy.Ingress {
			at = a.To
		}
		if at != "tier "+key.tier+" of "+key.profile || a.State == ArrowVoid {
			continue
		}
		if key.entry == compiler.EntryDNS && a.Kind == ArrowDNS {
			out = add(out, a.Ports)
		}
		for _, e := range a.Entries {
			if e.Profile == key.profile && e.Name == key.entry {
				out = add(out, e.Ports)
			}
		}
	}
	slices.Sort(out)
	return out
}

// mustBeBacked checks that an arrow joins two boxes, and that each of its entries is open at an end that is a tier of its profile,
// which must live in some namespace for that.
func mustBeBacked(t *testing.T, g *Graph, a Arrow, open map[end][]string, seed, number uint64) {
	t.Helper()
	for _, id := range []string{a.From, a.To} {
		if boxNamed(g, id).ID != id {
			t.Fatalf("seed %d, case %d: there is no box %s", seed, number, id)
		}
	}
	for _, e := range a.Entries {
		if len(e.Ports) == 0 {
			// It stands for nothing, on an arrow that another entry opens, as a Service without ports does for an entry without: no ports
			// are drawn for it.
			continue
		}
		backed, lives := false, false
		for key := range open {
			isFrom := key.direction == networkpolicy.Egress && a.From == "tier "+key.tier+" of "+key.profile
			isTo := key.direction == networkpolicy.Ingress && a.To == "tier "+key.tier+" of "+key.profile
			backed = backed || (key.profile == e.Profile && key.entry == e.Name && (isFrom || isTo))
		}
		for _, id := range []string{a.From, a.To} {
			lives = lives || (strings.HasSuffix(id, " of "+e.Profile) && len(boxNamed(g, id).Policies) > 0)
		}
		if lives && !backed {
			t.Fatalf("seed %d, case %d: entry %s of %s is drawn from %s to %s, and opens nothing", seed, number, e.Name, e.Profile, a.From, a.To)
		}
	}
}

func TestThePictureDoesNotDependOnAnOrderThatMeansNothing(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for number := range uint64(cases) {
		d := random.New(seed, number)
		c := d.Cluster()
		shuffled := d.Shuffled(c)
		// The order of tiers and entries is what the author chose.
		shuffled.Profiles = random.Shuffled(d, c.Profiles)
		// A half-open flow names the first pod that it concerns.
		shuffled.Pods = c.Pods
		var texts []string
		for _, cluster := range []*snapshot.Cluster{&c, &shuffled} {
			g, err := Of(Input{Profiles: cluster.Profiles, Outlook: mustSettle(t, cluster)})
			if err != nil {
				t.Fatal(err)
			}
			text, err := json.MarshalIndent(g, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, string(text))
		}
		if texts[0] != texts[1] {
			t.Fatalf("seed %d, case %d: the pictures differ from line %d on\n%s\n%s", seed, number, firstDifference(texts[0], texts[1]), texts[0], texts[1])
		}
	}
}

// firstDifference returns the number of the first line in which two texts differ.
func firstDifference(a, b string) int {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range as {
		if i >= len(bs) || as[i] != bs[i] {
			return i + 1
		}
	}
	return len(as)
}
