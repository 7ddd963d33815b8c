package plan

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// shop returns a profile of namespace shop with a tier web that serves who is named.
func shop(name string, callers ...string) snapshot.Profile {
	p := snapshot.Profile{
		Key: snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: name},
		UID: types.UID("uid-of-" + name), Generation: 1,
	}
	p.Mode, p.Isolation, p.DNS, p.DeletionPolicy = v1alpha1.ModeEnforce, v1alpha1.IsolationTiers, v1alpha1.DNSNone, v1alpha1.DeletionPolicyDelete
	p.Tiers = []v1alpha1.ClusterTier{{Tier: v1alpha1.Tier{
		Name: "web", Ports: []v1alpha1.Port{port(80)},
		PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"x": "1"}},
	}}}
	for _, caller := range callers {
		p.Allow = append(p.Allow, v1alpha1.AllowEntry{
			Name: caller, To: []v1alpha1.Peer{{Tier: "web"}}, From: []v1alpha1.Peer{{Pods: &v1alpha1.PodsPeer{Namespaces: []string{caller}}}},
		})
	}
	return p
}

func compile(profiles ...snapshot.Profile) []compiler.Output {
	return compiler.Compile(snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}, Profiles: profiles})
}

// stored returns the policies of profiles as they are in the cluster.
func stored(profiles ...snapshot.Profile) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, o := range compile(profiles...) {
		for i, policy := range o.Policies {
			policy.UID, policy.ResourceVersion = types.UID(fmt.Sprint("uid", i)), fmt.Sprint(i+1)
			out = append(out, &policy)
		}
	}
	return out
}

// told says in words what a plan does: one line a write, in order.
func told(set ChangeSet) []string {
	var out []string
	for step, changes := range set.Steps {
		for _, c := range changes {
			verb := "update"
			switch {
			case c.Live == nil:
				verb = "create"
			case c.Desired == nil:
				verb = "delete"
			}
			tier := c.Name()[:len(c.Name())-len("-12345678")]
			line := fmt.Sprintf("%d %s %s", step, verb, tier)
			if c.Drift != "" {
				line += ": " + c.Drift
			}
			if c.Urgent {
				line += " (urgent)"
			}
			out = append(out, line)
		}
	}
	return out
}

func controller(kind, name string, uid types.UID) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: kind, Name: name, UID: uid,
		Controller: new(true), BlockOwnerDeletion: new(true),
	}
}

func TestWhoOwnsAPolicyOfANeededName(t *testing.T) {
	const adopted, untouched = "0 update segp.a.web", "conflict"
	for name, c := range map[string]struct {
		change func(*networkingv1.NetworkPolicy)
		want   string
	}{
		"ours, as it should be, is left alone": {func(*networkingv1.NetworkPolicy) {}, ""},
		"one of a former profile of this name is adopted": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences[0].UID = "former"
		}, adopted},
		"one without owner but with our labels is adopted": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences, p.Annotations[v1alpha1.AnnotationProfileUID] = nil, "former"
		}, adopted},
		"ours that lost its owner is adopted by its labels, and drift": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences = nil
		}, adopted + ": " + metadataLost},
		"one without owner and labels is somebody else's": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences, p.Labels = nil, nil
		}, untouched},
		"one without owner and with another profile's labels is somebody else's": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences, p.Labels[v1alpha1.LabelProfile] = nil, "b"
		}, untouched},
		"one without owner and with the other kind's labels is somebody else's": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences, p.Labels[v1alpha1.LabelProfileKind] = nil, "ClusterSegmentationProfile"
		}, untouched},
		"our labels do not outweigh another controller": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences[0] = metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "a", UID: "d", Controller: new(true)}
		}, untouched},
		"a controller of our kind in another group is another controller": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences[0].APIVersion = "example.com/v1alpha1"
		}, untouched},
		"one that another profile of our kind controls is that profile's": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences[0] = controller("SegmentationProfile", "b", "uid-of-b")
		}, untouched},
		"one that a profile of the other kind with our name controls is that profile's": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences[0] = controller("ClusterSegmentationProfile", "a", "uid-of-a")
		}, untouched},
		"an owner beside ours that is no controller changes nothing": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences = append(p.OwnerReferences, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "x"})
		}, ""},
		"ours without labels is ours, and drift": {func(p *networkingv1.NetworkPolicy) {
			p.Labels = nil
		}, adopted + ": " + metadataLost},
		"ours without annotations is ours, and drift": {func(p *networkingv1.NetworkPolicy) {
			p.Annotations = nil
		}, adopted + ": " + metadataLost},
		"ours that is not our controller any more is adopted by its labels, and drift": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences[0].Controller = nil
		}, adopted + ": " + metadataLost},
		"ours that no longer blocks the owner's deletion is drift": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences[0].BlockOwnerDeletion = nil
		}, adopted + ": " + metadataLost},
		"an older generation's stamp alone is no reason to write": {func(p *networkingv1.NetworkPolicy) {
			p.Annotations[v1alpha1.AnnotationProfileGeneration] = "0"
		}, ""},
		"other people's labels and annotations are no reason to write": {func(p *networkingv1.NetworkPolicy) {
			p.Labels["team"], p.Annotations["note"] = "shop", "hello"
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			live := stored(shop("a", "one"))
			c.change(live[0])
			before := live[0].DeepCopy()
			set := New(Input{Outputs: compile(shop("a", "one")), Live: live})
			got := ""
			if len(set.Conflicts) == 1 {
				got = untouched
			}
			for _, line := range told(set) {
				got += line
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if !reflect.DeepEqual(live[0], before) {
				t.Error("the live policy was changed in place")
			}
			for _, step := range set.Steps {
				for _, change := range step {
					mustKeep(t, change, before)
				}
			}
		})
	}
}

