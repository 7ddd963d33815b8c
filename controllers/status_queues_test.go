package controllers

import (
	"slices"
	"testing"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// delays is a queue that notes after how long something is added.
type delays struct {
	workqueue.TypedRateLimitingInterface[ctrl.Request]
	after []time.Duration
}

func (d *delays) AddAfter(_ ctrl.Request, after time.Duration) { d.after = append(d.after, after) }

func TestAProfileThatIsFoldedSlowlyIsFoldedLessOften(t *testing.T) {
	key := snapshot.ProfileKey{Kind: v1alpha1.KindClusterSegmentationProfile, Name: "base"}
	other := snapshot.ProfileKey{Kind: v1alpha1.KindClusterSegmentationProfile, Name: "other"}
	var s statusQueues
	q := &delays{}
	s.set(v1alpha1.KindClusterSegmentationProfile, q)
	for _, took := range []time.Duration{0, 2 * time.Millisecond, time.Second, foldDelay / foldFactor, 2 * time.Millisecond} {
		s.foldedIn(key, took, 0)
		s.onOutcome(key)
	}
	s.onOutcome(other)
	s.add(key, podDelay)
	s.forget(key)
	s.onOutcome(key)
	want := []time.Duration{foldDelay, 200 * time.Millisecond, longestFold, foldDelay, 200 * time.Millisecond, foldDelay, podDelay, foldDelay}
	if !slices.Equal(q.after, want) {
		t.Errorf("it is folded after %v, want %v", q.after, want)
	}
	if len(s.looks) > 0 {
		t.Errorf("left are %v", s.looks)
	}
}

func TestTheLastNamespaceThatWasWaitedForIsToldAtOnce(t *testing.T) {
	key := snapshot.ProfileKey{Kind: v1alpha1.KindClusterSegmentationProfile, Name: "base"}
	var s statusQueues
	q := &delays{}
	s.set(v1alpha1.KindClusterSegmentationProfile, q)
	s.foldedIn(key, 2*time.Millisecond, 3)
	for range 5 {
		s.onOutcome(key)
	}
	later := 200 * time.Millisecond
	if want := []time.Duration{later, later, foldDelay, later, later}; !slices.Equal(q.after, want) {
		t.Errorf("it is folded after %v, want %v", q.after, want)
	}
}
