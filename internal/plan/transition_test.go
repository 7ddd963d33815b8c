package plan

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// transitions is how many random changes of a namespace's profiles TestNoWriteCutsOffOrOpensTooMuch tries.
const transitions = 3000

// TestNoWriteCutsOffOrOpensTooMuch carries random plans out write by write. After every write, for every pod and both
// directions, what is admitted lies between what was admitted before and will be (at least) and what was admitted
// before or will be (at most). That holds in every order within a step, and when writes fail.
func TestNoWriteCutsOffOrOpensTooMuch(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	writes, failed := 0, 0
	cats := map[string]int{}
	samples := map[string]string{}
	for i := range uint64(transitions) {
	  func() {
		defer func() {
			if r := recover(); r != nil {
				v := r.([2]string)
				cats[v[0]]++
				if cats[v[0]] < 3 { samples[v[0]] += v[1] }
			}
		}()
		w := &world{t: t, random: rand.New(rand.NewPCG(seed, i)), number: i} //nolint:gosec // a test's random cases need no secrecy
		w.start()
		w.change()
		for attempt := range 4 {
			// The last attempt meets no failures.
			chance := []float64{0.15, 0.1, 0.05, 0}[attempt]
			if w.random.IntN(2) == 0 {
				chance = 0
			}
			failures := w.carryOut(chance)
			failed += failures
			if failures == 0 {
				break
			}
		}
		w.mustBeDone()
		writes += w.writes
	  }()
	}
	for k, v := range cats { t.Logf("%s: %d\n%.6000s", k, v, samples[k]) }
	t.Logf("%d transitions, %d writes, %d of them failed", transitions, writes, failed)
}

// world is a namespace in which one transition takes place.
type world struct {
	t        *testing.T
	random   *rand.Rand
	number   uint64
	profiles []snapshot.Profile
	live     map[string]*networkingv1.NetworkPolicy
	versions int
	writes   int
	story    []string
}

// start draws profiles and lets their policies stand; now and then somebody has changed some of them.
func (w *world) start() {
	w.live = map[string]*networkingv1.NetworkPolicy{}
	for _, key := range []snapshot.ProfileKey{
		{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "a"},
		{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "b"},
		{Kind: v1alpha1.KindClusterSegmentationProfile, Name: "c"},
	} {
		p := drawProfile(w.random, key)
		p.Deleting = w.random.IntN(3) == 0
		w.profiles = append(w.profiles, p)
	}
	for name, policy := range w.desired() {
		w.put(name, &policy)
	}
}

// change replaces or alters some profiles; Deleting stands for one that is not there.
func (w *world) change() {
	for i, p := range w.profiles {
		switch w.random.IntN(6) {
		case 0:
			p.Deleting = !p.Deleting
		case 1:
			fresh := drawProfile(w.random, p.Key)
			fresh.Deleting = p.Deleting
			p = fresh
		case 2, 3:
			p = alter(w.random, p)
		case 4:
			p.Mode = v1alpha1.ModePreview
		}
		p.Generation++
		w.profiles[i] = p
	}
}

func (w *world) outputs() []compiler.Output {
	return compiler.Compile(snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}, Profiles: w.profiles})
}

// desired is what should be in the namespace in the end: what the profiles that enforce want, and what those that only
// preview left.
func (w *world) desired() map[string]networkingv1.NetworkPolicy {
	out := map[string]networkingv1.NetworkPolicy{}
	for _, o := range w.outputs() {
		switch o.Disposition {
		case compiler.Enforce:
			for _, policy := range o.Policies {
				out[policy.Name] = policy
			}
		case compiler.Preview:
			for name, policy := range w.live {
				if key, _, ok := Owner(policy); ok && key == o.Profile.Key {
					out[name] = *policy
				}
			}
		case compiler.Freeze:
			w.t.Fatalf("transition %d: %s is invalid", w.number, o.Profile.Key)
		case compiler.Remove:
		}
	}
	return out
}

func (w *world) put(name string, policy *networkingv1.NetworkPolicy) {
	w.versions++
	stored := policy.DeepCopy()
	if stored.UID == "" {
		stored.UID = types.UID(fmt.Sprintf("uid-%d", w.versions))
	}
	stored.ResourceVersion = fmt.Sprint(w.versions)
	w.live[name] = stored
}

func (w *world) plan() ChangeSet {
	return New(Input{Outputs: w.outputs(), Live: slices.Collect(maps.Values(w.live))})
}

// carryOut does what package applier does, with failures in between, and returns their number.
func (w *world) carryOut(chance float64) (failures int) {
	before, after := admissions(values(w.live)), admissions(w.desired())
	set := w.plan()
	for step, changes := range set.Steps {
		earlier := failures
		w.random.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		for _, change := range changes {
			if earlier > 0 && !change.Urgent {
				continue
			}
			if w.random.Float64() < chance {
				w.story = append(w.story, fmt.Sprintf("step %d: failed: %s", step, change.Name()))
				failures++
				continue
			}
			w.write(Step(step), change)
			w.mustLieBetween(before, after)
		}
	}
	return failures
}

