package schema_test

import (
	"reflect"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	kubeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/schema"
)

// The comparison with an API server, for every rule of both kinds, is in test/crd.

const head = "apiVersion: firebreak.dev/v1alpha1\nkind: SegmentationProfile\n"

func create(t *testing.T, text string) *schema.Verdict {
	t.Helper()
	server, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	verdict, err := server.Create(t.Context(), schema.Request{
		Kind: v1alpha1.GroupVersion.WithKind("SegmentationProfile"), Text: []byte(text), Namespace: "shop",
	})
	if err != nil {
		t.Fatal(err)
	}
	return verdict
}

func TestAProfileGetsItsDefaultsAndTheNamespaceOfTheRequest(t *testing.T) {
	verdict := create(t, head+"metadata: {name: web}\nspec: {tiers: [{name: web, podSelector: {}, ports: [{port: 80}]}]}\n")
	if err := verdict.Err(); err != nil {
		t.Fatal(err)
	}
	if got := verdict.Object.GetNamespace(); got != "shop" {
		t.Errorf("namespace %q", got)
	}
	want := map[string]any{
		"mode": "Enforce", "isolation": "Namespace", "dns": "Cluster", "deletionPolicy": "Delete",
		"tiers": []any{map[string]any{
			"name": "web", "podSelector": map[string]any{},
			"ports": []any{map[string]any{"port": int64(80), "protocol": "TCP"}},
		}},
	}
	if got := verdict.Object.Object["spec"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestWhatIsRefusedIsSaidInTheWordsOfTheAPIServer(t *testing.T) {
	const bad = `SegmentationProfile in version "v1alpha1" cannot be handled as a SegmentationProfile: `
	for name, c := range map[string]struct{ text, want string }{
		"a missing field": {
			head + "metadata: {name: web}\nspec: {}\n",
			`SegmentationProfile.firebreak.dev "web" is invalid: [spec.tiers: Required value, <nil>: Invalid value: null: some validation rules were not ` +
				`checked because the object was invalid; correct the existing errors to complete validation]`,
		},
		"unknown fields": {
			head + "metadata: {name: web, lable: x}\nspec: {tiers: [{name: web, podSelector: {}, prots: []}], alow: []}\n",
			bad + `strict decoding error: unknown field "metadata.lable", unknown field "spec.alow", unknown field "spec.tiers[0].prots"`,
		},
		"a field given twice": {
			head + "metadata: {name: web}\nspec:\n  tiers: []\n  tiers: []\n",
			bad + "strict decoding error: yaml: unmarshal errors:\n  line 6: key \"tiers\" already set in map",
		},
		"labels that are no texts": {
			head + "metadata: {name: web, labels: {a: 1}}\nspec: {tiers: []}\n",
			bad + "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string",
		},
		"rules of a name": {
			head + "metadata: {name: " + strings.Repeat("n", 64) + "}\nspec: {tiers: []}\n",
			`SegmentationProfile.firebreak.dev "` + strings.Repeat("n", 64) + `" is invalid: ` +
				`<nil>: Invalid value: metadata.name: the name of a profile has at most 63 characters`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := create(t, c.text).Err()
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
				t.Errorf("%v is neither Invalid nor BadRequest", err)
			}
		})
	}
}

func TestWhatTheAPIServerWouldSayAfterUnknownFieldsIsKnown(t *testing.T) {
	verdict := create(t, head+"metadata: {name: web}\nspec: {tierz: []}\n")
	if len(verdict.Unknown) != 1 || len(verdict.Invalid) == 0 || verdict.Invalid[0].Field != "spec.tiers" {
		t.Errorf("unknown %v, invalid %v", verdict.Unknown, verdict.Invalid)
	}
}

func TestAKindThatIsNotOursIsAnError(t *testing.T) {
	server, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	pod := kubeschema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	if server.Serves(pod) {
		t.Error("serves pods")
	}
	if _, err := server.Create(t.Context(), schema.Request{Kind: pod}); err == nil {
		t.Error("judged a pod")
	}
}

func BenchmarkTheFirstProfile(b *testing.B) {
	for b.Loop() {
		server, err := schema.New()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := server.Create(b.Context(), schema.Request{
			Kind: v1alpha1.GroupVersion.WithKind("SegmentationProfile"), Text: []byte(head + "metadata: {name: web}\nspec: {tiers: []}\n"), Namespace: "shop",
		}); err != nil {
			b.Fatal(err)
		}
	}
}
