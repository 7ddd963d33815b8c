package chart_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/test/harness"
)

// objects are parsed manifests by "Kind namespace/name".
type objects map[string]*unstructured.Unstructured

// root returns the root directory of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// kustomized returns what a kustomization of the repository makes.
func kustomized(t *testing.T, dir string) objects {
	t.Helper()
	kubectl, err := harness.Program("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), kubectl, "kustomize", filepath.Join(root(t), dir)).Output()
	if err != nil {
		t.Fatalf("kubectl kustomize %s: %v", dir, err)
	}
	return parse(t, out)
}

// parse reads the objects of manifests. None may be there twice.
func parse(t *testing.T, manifests []byte) objects {
	t.Helper()
	out := objects{}
	for document := range bytes.SplitSeq(append([]byte("\n"), manifests...), []byte("\n---\n")) {
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if len(object.Object) == 0 {
			continue
		}
		key := fmt.Sprintf("%s %s", object.GetKind(), strings.TrimPrefix(object.GetNamespace()+"/"+object.GetName(), "/"))
		if out[key] != nil {
			t.Fatalf("%s is there twice", key)
		}
		out[key] = object
	}
	return out
}

// one returns the only object of a kind, as its type.
func one[T any](t *testing.T, from objects, kind string) *T {
	t.Helper()
	var found []*T
	for key, object := range from {
		if !strings.HasPrefix(key, kind+" ") {
			continue
		}
		typed := new(T)
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		found = append(found, typed)
	}
	if len(found) != 1 {
		t.Fatalf("%d objects of kind %s, want 1", len(found), kind)
	}
	return found[0]
}
