// Package prometheus_test holds config/prometheus against promtool, and against the metrics that there are.
package prometheus_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/test/harness"
)

// ruleGroups is the spec of a PrometheusRule, which is also what Prometheus reads from a file.
type ruleGroups struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	} `json:"groups"`
}

type rule struct {
	Alert       string            `json:"alert,omitempty"`
	Record      string            `json:"record,omitempty"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// alerts returns the rules of config/prometheus, and their spec as it stands there.
func alerts(t *testing.T) (rules []rule, spec []byte) {
	t.Helper()
	var object struct {
		Spec json.RawMessage `json:"spec"`
	}
	var groups ruleGroups
	if err := yaml.Unmarshal(read(t, "config/prometheus/prometheus_rule.yaml"), &object); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(object.Spec, &groups); err != nil {
		t.Fatal(err)
	}
	for _, group := range groups.Groups {
		rules = append(rules, group.Rules...)
	}
	if len(rules) == 0 {
		t.Fatal("there are no rules")
	}
	return rules, object.Spec
}

func TestTheRulesAreValid(t *testing.T) {
	rules, spec := alerts(t)
	promtool(t, "check", "rules", "--lint=all", "--lint-fatal", write(t, t.TempDir(), "rules.yaml", spec))
	for _, r := range rules {
		for _, annotation := range []string{"summary", "description", "runbook"} {
			if r.Annotations[annotation] == "" {
				t.Errorf("%s has no %s", r.Alert, annotation)
			}
		}
		if severity := r.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s has severity %q", r.Alert, severity)
		}
	}
}

func TestTheAlertsFireWhenTheyShould(t *testing.T) {
	_, spec := alerts(t)
	dir := t.TempDir()
	write(t, dir, "rules.yaml", spec)
	promtool(t, "test", "rules", write(t, dir, "alerts.yaml", read(t, "test/prometheus/testdata/alerts.yaml")))
}

func TestEveryAlertIsTestedBothWays(t *testing.T) {
	var file struct {
		Tests []struct {
			Alerts []struct {
				Name     string           `json:"alertname"`
				Expected []map[string]any `json:"exp_alerts"`
			} `json:"alert_rule_test"`
		} `json:"tests"`
	}
	if err := yaml.Unmarshal(read(t, "test/prometheus/testdata/alerts.yaml"), &file); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for i, test := range file.Tests {
		for _, alert := range test.Alerts {
			fires[alert.Name] = fires[alert.Name] || len(alert.Expected) > 0
			// The first is the one in which all is well.
			silent[alert.Name] = silent[alert.Name] || (i == 0 && len(alert.Expected) == 0)
		}
	}
	rules, _ := alerts(t)
	for _, r := range rules {
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("%s: fires in a test: %t; is silent when all is well: %t", r.Alert, fires[r.Alert], silent[r.Alert])
		}
	}
}

// promtool runs promtool, which must succeed.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	program := filepath.Join(root(t), "bin", "promtool")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf(`%v: run "make bin/promtool"`, err)
	}
	if output, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, output)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(t), file))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// write writes a file and returns its path.
func write(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(fmt.Errorf("write %s: %w", name, err))
	}
	return path
}
