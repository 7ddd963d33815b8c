package cluster

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// oneProfile is an API server with one profile, or none while that has no UID, and counts how often it is asked for it.
type oneProfile struct {
	client.Reader
	uid        types.UID
	generation int64
	asked      int
}

// Get implements client.Reader.
func (o *oneProfile) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	o.asked++
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
	for name, live := range map[string]*oneProfile{
		"a later generation": {uid: "u", generation: 2},
		"another profile":    {uid: "v", generation: 1},
		"none":               {},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reader{Live: live}
			if err := r.Confirm(t.Context(), shopAt("u", 1), false); !errors.Is(err, ErrStale) {
				t.Errorf("got %v", err)
			}
			if got, want := r.confirmed.isOutdated(shopAt("u", 1)), live.generation == 2; got != want {
				t.Errorf("outdated: %t, want %t", got, want)
			}
			if r.confirmed.isOutdated(shopAt("u", 2)) {
				t.Error("what the API server has is outdated")
			}
		})
	}
}
