package chart_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// release and namespace are what the chart is installed as unless a test says otherwise: the names of config/default.
const (
	release   = "firebreak"
	namespace = "firebreak-system"
)

// values are those of the chart that a test sets.
type values map[string]any

// set returns values with one more, at a path such as "metrics.port".
func (v values) set(path string, value any) values {
	key, rest, deeper := strings.Cut(path, ".")
	out := values{}
	for k, old := range v {
		out[k] = old
	}
	if deeper {
		inner, ok := v[key].(values)
		if !ok {
			inner = values{}
		}
		value = inner.set(rest, value)
	}
	out[key] = value
	return out
}

// helm runs helm with something on its standard input, without the user's configuration, and returns what it printed.
func helm(t *testing.T, stdin []byte, args ...string) (stdout string, err error) {
	t.Helper()
	program := filepath.Join(root(t), "bin", "helm")
	if _, err := os.Stat(program); err != nil {
		t.Fatalf(`%v: run "make bin/helm"`, err)
	}
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	cmd.Dir = root(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &errOut
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("helm %s: %w: %s", strings.Join(args, " "), err, errOut.String())
	}
	// Such as a warning about a value that is ignored.
	if errOut.Len() > 0 {
		t.Errorf("helm %s warns: %s", strings.Join(args, " "), errOut.String())
	}
	return out.String(), nil
}

// tryRender renders the chart with values, and with its defaults where there are none.
func tryRender(t *testing.T, v values, args ...string) (string, error) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if len(args) == 0 {
		args = []string{release, "--namespace=" + namespace}
	}
	return helm(t, text, append(append([]string{"template"}, args...), "config/chart", "--values=-")...)
}

// render is tryRender of values that must be accepted.
func render(t *testing.T, v values, args ...string) objects {
	t.Helper()
	manifests, err := tryRender(t, v, args...)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, []byte(manifests))
}

// defaults returns the default of every value by its path. Objects with keys are paths, not values.
func defaults(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "config", "chart", "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := yaml.UnmarshalStrict(text, &tree); err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	var walk func(prefix string, tree map[string]any)
	walk = func(prefix string, tree map[string]any) {
		for key, value := range tree {
			inner, isObject := value.(map[string]any)
			if isObject && len(inner) > 0 && !slices.Contains(freeForm(), prefix+key) {
				walk(prefix+key+".", inner)
				continue
			}
			out[prefix+key] = value
		}
	}
	walk("", tree)
	return out
}

// freeForm lists the values that are objects whose keys are the user's.
func freeForm() []string {
	return []string{"nodeSelector", "resources.requests", "resources.limits", "metrics.serviceMonitor.tlsConfig", "metrics.dashboard.labels"}
}

func readChart(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "config", "chart", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