func (w *world) write(step Step, change Change) {
	w.writes++
	name := change.Name()
	if (change.Live == nil) != (w.live[name] == nil) {
		w.t.Fatalf("transition %d: the plan and the namespace disagree on whether %s is there", w.number, name)
	}
	if change.Desired == nil {
		w.story = append(w.story, fmt.Sprintf("step %d: delete %s", step, name))
		delete(w.live, name)
		return
	}
	w.story = append(w.story, fmt.Sprintf("step %d: write %s: %s", step, name, networkpolicy.Key(change.Desired.Spec)))
	w.put(name, change.Desired)
}

// mustBeDone checks that all is as desired and that nothing is left to do.
func (w *world) mustBeDone() {
	if set := w.plan(); set.Len() > 0 {
		w.t.Fatalf("transition %d: %d writes are left: %v\n%v", w.number, set.Len(), set.Steps, w.story)
	}
	desired := w.desired()
	if len(desired) != len(w.live) {
		w.t.Fatalf("transition %d: %d policies live, %d desired", w.number, len(w.live), len(desired))
	}
	for name, want := range desired {
		if have := w.live[name]; have == nil || networkpolicy.Key(have.Spec) != networkpolicy.Key(want.Spec) {
			w.t.Fatalf("transition %d: %s is %v, want %v", w.number, name, have, want)
		}
	}
}

func values(live map[string]*networkingv1.NetworkPolicy) map[string]networkingv1.NetworkPolicy {
	out := map[string]networkingv1.NetworkPolicy{}
	for name, policy := range live {
		out[name] = *policy
	}
	return out
}

// end is one end of a connection: a pod, and the direction as it sees it.
type end struct {
	pod       string
	direction networkpolicy.Direction
}

// admission is what is admitted at one end. Open, everything is: no policy isolates the end.
type admission struct {
	open  bool
	atoms map[networkpolicy.Atom]bool
}

// universe is every kind of pod that the selectors of these tests can tell apart.
func universe() map[string]map[string]string {
	pods := map[string]map[string]string{}
	for _, x := range []string{"", "1", "2"} {
		for _, y := range []string{"", "1", "2"} {
			labels := map[string]string{}
			if x != "" {
				labels["x"] = x
			}
			if y != "" {
				labels["y"] = y
			}
			pods["x="+x+",y="+y] = labels
		}
	}
	return pods
}

// admissions reads policies as k8s.io/api/networking/v1 says: an end that no policy isolates is open; any other admits
// the union of what the policies that select the pod admit.
func admissions(policies map[string]networkingv1.NetworkPolicy) map[end]admission {
	out := map[end]admission{}
	for pod, labels := range universe() {
		for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
			here := admission{open: true, atoms: map[networkpolicy.Atom]bool{}}
			for _, policy := range policies {
				if selects, err := selector.Matches(&policy.Spec.PodSelector, labels); err != nil || !selects {
					continue
				}
				here.open = false // ours always isolate both ways
				for atom := range networkpolicy.Admitted(policy.Spec) {
					if atom.Direction == direction {
						here.atoms[atom] = true
					}
				}
			}
			out[end{pod, direction}] = here
		}
	}
	return out
}

func (a admission) admits(atom networkpolicy.Atom) bool {
	if a.open || a.atoms[atom] {
		return true
	}
	return a.atoms[networkpolicy.Atom{Direction: atom.Direction, Peer: networkpolicy.Everyone, Port: atom.Port}]
}

func (w *world) mustLieBetween(before, after map[end]admission) {
	now := admissions(values(w.live))
	for e, here := range now {
		was, will := before[e], after[e]
		if here.open {
			if !was.open && !will.open {
				w.fail("opened wholly", e, was, will)
			}
			continue
		}
		if was.open && will.open {
			w.fail("isolated although it is to stay open", e, was, will)
		}
		for atom := range here.atoms {
			if !was.admits(atom) && !will.admits(atom) {
				w.fail(fmt.Sprintf("opened for %v", atom), e, was, will)
			}
		}
		for _, side := range []admission{was, will} {
			for atom := range side.atoms {
				if was.admits(atom) && will.admits(atom) && !here.admits(atom) {
					w.fail(fmt.Sprintf("cut off from %v", atom), e, was, will)
				}
			}
		}
	}
}

func (w *world) fail(what string, e end, was, will admission) {
	text := ""
	for _, line := range w.story {
		text += line + "\n"
	}
	panic([2]string{fmt.Sprintf("%.15s wasopen=%v willopen=%v", what, was.open, will.open), fmt.Sprintf("transition %d: %s of pod %s was %s:\n%s", w.number, e.direction, e.pod, what, text)})
}
