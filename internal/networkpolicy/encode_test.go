package networkpolicy

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// texts are what is easy to write and what is not.
var texts = []string{
	"", "app", "app.kubernetes.io/name", "10.0.0.0/8", "TCP", "a_b-c", " ", "\"", "\\", "<a>&b", "\t\n\x00", "ü", "\u2028", "\u2029", "\xff", "\x7f", "'",
}

// fill gives a value to every field of something, some of them to lists more than once: also to those that this version of
// Kubernetes adds to the types.
func fill(v reflect.Value, r *rand.Rand) {
	if v.Type() == reflect.TypeFor[intstr.IntOrString]() {
		port := intstr.FromInt32(r.Int32() - r.Int32())
		if r.IntN(2) == 0 {
			port = intstr.FromString(texts[r.IntN(len(texts))])
		}
		v.Set(reflect.ValueOf(port))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), r)
		}
	case reflect.Pointer:
		if r.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), r)
		}
	case reflect.Slice:
		for range r.IntN(4) {
			item := reflect.New(v.Type().Elem()).Elem()
			fill(item, r)
			v.Set(reflect.Append(v, item))
		}
	case reflect.Map:
		if r.IntN(4) == 0 {
			return
		}
		v.Set(reflect.MakeMap(v.Type()))
		for range r.IntN(4) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key, r)
			fill(value, r)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString(texts[r.IntN(len(texts))])
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(int64(r.Int32() - r.Int32()))
	default:
		panic("no value for " + v.Type().String())
	}
}

func TestWhatIsEncodedIsWhatEncodingJSONWritesToTheByte(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20000 {
		var spec networkingv1.NetworkPolicySpec
		fill(reflect.ValueOf(&spec).Elem(), r)
		parts := []any{spec}
		for _, rule := range spec.Ingress {
			parts = append(parts, rule)
			for _, peer := range rule.From {
				parts = append(parts, peer)
			}
		}
		for _, rule := range spec.Egress {
			parts = append(parts, rule)
			for _, port := range rule.Ports {
				parts = append(parts, port)
			}
		}
		for _, part := range parts {
			want, err := json.Marshal(part)
			if err != nil {
				t.Fatal(err)
			}
			if got := Key(part); got != string(want) {
				t.Fatalf("%T: got\n%s\nwant\n%s", part, got, want)
			}
		}
		if got, want := string(appendSelector(nil, &spec.PodSelector)), string(encoded(spec.PodSelector)); got != want {
			t.Fatalf("a selector: got\n%s\nwant\n%s", got, want)
		}
	}
}

// TestHashesStandInClusters holds the hashes to what policies of earlier versions have.
func TestHashesStandInClusters(t *testing.T) {
	s := spec(t, tidy)
	if got, want := Hash(s), "92b33a55da1465d3"; got != want {
		t.Errorf("the hash of a spec is %s, want %s", got, want)
	}
	if got, want := SelectorHash(s.PodSelector), "ddb16b03"; got != want {
		t.Errorf("the hash of a selector is %s, want %s", got, want)
	}
}
