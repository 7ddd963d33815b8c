package cluster

import (
	"context"
	"errors"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// oneProfile is an API server with one profile, or none while that has no UID, and counts how often it is asked for it.
type oneProfile struct {
	client.Reader
	uid        types.UID
	generation int64
	// err is how it fails, if it does.
	err   error
	asked int
}

var errHot = errors.New("too hot")

// Get implements client.Reader.
func (o *oneProfile) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	o.asked++
	if o.err != nil {
		return o.err
	}
	if o.uid == "" {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "segmentationprofiles"}, key.Name)
	}
	into.SetUID(o.uid)
	into.SetGeneration(o.generation)
	into.SetName(key.Name)
	into.SetNamespace(key.Namespace)
	return nil
}

func shopAt(uid types.UID, generation int64) snapshot.Profile {
	return snapshot.FromSegmentationProfile(&v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "shop", UID: uid, Generation: generation}})
}

func TestAProfileIsConfirmedOnceForEachVersion(t *testing.T) {
	live := &oneProfile{uid: "u", generation: 1}
	r := &Reader{Live: live}
	for i, c := range []struct {
		profile snapshot.Profile
		again   bool
		asked   int
	}{{shopAt("u", 1), false, 1}, {shopAt("u", 1), false, 1}, {shopAt("u", 1), true, 2}, {shopAt("u", 1), false, 2}} {
		if err := r.Confirm(t.Context(), c.profile, c.again); err != nil || live.asked != c.asked {
			t.Errorf("look %d: %v, asked %d times, want %d", i, err, live.asked, c.asked)
		}
	}
	r.Forget(shopAt("u", 1).Key)
	if err := r.Confirm(t.Context(), shopAt("u", 1), false); err != nil || live.asked != 3 {
		t.Errorf("one that was forgotten: %v, asked %d times", err, live.asked)
	}
}

func TestAProfileThatTheCacheShowsTooLateIsNotConfirmed(t *testing.T) {
	for name, c := range map[string]struct {
		live *oneProfile
		want error
	}{
		"a later generation":                    {&oneProfile{uid: "u", generation: 2}, ErrStale},
		"an earlier generation, brought back":   {&oneProfile{uid: "u", generation: 0}, plan.ErrUnconfirmed},
		"another profile of a later generation": {&oneProfile{uid: "v", generation: 2}, plan.ErrUnconfirmed},
		"another profile":                       {&oneProfile{uid: "v", generation: 1}, plan.ErrUnconfirmed},
		"none":                                  {&oneProfile{}, plan.ErrUnconfirmed},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reader{Live: c.live}
			if err := r.Confirm(t.Context(), shopAt("u", 1), false); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if got, want := r.confirmed.isOutdated(shopAt("u", 1)), errors.Is(c.want, ErrStale); got != want {
				t.Errorf("outdated: %t, want %t", got, want)
			}
			if r.confirmed.isOutdated(shopAt("u", 2)) {
				t.Error("what the API server has is outdated")
			}
		})
	}
}

// platformAt selects the namespaces labelled platform: yes.
func platformAt(generation int64) snapshot.Profile {
	return snapshot.FromClusterSegmentationProfile(&v1alpha1.ClusterSegmentationProfile{
		ObjectMeta: metav1.ObjectMeta{Name: "platform", UID: "u", Generation: generation},
		Spec:       v1alpha1.ClusterSegmentationProfileSpec{NamespaceSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"platform": "yes"}}},
	})
}

