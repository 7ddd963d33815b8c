package chart_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Every difference between the two ways to install is listed here, with its reason.
func TestTheChartInstallsWhatTheKustomizationInstalls(t *testing.T) {
	chart, kustomization := render(t, nil), kustomized(t, "config/default")

	// Helm keeps its records of a release in the release's namespace, which must exist before: see namespace.create.
	delete(kustomization, "Namespace "+namespace)
	for key, object := range chart {
		if strings.HasPrefix(key, "CustomResourceDefinition ") {
			// Uninstalling a release must not delete every profile; kubectl has no use for the annotation.
			takeAnnotation(t, object, "helm.sh/resource-policy", "keep")
		}
	}
	expectEqual(t, chart, kustomization)
}

func TestTheChartMakesTheNamespaceOfTheKustomization(t *testing.T) {
	chart := render(t, values{}.set("namespace.create", true).set("crds.keep", false))
	expectEqual(t, chart, kustomized(t, "config/default"))
}

func TestTheChartMonitorsAsTheKustomizationDoes(t *testing.T) {
	want := kustomized(t, "config/default")
	maps.Copy(want, kustomized(t, "config/prometheus"))
	all := values{}.set("namespace.create", true).set("crds.keep", false)
	for _, what := range []string{"serviceMonitor", "prometheusRule", "dashboard"} {
		all = all.set("metrics."+what+".create", true)
	}
	expectEqual(t, render(t, all), want)
}

func takeAnnotation(t *testing.T, object *unstructured.Unstructured, name, value string) {
	t.Helper()
	annotations := object.GetAnnotations()
	if annotations[name] != value {
		t.Errorf("%s: annotation %s is %q, want %q", object.GetName(), name, annotations[name], value)
	}
	delete(annotations, name)
	object.SetAnnotations(annotations)
}

func expectEqual(t *testing.T, chart, kustomization objects) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(slices.Sorted(maps.Keys(chart))).To(Equal(slices.Sorted(maps.Keys(kustomization))))
	for key, want := range kustomization {
		if same, _ := Equal(want.Object).Match(chart[key].Object); !same {
			t.Errorf("%s differs; after a change of config/crd or config/rbac, run \"make generate\".\n%s", key, difference(t, chart[key], want))
		}
	}
}

// difference shows the lines of two objects that differ.
func difference(t *testing.T, chart, kustomization *unstructured.Unstructured) string {
	t.Helper()
	lines := func(object *unstructured.Unstructured) []string {
		text, err := yaml.Marshal(object.Object)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(string(text), "\n")
	}
	ours, theirs := lines(chart), lines(kustomization)
	var out strings.Builder
	for _, line := range ours {
		if !slices.Contains(theirs, line) {
			out.WriteString("chart:         " + line + "\n")
		}
	}
	for _, line := range theirs {
		if !slices.Contains(ours, line) {
			out.WriteString("kustomization: " + line + "\n")
		}
	}
	return out.String()
}
