package plan

import (
	"reflect"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

func retained(p *snapshot.Profile) { p.DeletionPolicy = v1alpha1.DeletionPolicyRetain }

func deleting(p *snapshot.Profile) { p.Deleting = true }

// again makes a profile another one of the same name.
func again(p *snapshot.Profile) { p.UID = "uid-of-another" }

func hole(p *networkingv1.NetworkPolicy) {
	p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{})
}

func TestWhoseIsAPolicyWithoutOwner(t *testing.T) {
	const repaired, adopted, untouched = "0 update segp.a.web: " + metadataLost, "0 update segp.a.web", "conflict"
	strip := func(keys ...string) func(*networkingv1.NetworkPolicy) {
		return func(p *networkingv1.NetworkPolicy) {
			for _, key := range keys {
				delete(p.Labels, key)
				delete(p.Annotations, key)
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*networkingv1.NetworkPolicy)
		want   string
	}{
		"retained, as it should be, it is left alone":    {func(*networkingv1.NetworkPolicy) {}, ""},
		"without labels its name and UID say it":         {func(p *networkingv1.NetworkPolicy) { p.Labels = nil }, repaired},
		"without the annotation its name and UID say it": {strip(v1alpha1.AnnotationRetainedFor), repaired},
		"without labels and annotation its name and UID do": {func(p *networkingv1.NetworkPolicy) {
			p.Labels = nil
			delete(p.Annotations, v1alpha1.AnnotationRetainedFor)
		}, repaired},
		"without the UID its labels and annotation say it":   {strip(v1alpha1.AnnotationProfileUID), repaired},
		"without any annotation it is adopted by its labels": {func(p *networkingv1.NetworkPolicy) { p.Annotations = nil }, adopted},
		"one of a former profile of this name is adopted":    {func(p *networkingv1.NetworkPolicy) { p.Annotations[v1alpha1.AnnotationProfileUID] = "former" }, adopted},
		"without labels and UID it is somebody else's": {func(p *networkingv1.NetworkPolicy) {
			p.Labels = nil
			delete(p.Annotations, v1alpha1.AnnotationProfileUID)
		}, untouched},
		"without labels and of another UID too": {func(p *networkingv1.NetworkPolicy) {
			p.Labels = nil
			p.Annotations[v1alpha1.AnnotationProfileUID] = "x"
		}, untouched},
		"without labels and annotations too": {func(p *networkingv1.NetworkPolicy) { p.Labels, p.Annotations = nil, nil }, untouched},
		"with another controller it is that one's": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences = []metav1.OwnerReference{controller("SegmentationProfile", "b", "uid-of-b")}
		}, untouched},
		"an owner reference that somebody gave it goes": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences = []metav1.OwnerReference{controller("SegmentationProfile", "a", "uid-of-a")}
		}, repaired},
		"also one that is not a controller": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "firebreak.dev/v1alpha1", Kind: "SegmentationProfile", Name: "a", UID: "uid-of-a"}}
		}, repaired},
		"an owner reference to something else stays": {func(p *networkingv1.NetworkPolicy) {
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "x"}}
		}, ""},
		"retained for the other kind by annotation, it is mine": {func(p *networkingv1.NetworkPolicy) {
			p.Annotations[v1alpha1.AnnotationRetainedFor] = "ClusterSegmentationProfile/a"
		}, repaired},
	} {
		t.Run(name, func(t *testing.T) {
			profile := with(shop("a", "one"), retained)
			live := stored(profile)
			c.change(live[0])
			before := live[0].DeepCopy()
			set := New(Input{Outputs: compile(profile), Live: live})
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
			for _, change := range set.Steps[StepExtend] {
				if !Satisfies(change.Desired, &compile(profile)[0].Policies[0]) || change.Desired.ResourceVersion != before.ResourceVersion {
					t.Errorf("written: %v", change.Desired.ObjectMeta)
				}
			}
		})
	}
}