// mustKeep checks that an update keeps identity and what others added, and makes the profile the one controller.
func mustKeep(t *testing.T, change Change, before *networkingv1.NetworkPolicy) {
	t.Helper()
	got := change.Desired
	if got.UID != before.UID || got.ResourceVersion != before.ResourceVersion {
		t.Error("the update is not guarded by the resourceVersion that was judged")
	}
	for k, v := range before.Labels {
		if _, ours := stored(shop("a"))[0].Labels[k]; !ours && got.Labels[k] != v {
			t.Errorf("label %s is lost", k)
		}
	}
	controllers := 0
	for _, ref := range got.OwnerReferences {
		if ref.Controller != nil && *ref.Controller {
			controllers++
		}
	}
	if key, uid, ok := Owner(got); !ok || controllers != 1 || uid != "uid-of-a" || key.Name != "a" {
		t.Errorf("owners %v", got.OwnerReferences)
	}
}

func TestUnwantedPolicies(t *testing.T) {
	removed := compile(shop("a"))
	removed[0].Disposition, removed[0].Policies = compiler.Remove, nil
	for name, c := range map[string]struct {
		outputs []compiler.Output
		change  func(*networkingv1.NetworkPolicy)
		want    []string
	}{
		"of a profile that wants nothing here go":              {removed, nil, []string{"5 delete segp.a.web"}},
		"of a former profile of the name go, in order":         {removed, func(p *networkingv1.NetworkPolicy) { p.OwnerReferences[0].UID = "former" }, []string{"5 delete segp.a.web"}},
		"of a profile that nothing is known of stay":           {compile(shop("b"))[:0], nil, nil},
		"of nobody stay, whatever their labels say":            {removed, func(p *networkingv1.NetworkPolicy) { p.OwnerReferences = nil }, nil},
		"of somebody else stay, whatever their labels say":     {removed, func(p *networkingv1.NetworkPolicy) { p.OwnerReferences[0].Kind = "Deployment" }, nil},
		"of another UID without our labels are not ours to go": {removed, func(p *networkingv1.NetworkPolicy) { p.OwnerReferences[0].UID, p.Labels = "x", nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			live := stored(shop("a"))
			if c.change != nil {
				c.change(live[0])
			}
			set := New(Input{Outputs: c.outputs, Live: live})
			if got := told(set); !slices.Equal(got, c.want) || len(set.Conflicts) > 0 {
				t.Errorf("got %q and %d conflicts, want %q", got, len(set.Conflicts), c.want)
			}
		})
	}
}

