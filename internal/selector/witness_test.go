package selector

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// universe returns every object with two labels, each absent or with one of four values, of which drawSelector never names two.
func universe() []map[string]string {
	var out []map[string]string
	for _, x := range []string{"", "1", "2", "other", "other-2"} {
		for _, y := range []string{"", "1", "2", "other", "other-2"} {
			object := map[string]string{}
			if x != "" {
				object["x"] = x
			}
			if y != "" {
				object["y"] = y
			}
			out = append(out, object)
		}
	}
	return out
}

// fits says whether all selectors of one list match and none of the other.
func fits(t *testing.T, all, none []*metav1.LabelSelector, object map[string]string) bool {
	t.Helper()
	for i, s := range append(append([]*metav1.LabelSelector{}, all...), none...) {
		match, err := Matches(s, object)
		if err != nil {
			t.Fatal(err)
		}
		if match != (i < len(all)) {
			return false
		}
	}
	return true
}

func TestThereIsAWitnessWheneverSomeObjectFits(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	objects, found := universe(), 0
	for range 20000 {
		var all, none []*metav1.LabelSelector
		for range random.IntN(3) {
			all = append(all, drawSelector(random))
		}
		for range random.IntN(6) {
			none = append(none, drawSelector(random))
		}
		want := false
		for _, object := range objects {
			want = want || fits(t, all, none, object)
		}
		got, ok, err := Witness(all, none)
		if err != nil || ok != want {
			t.Fatalf("Witness(%v, %v) = %v, %t, %v; want %t", all, none, got, ok, err, want)
		}
		if ok && !fits(t, all, none, got) {
			t.Fatalf("Witness(%v, %v) = %v, which does not fit", all, none, got)
		}
		if ok {
			found++
		}
	}
	t.Logf("%d of 20000 have a witness", found)
}

func TestWitnessIsAsPlainAsPossible(t *testing.T) {
	for name, c := range map[string]struct {
		all, none []*metav1.LabelSelector
		want      map[string]string
	}{
		"no selectors":                        {nil, nil, map[string]string{}},
		"absent where that will do":           {[]*metav1.LabelSelector{{}}, []*metav1.LabelSelector{{MatchLabels: map[string]string{"x": "1"}}}, map[string]string{}},
		"fresh where anything will do":        {[]*metav1.LabelSelector{exists("x")}, []*metav1.LabelSelector{{MatchLabels: map[string]string{"x": "other"}}}, map[string]string{"x": "other-2"}},
		"a named value where one is required": {[]*metav1.LabelSelector{NamespaceNames("shop", "pay")}, []*metav1.LabelSelector{NamespaceNames("pay")}, map[string]string{NamespaceNameLabel: "shop"}},
		"nil refuses nothing":                 {[]*metav1.LabelSelector{{}}, []*metav1.LabelSelector{nil}, map[string]string{}},
		"nil is met by nothing":               {[]*metav1.LabelSelector{{}, nil}, nil, nil},
		"a refused selector of everything":    {[]*metav1.LabelSelector{exists("x")}, []*metav1.LabelSelector{{}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok, err := Witness(c.all, c.none)
			if err != nil || ok != (c.want != nil) || !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, %t, %v; want %v", got, ok, err, c.want)
			}
		})
	}
}

func exists(key string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpExists}}}
}

func TestWitnessRefusesWhatItCannotRead(t *testing.T) {
	for name, e := range map[string]metav1.LabelSelectorRequirement{
		"an unknown operator":    {Key: "x", Operator: "Like", Values: []string{"1"}},
		"In without values":      {Key: "x", Operator: metav1.LabelSelectorOpIn},
		"Exists with a value":    {Key: "x", Operator: metav1.LabelSelectorOpExists, Values: []string{"1"}},
		"an operator left empty": {Key: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			s := []*metav1.LabelSelector{{MatchExpressions: []metav1.LabelSelectorRequirement{e}}}
			if _, _, err := Witness(s, nil); err == nil || errors.Is(err, ErrTooComplex) {
				t.Errorf("as one that must match: %v", err)
			}
			if _, _, err := Witness(nil, s); err == nil || errors.Is(err, ErrTooComplex) {
				t.Errorf("as one that must not match: %v", err)
			}
		})
	}
}

// TestASearchThatIsTooLongIsGivenUp asks for a colouring of a large complete graph with too few colours: pigeons and holes, which
// no such search can answer soon.
func TestASearchThatIsTooLongIsGivenUp(t *testing.T) {
	const pigeons, holes = 12, 11
	var all, none []*metav1.LabelSelector
	for i := range pigeons {
		home := metav1.LabelSelectorRequirement{Key: fmt.Sprintf("pigeon-%d", i), Operator: metav1.LabelSelectorOpIn}
		for h := range holes {
			home.Values = append(home.Values, fmt.Sprint(h))
			for j := range i {
				none = append(none, &metav1.LabelSelector{MatchLabels: map[string]string{home.Key: fmt.Sprint(h), fmt.Sprintf("pigeon-%d", j): fmt.Sprint(h)}})
			}
		}
		all = append(all, &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{home}})
	}
	if _, ok, err := Witness(all, none); ok || !errors.Is(err, ErrTooComplex) {
		t.Errorf("got %t, %v", ok, err)
	}
	if _, ok, err := Witness(all[1:], none); !ok || err != nil {
		t.Errorf("with as many holes as pigeons: %t, %v", ok, err)
	}
}

func TestManyRefusedSelectorsAreNoTrouble(t *testing.T) {
	var none []*metav1.LabelSelector
	for i := range 300 {
		none = append(none, &metav1.LabelSelector{MatchLabels: map[string]string{"team": fmt.Sprint(i % 20), fmt.Sprintf("app-%d", i%7): fmt.Sprint(i)}})
	}
	all := []*metav1.LabelSelector{exists("team"), exists("app-1"), exists("app-2")}
	if got, ok, err := Witness(all, none); !ok || err != nil || !fits(t, all, none, got) {
		t.Errorf("got %v, %t, %v", got, ok, err)
	}
}

func TestAProductMatchesPairs(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	keys := []string{"x", "y", "namespace/x", "pod/x", "example.com/x"}
	draw := func() *metav1.LabelSelector {
		s := drawSelector(random)
		for i := range s.MatchExpressions {
			s.MatchExpressions[i].Key = keys[random.IntN(len(keys))]
		}
		return s
	}
	object := func() map[string]string {
		out := map[string]string{}
		for _, k := range keys {
			if random.IntN(2) == 0 {
				out[k] = []string{"1", "2", "other"}[random.IntN(3)]
			}
		}
		return out
	}
	for range 5000 {
		namespaces, pods, namespace, pod := draw(), draw(), object(), object()
		if random.IntN(5) == 0 {
			pods = nil
		}
		pair := map[string]string{}
		for k, v := range namespace {
			pair[productKey(productOfNamespace, k)] = v
		}
		for k, v := range pod {
			pair[productKey(productOfPod, k)] = v
		}
		if len(pair) != len(namespace)+len(pod) {
			t.Fatalf("keys of %v and %v meet", namespace, pod)
		}
		want := fits(t, []*metav1.LabelSelector{namespaces}, nil, namespace) && (pods == nil || fits(t, []*metav1.LabelSelector{pods}, nil, pod))
		if got, err := Matches(Product(namespaces, pods), pair); err != nil || got != want {
			t.Fatalf("Product(%v, %v) on %v: %t, %v; want %t", namespaces, pods, pair, got, err, want)
		}
	}
	if Product(nil, &metav1.LabelSelector{}) != nil {
		t.Error("no namespace means no pair")
	}
}
