package selector

import (
	"math/rand/v2"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestOverlapIsExact compares with a universe of pods: two labels, each absent or with one of three values, of which one
// is never named by a selector.
func TestOverlapIsExact(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var universe []map[string]string
	for _, x := range []string{"", "1", "2", "other"} {
		for _, y := range []string{"", "1", "2", "other"} {
			pod := map[string]string{}
			if x != "" {
				pod["x"] = x
			}
			if y != "" {
				pod["y"] = y
			}
			universe = append(universe, pod)
		}
	}
	overlapping := 0
	for range 2000 {
		a, b := drawSelector(random), drawSelector(random)
		want := false
		for _, pod := range universe {
			inA, errA := Matches(a, pod)
			inB, errB := Matches(b, pod)
			if errA != nil || errB != nil {
				t.Fatal(errA, errB)
			}
			want = want || (inA && inB)
		}
		if want {
			overlapping++
		}
		if got := Overlap(a, b); got != want {
			t.Fatalf("Overlap(%v, %v) = %t, want %t", a, b, got, want)
		}
	}
	t.Logf("%d of 2000 pairs overlap", overlapping)
}

func drawSelector(random *rand.Rand) *metav1.LabelSelector {
	s := &metav1.LabelSelector{MatchLabels: map[string]string{}}
	draw := func(list ...string) string { return list[random.IntN(len(list))] }
	if random.IntN(2) == 0 {
		s.MatchLabels[draw("x", "y")] = draw("1", "2")
	}
	for range random.IntN(3) {
		e := metav1.LabelSelectorRequirement{Key: draw("x", "y")}
		switch random.IntN(4) {
		case 0:
			e.Operator = metav1.LabelSelectorOpExists
		case 1:
			e.Operator = metav1.LabelSelectorOpDoesNotExist
		case 2:
			e.Operator, e.Values = metav1.LabelSelectorOpIn, []string{draw("1", "2"), draw("1", "2")}
		default:
			e.Operator, e.Values = metav1.LabelSelectorOpNotIn, []string{draw("1", "2"), draw("1", "2")}
		}
		s.MatchExpressions = append(s.MatchExpressions, e)
	}
	return s
}

func TestNilOverlapsWithNothing(t *testing.T) {
	if Overlap(nil, &metav1.LabelSelector{}) || Overlap(&metav1.LabelSelector{}, nil) {
		t.Error("nil matches nothing")
	}
}
