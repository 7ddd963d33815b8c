package plan

import (
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

func TestAPolicyThatWaits(t *testing.T) {
	both := with(with(shop("a", "one"), addTier("db", "2")), isolated)
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
	for name, c := range map[string]struct {
		now     snapshot.Profile
		change  func([]*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy
		want    []string
		waiting int
	}{
		"is not corrected":                         {both, drifted("web"), nil, 1},
		"is not written again":                     {both, deleted("web"), nil, 1},
		"has its wording left alone":               {both, func(live []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy { reword(live); return live }, []string{"0 update segp.a.db", "0 update segp.a.default-deny"}, 1},
		"holds no other correction back":           {both, drifted("web", "db", "default-deny"), []string{"1 update segp.a.db: 1 egress rule added (urgent)", "2 update segp.a.default-deny: 1 egress rule added"}, 1},
		"does not wait when it is right":           {both, none, nil, 0},
		"is written when the profile asks":         {with(with(shop("a", "one", "two"), addTier("db", "2")), isolated), drifted("web"), []string{"1 update segp.a.web"}, 0},
		"holds back what could cut off":            {with(shop("a", "one"), addTier("more", "1")), drifted("web"), []string{"0 create segp.a.more"}, 1},
		"is not deleted when it is wanted no more": {with(with(shop("a"), func(p *snapshot.Profile) { p.Tiers = nil }), isolated), none, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			live := stored(both)
			applied := map[string]string{}
			waiting := map[string]bool{}
			for _, p := range live {
				applied[p.Name] = p.Annotations[annotationHash]
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
