package events

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// told is a recorder with its own clock, and what came of it.
type told struct {
	*Recorder
	now  time.Time
	sink *events.FakeRecorder
}

func newTold() *told {
	out := &told{sink: events.NewFakeRecorder(1000), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	out.Recorder = NewRecorder(out.sink, func() time.Time { return out.now })
	return out
}

func (r *told) correct(profile string, times int) []string {
	object := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: profile, UID: types.UID(profile)}}
	for i := range times {
		r.DriftCorrected(object, types.NamespacedName{Namespace: "shop", Name: fmt.Sprintf("policy-%d", i)}, "1 egress rule added")
	}
	var out []string
	for range len(r.sink.Events) {
		out = append(out, <-r.sink.Events)
	}
	return out
}

func TestOfManyCorrectionsAtOnceSomeAreTold(t *testing.T) {
	r := newTold()
	first := r.correct("a", 500)
	if len(first) != mostAtOnce {
		t.Fatalf("of 500 corrections at once, %d are told, not %d", len(first), mostAtOnce)
	}
	for i, event := range first {
		if isLast := i == mostAtOnce-1; strings.Contains(event, "one in 10s is told") != isLast {
			t.Errorf("the event %d of %d says: %s", i+1, mostAtOnce, event)
		}
	}
	if other := r.correct("b", 3); len(other) != 3 {
		t.Errorf("another profile has %d events of 3 corrections", len(other))
	}
	r.now = r.now.Add(pauseBetween)
	if later := r.correct("a", 5); len(later) != 1 {
		t.Errorf("a pause later there are %d more", len(later))
	}
	r.now = r.now.Add(mostAtOnce * pauseBetween)
	if again := r.correct("a", 500); len(again) != mostAtOnce {
		t.Errorf("long after, there are %d at once", len(again))
	}
}

func TestProfilesOfWhichNothingWasToldLatelyAreForgotten(t *testing.T) {
	r := newTold()
	for i := range 100 {
		r.correct(fmt.Sprint("profile-", i), 1)
	}
	r.now = r.now.Add(time.Hour)
	r.correct("another", 1)
	if n := len(r.corrections.left); n != 1 {
		t.Errorf("%d are remembered", n)
	}
}

func TestAnEventHasNoMoreThanTheAPITakes(t *testing.T) {
	r := newTold()
	profile := &v1alpha1.SegmentationProfile{}
	r.DriftCorrected(profile, types.NamespacedName{Name: "policy"}, strings.Repeat("ä", maxNote))
	if note := <-r.sink.Events; len(note) > maxNote+len("Warning DriftCorrected ") || !strings.HasSuffix(note, "…") {
		t.Errorf("its %d bytes end with %q", len(note), note[len(note)-20:])
	}
}
