package selector

import (
	"math/rand/v2"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCanonicalFormIsTheSameForEqualSelectors(t *testing.T) {
	a := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{In("tier", "web", "api", "api"), {Key: "app", Operator: metav1.LabelSelectorOpExists}}}
	b := &metav1.LabelSelector{MatchLabels: map[string]string{}, MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpExists, Values: []string{}}, In("tier", "api", "web"), In("tier", "web", "api")}}
	if !reflect.DeepEqual(Canonical(a), Canonical(b)) {
		t.Errorf("%v and %v should be equal", Canonical(a), Canonical(b))
	}
}

func TestAndOfContradictingLabelsMatchesNothing(t *testing.T) {
	both := And(NamespaceNames("shop"), NamespaceNames("payments"))
	for _, name := range []string{"shop", "payments", "other"} {
		if match, err := Matches(both, map[string]string{NamespaceNameLabel: name}); match || err != nil {
			t.Errorf("%s: match %v, error %v", name, match, err)
		}
	}
}

// TestAndMatchesWhatBothMatch compares with matching one by one, for every object over two keys and three values.
func TestAndMatchesWhatBothMatch(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	keys, values := []string{"a", "b"}, []string{"x", "y", "z"}
	draw := func() *metav1.LabelSelector {
		s := &metav1.LabelSelector{MatchLabels: map[string]string{}}
		for range random.IntN(3) {
			s.MatchLabels[keys[random.IntN(2)]] = values[random.IntN(3)]
		}
		for range random.IntN(3) {
			operator := []metav1.LabelSelectorOperator{"In", "NotIn", "Exists", "DoesNotExist"}[random.IntN(4)]
			e := metav1.LabelSelectorRequirement{Key: keys[random.IntN(2)], Operator: operator}
			if operator == "In" || operator == "NotIn" {
				e.Values = []string{values[random.IntN(3)], values[random.IntN(3)]}
			}
			s.MatchExpressions = append(s.MatchExpressions, e)
		}
		return s
	}
	var objects []map[string]string
	for i := range 4 {
		for j := range 4 {
			object := map[string]string{}
			if i < 3 {
				object["a"] = values[i]
			}
			if j < 3 {
				object["b"] = values[j]
			}
			objects = append(objects, object)
		}
	}
	for range 2000 {
		a, b := draw(), draw()
		and := And(a, nil, b)
		for _, object := range objects {
			inA, errA := Matches(a, object)
			inB, errB := Matches(b, object)
			inBoth, err := Matches(and, object)
			if errA != nil || errB != nil || err != nil {
				t.Fatal(errA, errB, err)
			}
			if inBoth != (inA && inB) {
				t.Fatalf("%v and %v on %v: %v, want %v", a, b, object, inBoth, inA && inB)
			}
		}
	}
}