func TestAnOutdatedClusterProfileIsReadAnewWhereItConcernsANamespaceOnly(t *testing.T) {
	left := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "x", Namespace: "shop", OwnerReferences: []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: string(v1alpha1.KindClusterSegmentationProfile), Name: "platform", UID: "u", Controller: new(true),
	}}}}
	stamped := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "y", Annotations: map[string]string{v1alpha1.AnnotationProfileUID: "u"}}}
	later := platformAt(2)
	later.NamespaceSelector = &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"later": "yes"}}
	for name, c := range map[string]struct {
		labels   map[string]string
		policies []*networkingv1.NetworkPolicy
		asked    int
	}{
		"one that it will select":         {map[string]string{"later": "yes"}, nil, 1},
		"one in which it left its stamp":  {nil, []*networkingv1.NetworkPolicy{stamped}, 1},
		"one that it selects":             {map[string]string{"platform": "yes"}, nil, 1},
		"one in which it left something":  {nil, []*networkingv1.NetworkPolicy{left}, 1},
		"one with which it has not to do": {nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			live := &oneProfile{uid: "u", generation: 2}
			r := &Reader{Live: live}
			r.confirmed.note(r.confirmed.begin(), later)
			s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop", Labels: c.labels}, Profiles: []snapshot.Profile{platformAt(1)}, Policies: c.policies}
			doubts := r.refreshDoubtful(t.Context(), s)
			if p := s.Profiles[0]; live.asked != c.asked || p.Generation != int64(1+c.asked) || doubts[p.Key] != nil {
				t.Errorf("asked %d times, want %d; it is of generation %d, with the doubt %v", live.asked, c.asked, p.Generation, doubts[p.Key])
			}
		})
	}
}

func TestAProfileThatWasBroughtBackAsItWasBeforeIsOutdatedOnce(t *testing.T) {
	live := &oneProfile{uid: "u", generation: 1}
	r := &Reader{Live: live}
	r.confirmed.note(r.confirmed.begin(), shopAt("u", 2))
	for range 2 {
		s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}, Profiles: []snapshot.Profile{shopAt("u", 1)}}
		doubts := r.refreshDoubtful(t.Context(), s)
		if live.asked != 1 || doubts[s.Profiles[0].Key] != nil {
			t.Errorf("asked %d times; the doubt is %v", live.asked, doubts[s.Profiles[0].Key])
		}
	}
}

func TestAnOutdatedProfileThatCannotBeReadAnewIsInDoubt(t *testing.T) {
	for name, c := range map[string]struct {
		live *oneProfile
		want error
	}{
		"gone":         {&oneProfile{}, plan.ErrUnconfirmed},
		"another one":  {&oneProfile{uid: "v", generation: 3}, plan.ErrUnconfirmed},
		"not readable": {&oneProfile{err: errHot}, errHot},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reader{Live: c.live}
			r.confirmed.note(r.confirmed.begin(), shopAt("u", 2))
			s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}, Profiles: []snapshot.Profile{shopAt("u", 1)}}
			doubts := r.refreshDoubtful(t.Context(), s)
			if p := s.Profiles[0]; p.Generation != 1 || !errors.Is(doubts[p.Key], c.want) {
				t.Errorf("it is of generation %d, with the doubt %v", p.Generation, doubts[p.Key])
			}
		})
	}
}

func TestAProfileThatWasNotConfirmedIsAskedForAgain(t *testing.T) {
	live := &oneProfile{uid: "u", generation: 1}
	r := &Reader{Live: live}
	look := func(again bool) error { return r.Confirm(t.Context(), shopAt("u", 1), again) }
	if err := look(false); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(){"it cannot be read": func() { live.err = errHot }, "it is gone": func() { live.err, live.uid = nil, "" }} {
		spoil()
		for _, again := range []bool{true, false, false} {
			if look(again) == nil {
				t.Errorf("%s, asked again: %t", name, again)
			}
		}
	}
}

func TestAnAnswerThatWasOvertakenIsNotNoted(t *testing.T) {
	var c confirmations
	slow, quick := c.begin(), c.begin()
	c.note(quick, shopAt("u", 3))
	c.note(slow, shopAt("u", 2))
	if got := c.of(shopAt("u", 1).Key).generation; got != 3 {
		t.Errorf("it is of generation %d", got)
	}
	slow, quick = c.begin(), c.begin()
	c.noteGone(quick, shopAt("u", 3).Key)
	c.note(slow, shopAt("u", 3))
	if got := c.of(shopAt("u", 3).Key).uid; got != "" {
		t.Errorf("what is gone is there, with the UID %s", got)
	}
}
