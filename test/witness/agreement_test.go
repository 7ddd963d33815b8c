package witness

import (
	"cmp"
	"flag"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/test/random"
)

var (
	seedFlag = flag.Uint64("seed", 0, "draw from this seed; 0 draws one")
	caseFlag = flag.Int64("case", -1, "draw this cluster alone; -1 draws all")
)

const (
	// foreignClusters and compiledClusters are numbers of clusters; connections is how many are tried in each.
	foreignClusters  = 1500
	compiledClusters = 400
	connections      = 20
)

// TestBothAgreeAboutPoliciesOfOthers tries random connections under random NetworkPolicies.
func TestBothAgreeAboutPoliciesOfOthers(t *testing.T) {
	seen := agree(t, foreignClusters, func(d random.Drawer) evaluator.World {
		c := d.Foreign()
		// More of them, half of them for every pod, so that most pods are isolated.
		for i := range 6 {
			policy := d.Policy(random.OneOf(d, c.Namespaces...).Name, len(c.Policies))
			if i%2 == 0 {
				policy.Spec.PodSelector = metav1.LabelSelector{}
			}
			c.Policies = append(c.Policies, policy)
		}
		return evaluator.World{Namespaces: c.Namespaces, Pods: c.Pods, Policies: c.Policies}
	})
	demand(t, seen, evaluator.Allowed, evaluator.Denied, evaluator.NotIsolated, evaluator.Undecidable)
}

// TestBothAgreeAboutCompiledPolicies tries random connections under the policies of random profiles, as if all were
// enforced.
func TestBothAgreeAboutCompiledPolicies(t *testing.T) {
	seen := agree(t, compiledClusters, func(d random.Drawer) evaluator.World {
		c := d.Cluster()
		w := evaluator.World{Namespaces: c.Namespaces, Pods: c.Pods}
		for _, ns := range c.Namespaces {
			for _, output := range compiler.Compile(c.In(ns)) {
				for i := range output.Policies {
					w.Policies = append(w.Policies, &output.Policies[i])
				}
			}
		}
		return w
	})
	demand(t, seen, evaluator.Allowed, evaluator.Denied, evaluator.NotIsolated)
}

// agree holds evaluator and engine against each other in clusters that draw makes. It returns how often it saw what.
func agree(t *testing.T, clusters uint64, draw func(random.Drawer) evaluator.World) map[string]int {
	t.Helper()
	seed := cmp.Or(*seedFlag, rand.Uint64())
	t.Logf("seed %d", seed)
	first, last := uint64(0), clusters
	if *caseFlag >= 0 {
		first, last = uint64(*caseFlag), uint64(*caseFlag)+1
	}
	seen := map[string]int{}
	for number := first; number < last; number++ {
		d := random.New(seed, number)
		world := draw(d)
		reuseAddresses(d, world)
		try := newTrial(t, world)
		drawer := newConnectionDrawer(d, world)
		for range connections {
			c := drawer.connection()
			answer, known, err := try.ask(t, c)
			if err != nil {
				small := shrink(t, world, c)
				_, _, smallErr := newTrial(t, small).ask(t, c)
				t.Fatalf("cluster %d: %s: %v\n\nOf what decides, this is enough: %v\n%s\nTo see it again: go -C test/witness test -run='^%s$' -seed=%d -case=%d",
					number, describe(c), err, smallErr, manifests(t, small, c), t.Name(), seed, number)
			}
			seen["connections"]++
			seen["egress "+string(answer.Egress.Verdict)]++
			seen["ingress "+string(answer.Ingress.Verdict)]++
			if known != none {
				seen["differences for "+string(known)]++
			}
		}
	}
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%7d %s", seen[what], what)
	}
	return seen
}

// demand fails if something was not seen: then the rest proves less than it seems to.
func demand(t *testing.T, seen map[string]int, verdicts ...evaluator.Verdict) {
	t.Helper()
	if *caseFlag >= 0 {
		return
	}
	for _, verdict := range verdicts {
		for _, end := range []string{"egress ", "ingress "} {
			if n := seen[end+string(verdict)]; n < seen["connections"]/1000 {
				t.Errorf("only %d connections of %d are %s%s", n, seen["connections"], end, verdict)
			}
		}
	}
	for _, known := range []difference{itself, completed} {
		if seen["differences for "+string(known)] == 0 {
			t.Errorf("evaluator and engine never differ for %s: a difference that is not there must not be forgiven", known)
		}
	}
}

// trial is a cluster with both of those who are asked about it.
type trial struct {
	evaluator *evaluator.Evaluator
	witness   *witness
}

func newTrial(t *testing.T, world evaluator.World) trial {
	t.Helper()
	e, err := evaluator.New(world)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWitness(world)
	if err != nil {
		t.Fatal(err)
	}
	return trial{evaluator: e, witness: w}
}

// ask asks both; the error is a disagreement.
func (try trial) ask(t *testing.T, c evaluator.Connection) (evaluator.Answer, difference, error) {
	t.Helper()
	answer := try.evaluator.Evaluate(c)
	known, err := try.witness.compare(t.Context(), c, answer)
	return answer, known, err
}

// reuseAddresses gives the addresses of some completed pods to pods that live, as the network does.
func reuseAddresses(d random.Drawer, world evaluator.World) {
	for i := range world.Pods {
		heir := &world.Pods[d.IntN(len(world.Pods))]
		if world.Pods[i].Completed && !heir.Completed && !heir.HostNetwork && d.IntN(2) == 0 {
			world.Pods[i].Addresses = slices.Clone(heir.Addresses)
		}
	}
}
