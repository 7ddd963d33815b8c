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
	"firebreak.dev/firebreak/internal/snapshot"
)

// transitions is how many random changes of a namespace's profiles TestNoWriteCutsOffOrOpensTooMuch tries.
const transitions = 2000

// TestNoWriteCutsOffOrOpensTooMuch carries random plans out write by write. After every write, for every pod and both
// directions, what is admitted lies between what was admitted before and will be (at least) and what was admitted
// before or will be (at most). That holds in every order within a step, and when writes fail.
func TestNoWriteCutsOffOrOpensTooMuch(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	writes, failed, tangled, missing := 0, 0, 0, 0
	for i := range uint64(transitions) {
		w := &world{t: t, random: rand.New(rand.NewPCG(seed, i)), number: i}
		w.start()
		w.change()
		for attempt := range 4 {
			w.letWait(attempt < 3)
			// The last attempt meets no failures.
			chance := []float64{0.15, 0.1, 0.05, 0}[attempt]
			if w.random.IntN(2) == 0 {
				chance = 0
			}
			failures := w.carryOut(chance)
			failed += failures
			if failures == 0 && len(w.waiting) == 0 {
				break
			}
		}
		w.mustBeDone()
		writes += w.writes
		tangled += w.tangled
		missing += w.missing
	}
	t.Logf("%d transitions, %d writes, %d more failed, %d creations waited, %d moments in which tangled policies cut something off", transitions, writes, failed, missing, tangled)
}

// world is a namespace in which one transition takes place.
type world struct {
	t        *testing.T
	random   *rand.Rand
	number   uint64
	profiles []snapshot.Profile
	compiled []compiler.Output
	live     map[string]*networkingv1.NetworkPolicy
	versions int
	writes   int
	story    []string
	// waiting are policies that somebody keeps changing; applied is what was right before anybody did.
	waiting map[string]bool
	applied map[string]string
	// before, now and after are what the oracle sees.
	before, now, after map[string]view
	// meant is what Firebreak wrote last: what somebody else opened since need not be kept up.
	meant   map[string]view
	tangled int
	// missing counts the creations that waited.
	missing int
}

// start draws profiles and lets their policies stand, also those that a deleted profile retained; now and then somebody
// has changed some of them.
func (w *world) start() {
	w.live = map[string]*networkingv1.NetworkPolicy{}
	var gone []bool
	keys := []snapshot.ProfileKey{
		{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "a"},
		{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "b"},
		{Kind: v1alpha1.KindClusterSegmentationProfile, Name: "c"},
	}
	for _, key := range keys[:one(w.random, len(keys), len(keys), 1)] {
		p := drawProfile(w.random, key)
		gone = append(gone, w.random.IntN(3) == 0)
		p.Deleting = gone[len(gone)-1] && !p.Retains()
		w.profiles = append(w.profiles, p)
	}
	for name, policy := range w.desired() {
		w.put(name, &policy)
	}
	for i := range w.profiles {
		w.profiles[i].Deleting = gone[i]
	}
	w.compiled = nil
	w.meant = viewsOf(values(w.live))
	// With one profile alone policies may wait: let many of them be missing then.
	alone := len(w.profiles) == 1
	if alone || w.random.IntN(2) == 0 {
		w.applied = map[string]string{}
		for name, policy := range w.live {
			w.applied[name] = formOf(policy)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.live)) {
		if w.random.IntN(8) == 0 || (alone && w.random.IntN(3) == 0) {
			w.tamper(name)
		}
	}
}

// letWait lets the corrections of some policies wait, or of none. With several profiles it lets none: what other profiles do
// is not held back by a policy that waits, no more than by one that cannot be written.
func (w *world) letWait(some bool) {
	w.waiting = nil
	if !some || len(w.profiles) > 1 || w.random.IntN(4) == 0 {
		return
	}
	w.waiting = map[string]bool{}
	for _, name := range append(slices.Sorted(maps.Keys(w.live)), slices.Sorted(maps.Keys(w.applied))...) {
		if w.random.IntN(2) == 0 {
			w.waiting[name] = true
		}
	}
}

// tamper changes a policy as somebody else would.
func (w *world) tamper(name string) {
	policy := w.live[name].DeepCopy()
	switch w.random.IntN(6) {
	case 0:
		policy.Spec.Egress = append(policy.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
	case 1:
		policy.Spec.Ingress = nil
	case 2:
		policy.Labels = nil
	default:
		delete(w.live, name)
		w.story = append(w.story, "somebody deleted "+name)
		return
	}
	w.story = append(w.story, "somebody changed "+name)
	w.put(name, policy)
}

// change replaces or alters some profiles; Deleting stands for one that is not there.
func (w *world) change() {
	for i, p := range w.profiles {
		switch w.random.IntN(6) {
		case 0:
			p.Deleting = !p.Deleting
			// One that comes again is another one, which adopts what the former left.
			if !p.Deleting && w.allMarked() {
				p.UID += "-again"
			}
			if p.Deleting && w.random.IntN(2) == 0 {
				p.DeletionPolicy = drawDeletionPolicy(w.random)
			}
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
	w.compiled = nil
}

// allMarked says whether nobody took the labels of any policy: what a former profile retained is not known without.
func (w *world) allMarked() bool {
	for _, policy := range w.live {
		if policy.Labels == nil {
			return false
		}
	}
	return true
}

// outputs is what the profiles want, compiled once until they change.
func (w *world) outputs() []compiler.Output {
	if w.compiled == nil {
		w.compiled = compiler.Compile(snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}, Profiles: w.profiles})
	}
	return w.compiled
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
		case compiler.Preview, compiler.Release:
			for name, policy := range w.live {
				if key, _, ok := Owner(policy); (ok && key == o.Profile.Key) || isStamped(policy, o.Profile) {
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
	return New(Input{Outputs: w.outputs(), Live: slices.Collect(maps.Values(w.live)), Applied: w.applied, Waiting: w.waiting})
}

// carryOut does what package applier does, with failures in between, and returns their number.
func (w *world) carryOut(chance float64) (failures int) {
	w.before, w.after = viewsOf(values(w.live)), viewsOf(w.desired())
	w.now = maps.Clone(w.before)
	was, meant, will := admissions(w.before), admissions(w.meant), admissions(w.after)
	set := w.plan()
	for _, c := range set.Waiting {
		if c.Live == nil {
			w.missing++
		}
	}
	var result Result
	for step, changes := range set.Steps {
		earlier := failures
		w.random.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
		for _, change := range changes {
			if earlier > 0 && !change.Urgent {
				result.Skipped = append(result.Skipped, change)
				continue
			}
			if w.random.Float64() < chance {
				result.Failures = append(result.Failures, Failure{Change: change})
				w.story = append(w.story, fmt.Sprintf("step %d: failed: %s", step, change.Name()))
				failures++
				continue
			}
			w.write(Step(step), change)
			w.mustLieBetween(was, meant, will)
		}
	}
	if w.applied != nil {
		w.applied = Settled(w.outputs(), set, result)
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
		delete(w.now, name)
		delete(w.meant, name)
		return
	}
	w.story = append(w.story, fmt.Sprintf("step %d: write %s: %s", step, name, networkpolicy.Key(change.Desired.Spec)))
	w.put(name, change.Desired)
	w.now[name] = viewOf(change.Desired.Spec)
	w.meant[name] = w.now[name]
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
