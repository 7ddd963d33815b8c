package selector

import (
	"maps"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// agree holds both ways to match against the library.
func agree(t *testing.T, want, have map[string]string) {
	t.Helper()
	s := &metav1.LabelSelector{MatchLabels: want}
	compiled, refused := metav1.LabelSelectorAsSelector(s)
	api := &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{}}
	for key, value := range want {
		api.MatchLabels[key] = v1alpha1.LabelValue(value)
	}
	one, oneErr := Matches(s, have)
	other, otherErr := MatchesAPI(api, have)
	if (oneErr != nil) != (refused != nil) || (otherErr != nil) != (refused != nil) {
		t.Fatalf("%v: the library says %v, and here it is %v and %v", want, refused, oneErr, otherErr)
	}
	if refused == nil && (one != compiled.Matches(labels.Set(have)) || other != one) {
		t.Fatalf("%v of %v: %v and %v", want, have, one, other)
	}
}

func TestWhatIsComparedAtOnceIsWhatTheLibraryCompares(t *testing.T) {
	long := "a123456789b123456789c123456789d123456789e123456789f123456789g123"
	for _, key := range []string{
		"app", "", "a/b", "/b", "a/", "a/b/c", "kubernetes.io/metadata.name", "Kubernetes.io/name", "a_b/name", "a..b/name", "a.-b/name", "a-.b/name",
		"-a", "a-", "a.b", "a_b", "A", "ä", "a b", long, long[:63], long + "/a", long[:63] + "/a", "1", "x.y.z/A_b-c.d", ".a/b", "a./b",
	} {
		for _, value := range []string{"", "web", "-", "a-", "a.b_c-d", "ä", "a b", long, long[:63], "A", "0"} {
			want := map[string]string{key: value, "tier": "web"}
			agree(t, want, maps.Clone(want))
			agree(t, want, map[string]string{key: value})
			agree(t, want, map[string]string{key: "other", "tier": "web"})
			agree(t, want, nil)
		}
	}
	agree(t, nil, map[string]string{"app": "web"})
}

func FuzzWhatIsComparedAtOnce(f *testing.F) {
	f.Add("kubernetes.io/metadata.name", "shop", "shop")
	f.Add("a..b/c", "x", "x")
	f.Fuzz(func(t *testing.T, key, value, is string) {
		agree(t, map[string]string{key: value}, map[string]string{key: is})
		agree(t, map[string]string{key: value}, map[string]string{key: value})
	})
}

func TestNothingIsCompiledForPlainLabels(t *testing.T) {
	s := &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"kubernetes.io/metadata.name": "shop"}}
	have := map[string]string{"kubernetes.io/metadata.name": "shop"}
	allocations := testing.AllocsPerRun(100, func() {
		if ok, err := MatchesAPI(s, have); !ok || err != nil {
			t.Fatal(ok, err)
		}
	})
	if allocations > 0 {
		t.Errorf("%v allocations", allocations)
	}
}

func TestANilSelectorMatchesNothing(t *testing.T) {
	if ok, err := MatchesAPI(nil, map[string]string{"a": "b"}); ok || err != nil {
		t.Error(ok, err)
	}
}

func BenchmarkMatches(b *testing.B) {
	s := &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "web", "tier": "front"}}
	have := map[string]string{"app": "web", "tier": "front", "pod-template-hash": "abc"}
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := MatchesAPI(s, have); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
