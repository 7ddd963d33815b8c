package plan

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// with returns the profile with a change made to it.
func with(p snapshot.Profile, change func(*snapshot.Profile)) snapshot.Profile {
	change(&p)
	return p
}

func isolated(p *snapshot.Profile) { p.Isolation = v1alpha1.IsolationNamespace }

// addTier adds a tier of pods with label x=value that serves the callers on port 80.
func addTier(name string, value v1alpha1.LabelValue) func(*snapshot.Profile) {
	return func(p *snapshot.Profile) {
		p.Tiers = append(slices.Clone(p.Tiers), v1alpha1.ClusterTier{Tier: v1alpha1.Tier{
			Name: name, Ports: []v1alpha1.Port{port(80)},
			PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"x": value}},
		}})
		p.Allow = append(slices.Clone(p.Allow), v1alpha1.AllowEntry{
			Name: "to-" + name, To: []v1alpha1.Peer{{Tier: name}}, From: []v1alpha1.Peer{{Pods: &v1alpha1.PodsPeer{Namespaces: []string{"for-" + name}}}},
		})
	}
}

func TestOrderOfWrites(t *testing.T) {
	removed := func(p *snapshot.Profile) { p.Deleting = true }
	both := func(p *snapshot.Profile) { addTier("db", "2")(p); isolated(p) }
	for name, c := range map[string]struct {
		old, now []snapshot.Profile
		want     []string
	}{
		"tiers come before the default-deny": {nil, []snapshot.Profile{with(shop("a"), both)},
			[]string{"0 create segp.a.db", "0 create segp.a.web", "2 create segp.a.default-deny"}},
		"the default-deny goes before the tiers": {[]snapshot.Profile{with(shop("a"), both)}, []snapshot.Profile{with(shop("a"), removed)},
			[]string{"3 delete segp.a.default-deny", "5 delete segp.a.db", "5 delete segp.a.web"}},
		"one default-deny takes over before another goes": {
			[]snapshot.Profile{with(shop("a"), isolated), shop("b")}, []snapshot.Profile{shop("a"), with(shop("b"), isolated)},
			[]string{"2 create segp.b.default-deny", "3 delete segp.a.default-deny"}},
		"a changed selector is a new policy before the old one goes": {
			[]snapshot.Profile{shop("a")}, []snapshot.Profile{with(shop("a"), func(p *snapshot.Profile) {
				p.Tiers = []v1alpha1.ClusterTier{{Tier: v1alpha1.Tier{Name: "web", PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"x": "2"}}}}}
			})}, []string{"0 create segp.a.web", "5 delete segp.a.web"}},
		"what admits more comes before what admits less": {
			[]snapshot.Profile{shop("a", "one"), shop("b", "two")}, []snapshot.Profile{shop("a", "one", "two"), shop("b")},
			[]string{"0 update segp.a.web", "4 update segp.b.web"}},
		"a single update both ways is one write": {
			[]snapshot.Profile{shop("a", "one")}, []snapshot.Profile{shop("a", "two")}, []string{"1 update segp.a.web"}},
		"several updates both ways are two writes each": {
			[]snapshot.Profile{shop("a", "one"), shop("b", "two")}, []snapshot.Profile{shop("a", "two"), shop("b", "one")},
			[]string{"0 update segp.a.web", "0 update segp.b.web", "4 update segp.a.web", "4 update segp.b.web"}},
		"tiers of the same pods begin together": {nil, []snapshot.Profile{with(shop("a", "one"), addTier("same", "1"))},
			[]string{"0 create segp.a.same", "0 create segp.a.web", "4 update segp.a.same", "4 update segp.a.web"}},
		"and cease together": {[]snapshot.Profile{with(shop("a", "one"), addTier("same", "1"))}, []snapshot.Profile{with(shop("a"), removed)},
			[]string{"0 update segp.a.same", "0 update segp.a.web", "5 delete segp.a.same", "5 delete segp.a.web"}},
		"one more tier of pods that are isolated needs no detour": {
			[]snapshot.Profile{shop("a", "one")}, []snapshot.Profile{with(shop("a", "one"), addTier("same", "1"))}, []string{"0 create segp.a.same"}},
		"a tier of every pod that allows nothing is a default-deny": {nil, []snapshot.Profile{with(shop("a", "one"), func(p *snapshot.Profile) {
			p.Tiers = append(slices.Clone(p.Tiers), v1alpha1.ClusterTier{Tier: v1alpha1.Tier{Name: "all", PodSelector: &v1alpha1.LabelSelector{}}})
		})}, []string{"0 create segp.a.web", "2 create segp.a.all"}},
	} {
		t.Run(name, func(t *testing.T) {
			live := stored(c.old...)
			if got := told(New(Input{Outputs: compile(c.now...), Live: live})); !slices.Equal(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestAWidenedPolicyIsMarkedAsWhatItIs(t *testing.T) {
	set := New(Input{Outputs: compile(with(shop("a", "one"), addTier("same", "1")))})
	for i, first := range set.Steps[StepExtend] {
		second := set.Steps[StepNarrow][i]
		if first.Name() != second.Name() || first.Desired.Annotations[annotationHash] == second.Desired.Annotations[annotationHash] {
			t.Errorf("%s and %s", first.Name(), second.Name())
		}
		if len(first.Desired.Spec.Ingress) != 2 {
			t.Errorf("%s admits %v", first.Name(), first.Desired.Spec.Ingress)
		}
	}
}

func TestAConflictWithholdsWhatCouldCutOff(t *testing.T) {
	old := with(with(shop("a", "one"), addTier("db", "2")), isolated)
	live := stored(old)
	foreign := slices.IndexFunc(live, func(p *networkingv1.NetworkPolicy) bool { return p.Labels[v1alpha1.LabelTier] == "web" })
	live[foreign].OwnerReferences, live[foreign].Labels = nil, nil
	before := live[foreign].DeepCopy()

	// The tier db goes, a tier cache comes, the default-deny goes: only what adds is done.
	now := with(shop("a", "one"), addTier("cache", "3"))
	set := New(Input{Outputs: compile(now, shop("b", "one")), Live: append(live, stored(shop("b"))...)})
	want := []string{"0 create segp.a.cache", "0 update segp.b.web"}
	if got := told(set); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := []Conflict{{Profile: now.Key, Policy: before.Name}}; !reflect.DeepEqual(set.Conflicts, want) {
		t.Errorf("conflicts %v, want %v", set.Conflicts, want)
	}
	if !reflect.DeepEqual(live[foreign], before) {
		t.Error("the foreign policy was changed")
	}
}

func TestAConflictDoesNotLetDriftStand(t *testing.T) {
	p := with(shop("a", "one"), addTier("db", "2"))
	live := stored(p)
	for _, policy := range live {
		if policy.Labels[v1alpha1.LabelTier] == "web" {
			policy.OwnerReferences, policy.Labels = nil, nil
			continue
		}
		policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	}
	if got, want := told(New(Input{Outputs: compile(p), Live: live})), []string{"1 update segp.a.db: 1 egress rule added (urgent)"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPreviewCounts(t *testing.T) {
	preview := func(p *snapshot.Profile) { p.Mode = v1alpha1.ModePreview }
	instead := func(p *snapshot.Profile) { preview(p); p.PreviewOf = "b" }
	for name, c := range map[string]struct {
		old  []snapshot.Profile
		now  snapshot.Profile
		want PreviewCounts
	}{
		"a new profile would create":                         {nil, with(with(shop("a"), isolated), preview), PreviewCounts{Create: 2}},
		"an unchanged one would do nothing":                  {[]snapshot.Profile{shop("a")}, with(shop("a"), preview), PreviewCounts{}},
		"a changed one would update":                         {[]snapshot.Profile{shop("a")}, with(shop("a", "one"), preview), PreviewCounts{Update: 1}},
		"what it has and does not want it would delete":      {[]snapshot.Profile{with(shop("a"), isolated)}, with(shop("a"), preview), PreviewCounts{Delete: 1}},
		"what the one it replaces has, it would delete":      {[]snapshot.Profile{with(shop("b"), isolated)}, with(shop("a"), instead), PreviewCounts{Create: 1, Delete: 2}},
		"another profile's policies are not its concern":     {[]snapshot.Profile{shop("b")}, with(shop("a"), preview), PreviewCounts{Create: 1}},
		"the one it replaces may have nothing here":          {nil, with(shop("a"), instead), PreviewCounts{Create: 1}},
		"replacing and having been enforced itself, it sums": {[]snapshot.Profile{shop("a"), shop("b")}, with(shop("a", "one"), instead), PreviewCounts{Update: 1, Delete: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			set := New(Input{Outputs: compile(c.now), Live: stored(c.old...)})
			if set.Len() > 0 {
				t.Errorf("a preview writes: %q", told(set))
			}
			if got := set.Previews[c.now.Key]; got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestPreviewCountsFromWhatWillBeThere(t *testing.T) {
	instead := func(p *snapshot.Profile) { p.Mode, p.PreviewOf = v1alpha1.ModePreview, "b" }
	preview := with(shop("a"), instead)
	set := New(Input{Outputs: compile(with(shop("b"), isolated), preview)})
	if got, want := set.Previews[preview.Key], (PreviewCounts{Create: 1, Delete: 2}); got != want {
		t.Errorf("got %+v, want %+v: the policies of b are yet to be created by this plan", got, want)
	}
}

func TestEqualInputGivesAnEqualPlan(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for i := range uint64(300) {
		w := &world{t: t, random: rand.New(rand.NewPCG(seed, i)), number: i}
		w.start()
		w.change()
		if a, b := w.plan(), w.plan(); !reflect.DeepEqual(a, b) {
			t.Fatalf("transition %d:\n%v\n%v", i, told(a), told(b))
		}
	}
}
