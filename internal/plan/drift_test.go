package plan

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
)

func TestWhatKindOfDriftAChangeCorrects(t *testing.T) {
	hole := func(p *networkingv1.NetworkPolicy) {
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
	}
	for name, c := range map[string]struct {
		change func(*networkingv1.NetworkPolicy)
		want   DriftKind
	}{
		"a rule was added":                      {hole, DriftSpec},
		"the labels were taken":                 {func(p *networkingv1.NetworkPolicy) { p.Labels = nil }, DriftMetadata},
		"a rule was added and the labels taken": {func(p *networkingv1.NetworkPolicy) { hole(p); p.Labels = nil }, DriftSpec},
		"a wording of ours is an older one":     {func(p *networkingv1.NetworkPolicy) { p.Annotations[v1alpha1.AnnotationPurpose] = "" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			live := stored(shop("a", "one"))
			c.change(live[0])
			expectOne(t, New(Input{Outputs: compile(shop("a", "one")), Live: live}), ActionUpdate, c.want)
		})
	}
	live := stored(shop("a"))
	applied := map[string]string{live[0].Name: formOf(live[0])}
	expectOne(t, New(Input{Outputs: compile(shop("a")), Applied: applied}), ActionCreate, DriftDeleted)
	expectOne(t, New(Input{Outputs: compile(shop("a"))}), ActionCreate, "")
}

// expectOne expects one change, of this action and kind of drift.
func expectOne(t *testing.T, set ChangeSet, action Action, kind DriftKind) {
	t.Helper()
	if set.Len() != 1 {
		t.Fatalf("%d changes: %q", set.Len(), told(set))
	}
	for _, step := range set.Steps {
		for _, change := range step {
			if change.Action() != action || change.DriftKind() != kind {
				t.Errorf("%s with drift %q, want %s with %q", change.Action(), change.DriftKind(), action, kind)
			}
		}
	}
}
