package plan

import (
	"reflect"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
)

func TestAPreviewForeseesTheConflictsThatItWouldMeet(t *testing.T) {
	preview := shop("a", "one")
	preview.Mode = v1alpha1.ModePreview
	taken := []Conflict{{Profile: preview.Key, Policy: stored(preview)[0].Name}}
	for name, c := range map[string]struct {
		change func(*networkingv1.NetworkPolicy)
		want   []Conflict
	}{
		"the name is somebody else's":             {func(p *networkingv1.NetworkPolicy) { p.OwnerReferences, p.Labels, p.Annotations = nil, nil, nil }, taken},
		"the policy is that of another profile":   {func(p *networkingv1.NetworkPolicy) { p.OwnerReferences[0].Name = "other" }, taken},
		"the policy is its own, from before":      {func(*networkingv1.NetworkPolicy) {}, nil},
		"the policy is that of a former profile":  {func(p *networkingv1.NetworkPolicy) { p.OwnerReferences[0].UID = "former" }, nil},
		"somebody else's policy has another name": {func(p *networkingv1.NetworkPolicy) { p.OwnerReferences, p.Labels, p.Name = nil, nil, "allow-all" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			live := stored(preview)
			c.change(live[0])
			set := New(Input{Outputs: compile(preview, shop("b")), Live: append(live, stored(shop("b"))...)})
			if !reflect.DeepEqual(set.Foreseen, c.want) || len(set.Conflicts) > 0 || set.Len() > 0 {
				t.Errorf("foreseen %v, want %v; conflicts %v, writes %q", set.Foreseen, c.want, set.Conflicts, told(set))
			}
		})
	}
	if set := New(Input{Outputs: compile(preview)}); set.Foreseen != nil {
		t.Errorf("without policies: %v", set.Foreseen)
	}
}
