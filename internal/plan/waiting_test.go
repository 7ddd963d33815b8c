package plan

import (
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
)

func TestAPolicyThatWaits(t *testing.T) {
	both := with(with(shop("a", "one"), addTier("db", "2")), isolated)
	overlapping := with(shop("a", "one"), addTier("same", "1"))
	none := func(live []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy { return live }
	drifted := func(names ...string) func([]*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
		return func(live []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
			for _, p := range live {
				if slices.Contains(names, p.Labels["firebreak.dev/tier"]) {
					hole(p)
				}
			}
			return live
		}
	}
	deleted := func(name string) func([]*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
		return func(live []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
			return slices.DeleteFunc(live, func(p *networkingv1.NetworkPolicy) bool { return p.Labels["firebreak.dev/tier"] == name })
		}
	}
	// moved lets a policy select other pods.
	moved := func(name string) func([]*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
		return func(live []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
			for _, p := range live {
				if p.Labels["firebreak.dev/tier"] == name {
					p.Spec.PodSelector.MatchLabels = map[string]string{"x": "9"}
				}
			}
			return live
		}
	}
	// halved lets a policy isolate in one direction only.
	halved := func(name string) func([]*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
		return func(live []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
			for _, p := range live {
				if p.Labels["firebreak.dev/tier"] == name {
					p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
				}
			}
			return live
		}
	}
	all := func(changes ...func([]*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy) func([]*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
		return func(live []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
			for _, change := range changes {
				live = change(live)
			}
			return live
		}
	}
	for name, c := range map[string]struct {
		now     snapshot.Profile
		change  func([]*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy
		want    []string
		waiting int
	}{
		"is not corrected":                             {both, drifted("web"), nil, 1},
		"is not written again":                         {both, deleted("web"), nil, 1},
		"has its wording left alone":                   {both, func(live []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy { reword(live); return live }, []string{"0 update segp.a.db", "0 update segp.a.default-deny"}, 1},
		"holds no other correction back":               {both, drifted("web", "db", "default-deny"), []string{"1 update segp.a.db: 1 egress rule added (urgent)", "2 update segp.a.default-deny: 1 egress rule added"}, 1},
		"does not wait when it is right":               {both, none, nil, 0},
		"is written when the profile asks":             {with(with(shop("a", "one", "two"), addTier("db", "2")), isolated), drifted("web"), []string{"1 update segp.a.web"}, 0},
		"holds back what could cut off":                {with(shop("a", "one"), addTier("more", "1")), drifted("web"), []string{"0 create segp.a.more"}, 1},
		"is missing while the default-deny is too":     {both, all(deleted("web"), deleted("default-deny")), nil, 1},
		"is missing while the default-deny has a hole": {both, all(deleted("web"), drifted("default-deny")), nil, 1},
		"is missing while others with its pods are":    {with(overlapping, isolated), all(deleted("web"), deleted("same")), nil, 1},
		"is missing while others are":                  {both, all(deleted("web"), deleted("db")), []string{"0 create segp.a.db: deleted"}, 1},
		"is missing while others have a hole":          {both, all(deleted("web"), drifted("db")), []string{"1 update segp.a.db: 1 egress rule added (urgent)"}, 1},
		"is missing while new ones get its pods":       {with(overlapping, addTier("more", "1")), deleted("web"), nil, 1},
		"selects other pods while others are missing":  {overlapping, all(moved("web"), deleted("same")), nil, 1},
		"is missing while others select other pods":    {overlapping, all(deleted("web"), moved("same")), nil, 1},
		"is missing while others do not isolate":       {overlapping, all(deleted("web"), halved("same")), nil, 1},
		"has holes while others are missing":           {overlapping, all(drifted("web"), deleted("same")), []string{"0 create segp.a.same: deleted"}, 1},
		"is not deleted when it is wanted no more":     {with(with(shop("a"), func(p *snapshot.Profile) { p.Tiers = nil }), isolated), none, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			was := both
			if slices.ContainsFunc(c.now.Tiers, func(tier v1alpha1.ClusterTier) bool { return tier.Name == "same" }) {
				was = with(overlapping, isolated)
				was.Isolation = c.now.Isolation
			}
			live := stored(was)
			applied := map[string]string{}
			waiting := map[string]bool{}
			for _, p := range live {
				applied[p.Name] = formOf(p)
				if p.Labels["firebreak.dev/tier"] == "web" {
					waiting[p.Name] = true
				}
			}
			set := New(Input{Outputs: compile(c.now), Live: c.change(live), Applied: applied, Waiting: waiting})
			if got := told(set); !slices.Equal(got, c.want) || len(set.Waiting) != c.waiting {
				t.Errorf("got  %q and %d waiting\nwant %q and %d", got, len(set.Waiting), c.want, c.waiting)
			}
			for _, change := range set.Waiting {
				if !change.Contestable() || change.Undoes() == "" || !waiting[change.Name()] {
					t.Errorf("waiting: %s, %q", change.Name(), change.Undoes())
				}
			}
			for _, change := range set.Withheld {
				if settled := Settled(compile(c.now), set, Result{}); change.Correction && settled[change.Name()] == "" {
					t.Errorf("that %s was right is forgotten", change.Name())
				}
			}
			if settled := Settled(compile(c.now), set, Result{}); c.waiting > 0 && len(c.now.Tiers) > 0 && settled[set.Waiting[0].Name()] == "" {
				t.Error("that it was right is forgotten: next time it would be taken for new")
			}
		})
	}
}

// reword changes what policies say that they are for.
func reword(live []*networkingv1.NetworkPolicy) {
	for _, p := range live {
		p.Annotations["firebreak.dev/purpose"] = "something else"
	}
}

func TestADefaultDenyThatWaitsHoldsNoTierBack(t *testing.T) {
	p := with(shop("a", "one"), isolated)
	applied, waiting := map[string]string{}, map[string]bool{}
	for _, policy := range stored(p) {
		applied[policy.Name] = formOf(policy)
		waiting[policy.Name] = compiler.IsDefaultDeny(policy.Name)
	}
	set := New(Input{Outputs: compile(p), Applied: applied, Waiting: waiting})
	if got := told(set); len(set.Waiting) != 1 || !slices.Equal(got, []string{"0 create segp.a.web: deleted"}) {
		t.Errorf("got %q and %d waiting", got, len(set.Waiting))
	}
}

func TestWhatIsHeldBackForAPolicyThatWaitsHoldsBackItsNeighbours(t *testing.T) {
	p := with(with(shop("a", "users"), addTier("one", "1")), addTier("three", "2"))
	p.Tiers[0].PodSelector = &v1alpha1.LabelSelector{}
	live := stored(p)
	applied, waiting := map[string]string{}, map[string]bool{}
	for _, policy := range live {
		applied[policy.Name] = formOf(policy)
		waiting[policy.Name] = policy.Labels["firebreak.dev/tier"] == "one"
	}
	// Tier web has the pods of tier one, which waits, and those of tier three.
	set := New(Input{Outputs: compile(p), Applied: applied, Waiting: waiting})
	if len(set.Waiting) != 1 || len(told(set)) > 0 {
		t.Errorf("got %q and %d waiting", told(set), len(set.Waiting))
	}
}

func TestWhatTheProfileAsksOfMetadataNeverWaitsAndIsNoDrift(t *testing.T) {
	was := shop("a", "one")
	newer := func(change func(*snapshot.Profile)) snapshot.Profile {
		return with(was, func(p *snapshot.Profile) { p.Generation++; change(p) })
	}
	same := func(*networkingv1.NetworkPolicy) {}
	for name, c := range map[string]struct {
		now    snapshot.Profile
		change func(*networkingv1.NetworkPolicy)
		waits  bool
		told   string
	}{
		"another deletionPolicy":      {newer(retained), same, false, "0 update segp.a.web"},
		"another profile of the name": {with(was, again), same, false, "0 update segp.a.web"},
		"another wording":             {newer(func(*snapshot.Profile) {}), func(p *networkingv1.NetworkPolicy) { p.Annotations[v1alpha1.AnnotationPurpose] = "old" }, false, "0 update segp.a.web"},
		"somebody else's wording":     {was, func(p *networkingv1.NetworkPolicy) { p.Annotations[v1alpha1.AnnotationPurpose] = "other" }, true, ""},
		"somebody else's wording with an old stamp": {was, func(p *networkingv1.NetworkPolicy) {
			p.Annotations[v1alpha1.AnnotationPurpose], p.Annotations[v1alpha1.AnnotationProfileGeneration] = "other", "0"
		}, true, ""},
		"what somebody did before the profile asked": {newer(func(*snapshot.Profile) {}), func(p *networkingv1.NetworkPolicy) { p.Annotations[annotationHash] = "of the former spec" }, false, "0 update segp.a.web"},
		"a hash that somebody changed":               {was, func(p *networkingv1.NetworkPolicy) { p.Annotations[annotationHash] = "x" }, true, ""},
		"labels that somebody took":                  {was, func(p *networkingv1.NetworkPolicy) { p.Labels = nil }, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			live := stored(was)
			applied, waiting := map[string]string{live[0].Name: formOf(live[0])}, map[string]bool{live[0].Name: true}
			c.change(live[0])
			set := New(Input{Outputs: compile(c.now), Live: live, Applied: applied, Waiting: waiting})
			if (len(set.Waiting) == 1) != c.waits || strings.Join(told(set), "; ") != c.told {
				t.Errorf("got %q and %d waiting", told(set), len(set.Waiting))
			}
		})
	}
}
