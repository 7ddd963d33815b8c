package prometheus_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/test/harness"
)

// build returns the objects of a kustomization by kind and name.
func build(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	kubectl, err := harness.Program("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	manifests, err := exec.CommandContext(t.Context(), kubectl, "kustomize", filepath.Join(root(t), dir)).Output()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for document := range bytes.SplitSeq(manifests, []byte("\n---\n")) {
		var object metav1.PartialObjectMetadata
		if err := yaml.Unmarshal(document, &object); err != nil {
			t.Fatal(err)
		}
		if object.Namespace != harness.ManagerNamespace && dir == "config/prometheus" {
			t.Errorf("%s %s is in namespace %q", object.Kind, object.Name, object.Namespace)
		}
		out[object.Kind+"/"+object.Name] = document
	}
	return out
}

func decode[T any](t *testing.T, objects map[string][]byte, name string) T {
	t.Helper()
	var out T
	document, ok := objects[name]
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	if err := yaml.Unmarshal(document, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheServiceMonitorFindsTheMetricsOfTheOperator(t *testing.T) {
	type endpoint struct {
		Port, Path, Scheme, BearerTokenFile string
		TLSConfig                           struct{ InsecureSkipVerify bool }
	}
	type serviceMonitor struct {
		Spec struct {
			Selector  metav1.LabelSelector
			Endpoints []endpoint
		}
	}
	monitor := decode[serviceMonitor](t, build(t, "config/prometheus"), "ServiceMonitor/firebreak-controller-manager")
	service := decode[corev1.Service](t, build(t, "config/default"), "Service/firebreak-controller-manager-metrics")
	selector, err := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector)
	if err != nil || selector.Empty() || !selector.Matches(labels.Set(service.Labels)) {
		t.Errorf("it selects %v (%v), the Service has %v", selector, err, service.Labels)
	}
	want := endpoint{"metrics", "/metrics", "https", "/var/run/secrets/kubernetes.io/serviceaccount/token", struct{ InsecureSkipVerify bool }{true}}
	if len(monitor.Spec.Endpoints) != 1 || monitor.Spec.Endpoints[0] != want || service.Spec.Ports[0].Name != want.Port {
		t.Errorf("it scrapes %+v of ports %+v", monitor.Spec.Endpoints, service.Spec.Ports)
	}
}

func TestTheDashboardIsFoundByGrafana(t *testing.T) {
	dashboard := decode[corev1.ConfigMap](t, build(t, "config/prometheus"), "ConfigMap/firebreak-dashboard")
	if dashboard.Labels["grafana_dashboard"] != "1" || !json.Valid([]byte(dashboard.Data["dashboard.json"])) {
		t.Errorf("labels %v, %d bytes", dashboard.Labels, len(dashboard.Data["dashboard.json"]))
	}
}