func TestDriftIsToldFromIntent(t *testing.T) {
	hole := func(p *networkingv1.NetworkPolicy) {
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
	}
	for name, c := range map[string]struct {
		now     snapshot.Profile
		change  func(*networkingv1.NetworkPolicy)
		applied bool
		want    string
	}{
		"a rule that somebody added is drift, and urgent":        {shop("a", "one"), hole, false, "1 update segp.a.web: 1 egress rule added (urgent)"},
		"a rule that somebody took is drift":                     {shop("a", "one"), func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress = nil }, false, "1 update segp.a.web: 1 ingress rule removed (urgent)"},
		"another selector is drift":                              {shop("a", "one"), func(p *networkingv1.NetworkPolicy) { p.Spec.PodSelector = metav1.LabelSelector{} }, false, "1 update segp.a.web: podSelector changed (urgent)"},
		"a profile that allows more is none":                     {shop("a", "one", "two"), nil, false, "0 update segp.a.web"},
		"a profile that allows less is none":                     {shop("a"), nil, false, "4 update segp.a.web"},
		"a profile that allows something else is none":           {shop("a", "two"), nil, false, "1 update segp.a.web"},
		"drift and intent together are intent":                   {shop("a", "two"), hole, false, "1 update segp.a.web"},
		"the hash wiped too: what was last applied here tells":   {shop("a", "one"), func(p *networkingv1.NetworkPolicy) { hole(p); p.Annotations = nil }, true, "1 update segp.a.web: 1 egress rule added (urgent)"},
		"the hash wiped too, after a restart: told as no drift":  {shop("a", "one"), func(p *networkingv1.NetworkPolicy) { hole(p); p.Annotations = nil }, false, "4 update segp.a.web"},
		"a wording of ours that changed is a write and no drift": {shop("a", "one"), func(p *networkingv1.NetworkPolicy) { p.Annotations[v1alpha1.AnnotationPurpose] = "" }, false, "0 update segp.a.web"},
		"order, doubles and defaults written out are no difference": {shop("a", "one"), func(p *networkingv1.NetworkPolicy) {
			p.Spec.Ingress = append(p.Spec.Ingress, p.Spec.Ingress...)
			slices.Reverse(p.Spec.PolicyTypes)
		}, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			live := stored(shop("a", "one"))
			in := Input{Outputs: compile(c.now), Live: live}
			if c.applied {
				in.Applied = map[string]string{live[0].Name: formOf(live[0])}
			}
			if c.change != nil {
				c.change(live[0])
			}
			got := ""
			for _, line := range told(New(in)) {
				got += line
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestADeletedPolicyIsDriftWhenItWasRightBefore(t *testing.T) {
	live := stored(shop("a"))
	applied := map[string]string{live[0].Name: formOf(live[0])}
	for want, in := range map[string]Input{
		"0 create segp.a.web":          {Outputs: compile(shop("a"))},
		"0 create segp.a.web: deleted": {Outputs: compile(shop("a")), Applied: applied},
	} {
		if got := told(New(in)); !slices.Equal(got, []string{want}) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	successor := shop("a")
	successor.UID = "another"
	for name, p := range map[string]snapshot.Profile{"another spec": shop("a", "one"), "another profile of the name": successor} {
		if got := told(New(Input{Outputs: compile(p), Applied: applied})); !slices.Equal(got, []string{"0 create segp.a.web"}) {
			t.Errorf("for %s: got %q", name, got)
		}
	}
}

func TestWhatIsNotPutRightIsDriftUntilItIs(t *testing.T) {
	live, outputs := stored(shop("a")), compile(shop("a"))
	right := map[string]string{live[0].Name: formOf(live[0])}
	for name, c := range map[string]struct {
		applied map[string]string
		want    string
	}{
		"a correction that failed": {right, "0 create segp.a.web: deleted"},
		"a new one that failed":    {nil, "0 create segp.a.web"},
	} {
		set := New(Input{Outputs: outputs, Applied: c.applied})
		settled := Settled(outputs, set, Result{Failures: []Failure{{Change: set.Steps[StepExtend][0]}}})
		if got := told(New(Input{Outputs: outputs, Applied: settled})); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestWhatTakesTwoWritesToPutRightIsDriftUntilItIs(t *testing.T) {
	// Both select the same pods, so the first write of each allows what both do.
	outputs := compile(shop("a", "one"), shop("b", "two"))
	right := Settled(outputs, ChangeSet{}, Result{})
	set := New(Input{Outputs: outputs, Applied: right})
	if len(set.Steps[StepNarrow]) == 0 {
		t.Fatalf("nothing takes two writes: %q", told(set))
	}
	failed := Result{Skipped: set.Steps[StepNarrow]}
	for _, c := range set.Steps[StepExtend] {
		failed.Failures = append(failed.Failures, Failure{Change: c})
	}
	if again := New(Input{Outputs: outputs, Applied: Settled(outputs, set, failed)}); !slices.Equal(told(again), told(set)) {
		t.Errorf("got %q, want %q", told(again), told(set))
	}
}

func TestFrozenPoliciesStayAndTheirDriftIsReported(t *testing.T) {
	for _, disposition := range []compiler.Disposition{compiler.Freeze, compiler.Preview} {
		live := append(stored(shop("a", "one")), stored(shop("b"))...)
		live[0].Spec.Ingress = nil
		outputs := compile(shop("a", "one"), shop("b"))
		for i := range outputs {
			outputs[i].Disposition = disposition
		}
		set := New(Input{Outputs: outputs, Live: live})
		want := []Drift{{Profile: shop("a").Key, Policy: live[0].Name}}
		if set.Len() > 0 || !reflect.DeepEqual(set.Frozen, want) {
			t.Errorf("%s: %q, frozen %v", disposition, told(set), set.Frozen)
		}
	}
}

func TestTheLiveSpecIsReplacedWhole(t *testing.T) {
	live := stored(shop("a", "one"))
	live[0].Spec = networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{}}}
	set := New(Input{Outputs: compile(shop("a", "one")), Live: live})
	want := compile(shop("a", "one"))[0].Policies[0].Spec
	if got := set.Steps[StepExchange][0].Desired.Spec; networkpolicy.Key(got) != networkpolicy.Key(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