func TestWhatBecomesOfPoliciesUnderRetain(t *testing.T) {
	both := func(p *snapshot.Profile) { addTier("db", "2")(p); isolated(p) }
	a := shop("a", "one")
	for name, c := range map[string]struct {
		old, now snapshot.Profile
		change   func(*networkingv1.NetworkPolicy)
		want     []string
	}{
		"a switch to Retain writes metadata and is no drift": {a, with(a, retained), nil, []string{"0 update segp.a.web"}},
		"a switch back too":                                {with(a, retained), a, nil, []string{"0 update segp.a.web"}},
		"a hole beside a switch is drift":                  {a, with(a, retained), hole, []string{"1 update segp.a.web: 1 egress rule added (urgent)"}},
		"a deleted profile leaves them":                    {with(a, retained), with(with(a, retained), deleting), nil, nil},
		"in whatever state they are":                       {with(a, retained), with(with(a, retained), deleting), hole, nil},
		"one just switched releases them":                  {a, with(with(a, retained), deleting), nil, []string{"0 update segp.a.web"}},
		"one just switched back removes them":              {with(with(a, both), retained), with(with(a, both), deleting), nil, []string{"3 delete segp.a.default-deny", "5 delete segp.a.db", "5 delete segp.a.web"}},
		"a tier that is removed goes":                      {with(with(a, both), retained), with(with(a, isolated), retained), nil, []string{"5 delete segp.a.db"}},
		"also when somebody took the labels of its policy": {with(with(a, both), retained), with(with(a, isolated), retained), func(p *networkingv1.NetworkPolicy) { p.Labels = nil }, []string{"0 update segp.a.default-deny: " + metadataLost, "0 update segp.a.web: " + metadataLost, "5 delete segp.a.db"}},
		"the same profile again writes metadata":           {with(a, retained), with(with(a, retained), again), nil, []string{"0 update segp.a.web"}},
		"the same profile again, to delete, too":           {with(a, retained), with(a, again), nil, []string{"0 update segp.a.web"}},
		"what changed while nobody looked is drift":        {with(a, retained), with(with(a, retained), again), hole, []string{"1 update segp.a.web: 1 egress rule added (urgent)"}},
		"a smaller one prunes what it does not have":       {with(with(a, both), retained), with(with(a, retained), again), nil, []string{"0 update segp.a.web", "3 delete segp.a.default-deny", "5 delete segp.a.db"}},
		"of another name it leaves them":                   {with(a, retained), with(shop("b"), retained), nil, []string{"0 create segp.b.web"}},
		"frozen, they stay":                                {with(a, retained), with(with(a, retained), func(p *snapshot.Profile) { p.Mode = v1alpha1.ModePreview }), nil, nil},
		"a policy that only claims to be retained is not":  {with(a, retained), with(with(a, isolated), retained), func(p *networkingv1.NetworkPolicy) { p.Name = "web" }, []string{"0 create segp.a.web", "2 create segp.a.default-deny"}},
		"nor one of a profile whose name begins with this one's": {with(shop("a.b"), retained), with(with(a, retained), again), func(p *networkingv1.NetworkPolicy) {
			p.Labels[v1alpha1.LabelProfile], p.Annotations[v1alpha1.AnnotationRetainedFor] = "a", "SegmentationProfile/a"
		}, []string{"0 create segp.a.web"}},
	} {
		t.Run(name, func(t *testing.T) {
			live := stored(c.old)
			for _, policy := range live {
				if c.change != nil {
					c.change(policy)
				}
			}
			set := New(Input{Outputs: compile(c.now), Live: live})
			if got := told(set); !slices.Equal(got, c.want) || len(set.Conflicts) > 0 {
				t.Errorf("got  %q with %d conflicts\nwant %q", got, len(set.Conflicts), c.want)
			}
		})
	}
}

func TestAReleasedPolicyIsKnownAgain(t *testing.T) {
	live := stored(shop("a", "one"))
	hole(live[0])
	live[0].Labels = map[string]string{"team": "shop"}
	other := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "x", UID: "x"}
	live[0].OwnerReferences = append(live[0].OwnerReferences, other)
	gone := with(with(shop("a"), retained), deleting)
	set := New(Input{Outputs: compile(gone), Live: live})
	got := set.Steps[StepExtend][0].Desired
	if key, uid, ok := Owner(got); !ok || key != gone.Key || uid != gone.UID || IsOwned(got) {
		t.Errorf("not known any more: %v", got.ObjectMeta)
	}
	if networkpolicy.Key(got.Spec) != networkpolicy.Key(live[0].Spec) {
		t.Error("its spec was touched")
	}
	if got.Labels["team"] != "shop" || !slices.Contains(got.OwnerReferences, other) || got.ResourceVersion != live[0].ResourceVersion {
		t.Errorf("what others put there is lost: %v", got.ObjectMeta)
	}
	if next := New(Input{Outputs: compile(gone), Live: []*networkingv1.NetworkPolicy{got}}); next.Len() > 0 {
		t.Errorf("and it is written again: %q", told(next))
	}
}

func TestTheKindsOfProfileDoNotTakeEachOthersRetainedPolicies(t *testing.T) {
	cluster := with(with(shop("a"), retained), func(p *snapshot.Profile) {
		p.Key = snapshot.ProfileKey{Kind: v1alpha1.KindClusterSegmentationProfile, Name: "a"}
		p.NamespaceSelector = &v1alpha1.LabelSelector{}
	})
	live := append(stored(with(shop("a"), retained)), stored(cluster)...)
	gone := with(shop("a"), deleting)
	if got, want := told(New(Input{Outputs: compile(gone), Live: live})), []string{"5 delete segp.a.web"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := told(New(Input{Outputs: compile(with(cluster, deleting), with(cluster, func(p *snapshot.Profile) { deleting(p); p.DeletionPolicy = "Delete" }))[1:], Live: live})), []string{"5 delete csegp.a.web"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
