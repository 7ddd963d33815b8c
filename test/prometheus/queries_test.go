package prometheus_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/metrics"
)

// dashboardQueries returns the queries of the dashboard, by panel.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(read(t, "config/prometheus/dashboard.json"), &dashboard); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, panel := range dashboard.Panels {
		for i, target := range panel.Targets {
			out[fmt.Sprintf("panel %d %s, query %d", panel.ID, panel.Title, i)] = target.Expr
		}
	}
	if len(out) < 10 {
		t.Fatalf("the dashboard has %d queries", len(out))
	}
	return out
}

func TestTheQueriesOfTheDashboardAreValid(t *testing.T) {
	rules := []rule{}
	for _, expr := range dashboardQueries(t) {
		rules = append(rules, rule{Record: fmt.Sprintf("dashboard:query:%d", len(rules)), Expr: expr})
	}
	file, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", write(t, t.TempDir(), "dashboard.yaml", file))
}

func TestEveryQueryAsksForMetricsThatThereAre(t *testing.T) {
	queries := dashboardQueries(t)
	rules, _ := alerts(t)
	for _, r := range rules {
		queries[r.Alert] = r.Expr
	}
	asked := map[string]bool{}
	for where, expr := range queries {
		for _, problem := range problems(expr, asked) {
			t.Errorf("%s: %s", where, problem)
		}
	}
	for _, metric := range metrics.Catalogue() {
		if !asked[metric.Name] {
			t.Errorf("nobody asks for %s", metric.Name)
		}
	}
	for _, wrong := range []string{
		"firebreak_polices", `firebreak_policies{king="x"}`, `firebreak_profiles{ready="True"}`, `firebreak_profiles{ready!~"true|no"}`,
		"sum by (kind, name) (firebreak_policies)", `firebreak_findings{code="NoSuchCode"}`,
	} {
		if len(problems(wrong, map[string]bool{})) == 0 {
			t.Errorf("nothing is wrong with %s", wrong)
		}
	}
}

// problems says what a query asks for that the catalogue of Firebreak's metrics does not have.
func problems(expr string, asked map[string]bool) []string {
	var out []string
	known := map[string]metrics.Metric{}
	for _, metric := range metrics.Catalogue() {
		known[metric.Name] = metric
	}
	var grouped []string
	for _, by := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
		grouped = append(grouped, strings.Split(by[1], ", ")...)
	}
	for _, match := range regexp.MustCompile(`\b(firebreak_\w+)(?:\{([^}]*)\})?`).FindAllStringSubmatch(expr, -1) {
		metric, ok := known[match[1]]
		if !ok {
			out = append(out, "there is no "+match[1])
			continue
		}
		asked[metric.Name] = true
		for _, label := range grouped {
			if _, ok := valuesOf(metric, label); !ok {
				out = append(out, metric.Name+" has no label "+label)
			}
		}
		out = append(out, matcherProblems(metric, match[2])...)
	}
	return out
}

// matcherProblems says what is wrong with the part of a query that stands in braces.
func matcherProblems(metric metrics.Metric, matchers string) []string {
	var out []string
	for _, match := range regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"([^"]*)"`).FindAllStringSubmatch(matchers, -1) {
		values, ok := valuesOf(metric, match[1])
		if !ok {
			out = append(out, metric.Name+" has no label "+match[1])
			continue
		}
		for value := range strings.SplitSeq(match[2], "|") {
			if !slices.Contains(values, value) {
				out = append(out, fmt.Sprintf("%s is never %s", match[1], value))
			}
		}
	}
	return out
}

// valuesOf returns the values that a label of a metric can have, and whether there is such a label.
func valuesOf(metric metrics.Metric, name string) ([]string, bool) {
	i := slices.IndexFunc(metric.Labels, func(l metrics.Label) bool { return l.Name == name })
	switch {
	case i < 0:
		return nil, false
	case name == "code":
		return codes(), true
	}
	return metric.Labels[i].Values, true
}

// codes are those of findings that alerts speak of.
func codes() []string { return []string{string(v1alpha1.CodeForeignPolicyWidens)} }
