// Package docs_test holds the documents against what they speak of, so that they cannot grow untrue in silence.
package docs_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/metrics"
	"firebreak.dev/firebreak/test/harness"
)

func read(t *testing.T, file string) string {
	t.Helper()
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTheReadmeShowsTheSampleAsItIs(t *testing.T) {
	if sample := read(t, "config/samples/three-tier.yaml"); !strings.Contains(read(t, "README.md"), "```yaml\n"+sample+"```") {
		t.Error("README.md shows another profile than config/samples/three-tier.yaml")
	}
}

func TestConceptsShowsThePoliciesOfTheSample(t *testing.T) {
	concepts, shown := read(t, "docs/concepts.md"), 0
	for document := range bytes.SplitSeq([]byte(read(t, "internal/compiler/testdata/three-tier.out.yaml")), []byte("\n---\n")) {
		var policy networkingv1.NetworkPolicy
		if err := yaml.Unmarshal(document, &policy); err != nil || policy.Kind != "NetworkPolicy" {
			continue
		}
		spec, err := yaml.Marshal(map[string]any{"spec": policy.Spec})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(concepts, "```yaml\n"+string(spec)+"```") {
			t.Errorf("docs/concepts.md does not show the spec of %s:\n%s", policy.Name, spec)
		}
		shown++
	}
	if shown != 4 {
		t.Errorf("the sample has %d policies", shown)
	}
}

func TestOperationsShowsTheHelpOfTheOperator(t *testing.T) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), "go", "run", "./cmd/manager", "--help")
	cmd.Dir = root
	help, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, help)
	}
	if !strings.Contains(read(t, "docs/operations.md"), "```text\n"+string(help)+"```") {
		t.Errorf("docs/operations.md shows other flags than these:\n%s", help)
	}
}

// constants returns the values of the string constants of a file of the API, those whose name begins with prefix.
func constants(t *testing.T, file, prefix string) []string {
	t.Helper()
	var out []string
	for _, match := range regexp.MustCompile(`(?m)^\t`+prefix+`\w+ .*= "(\w+)"`).FindAllStringSubmatch(read(t, file), -1) {
		out = append(out, match[1])
	}
	if len(out) == 0 {
		t.Fatalf("%s declares no %s", file, prefix)
	}
	return out
}

// rows returns the cells of each row of the table under a head line, without backquotes, in order.
func rows(t *testing.T, document, head string) [][]string {
	t.Helper()
	_, table, found := strings.Cut(read(t, document), "\n"+head+"\n")
	if !found {
		t.Fatalf("%s has no table headed %s", document, head)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var out [][]string
	for line := range strings.Lines(table) {
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|\n"), "|") {
			cells = append(cells, strings.TrimSpace(strings.ReplaceAll(cell, "`", "")))
		}
		if !strings.HasPrefix(cells[0], "---") {
			out = append(out, cells)
		}
	}
	return out
}

func TestConceptsListsEveryFindingWithItsSeverity(t *testing.T) {
	declared, listed := map[string]string{}, map[string]string{}
	for _, code := range constants(t, "api/v1alpha1/findings.go", "Code") {
		declared[code] = string(finding.New(v1alpha1.FindingCode(code), "", "", "").Severity)
	}
	var order []string
	for _, row := range rows(t, "docs/concepts.md", "| code | severity | meaning |") {
		if _, twice := listed[row[0]]; twice {
			t.Errorf("%s is listed twice", row[0])
		}
		listed[row[0]] = row[1]
		order = append(order, fmt.Sprint(strings.Index("EWI", row[1][:1]), row[0]))
	}
	if !maps.Equal(declared, listed) {
		t.Errorf("docs/concepts.md lists %v\nthe API has %v", listed, declared)
	}
	if !slices.IsSorted(order) {
		t.Errorf("docs/concepts.md does not list the most severe first, then by code: %v", order)
	}
}

func TestConceptsListsEveryConditionAndNoOther(t *testing.T) {
	var listed []string
	for _, row := range rows(t, "docs/concepts.md", "| condition | True | False | Unknown |") {
		listed = append(listed, row[0])
	}
	declared := constants(t, "api/v1alpha1/conditions.go", "Condition")
	slices.Sort(listed)
	slices.Sort(declared)
	if !slices.Equal(listed, declared) {
		t.Errorf("docs/concepts.md lists the conditions %v, the API has %v", listed, declared)
	}
}

func TestOperationsExplainsEveryReasonAndNoOther(t *testing.T) {
	// Conditions bear the code of a finding as their reason, too.
	codes := constants(t, "api/v1alpha1/findings.go", "Code")
	reasons := constants(t, "api/v1alpha1/conditions.go", "Reason")
	conditions := constants(t, "api/v1alpha1/conditions.go", "Condition")
	var explained []string
	for _, row := range rows(t, "docs/operations.md", "| condition | reason | meaning | what to do |") {
		explained = append(explained, row[1])
		if !slices.Contains(codes, row[1]) && !slices.Contains(reasons, row[1]) {
			t.Errorf("docs/operations.md explains %s, which no condition gives", row[1])
		}
		for condition := range strings.SplitSeq(row[0], ", ") {
			if !slices.Contains(conditions, condition) {
				t.Errorf("docs/operations.md speaks of a condition %s, which there is not", condition)
			}
		}
	}
	for _, reason := range reasons {
		if !slices.Contains(explained, reason) {
			t.Errorf("docs/operations.md does not explain the reason %s", reason)
		}
	}
}

func TestOperationsExplainsEveryFinding(t *testing.T) {
	codes := constants(t, "api/v1alpha1/findings.go", "Code")
	var explained []string
	for _, row := range rows(t, "docs/operations.md", "| condition | reason | meaning | what to do |") {
		explained = append(explained, row[1])
	}
	for _, row := range rows(t, "docs/operations.md", "| finding | meaning | what to do |") {
		if explained = append(explained, row[0]); !slices.Contains(codes, row[0]) {
			t.Errorf("docs/operations.md explains the finding %s, which there is not", row[0])
		}
	}
	for _, code := range codes {
		if !slices.Contains(explained, code) {
			t.Errorf("docs/operations.md does not explain the finding %s", code)
		}
	}
}

func TestOperationsNamesEveryEvent(t *testing.T) {
	for _, reason := range constants(t, "internal/events/events.go", "Reason") {
		if !strings.Contains(read(t, "docs/operations.md"), "`"+reason+"`") {
			t.Errorf("docs/operations.md does not name the event %s", reason)
		}
	}
}

func TestOperationsListsEveryMetricWithItsLabels(t *testing.T) {
	var declared, listed [][]string
	values := map[string]string{}
	for _, metric := range metrics.Catalogue() {
		var labels []string
		for _, label := range metric.Labels {
			labels = append(labels, label.Name)
			if label.Values != nil {
				values[label.Name] = strings.Join(label.Values, ", ")
			}
		}
		declared = append(declared, []string{metric.Name, metric.Type, strings.Join(labels, ", "), metric.Help})
	}
	listed = rows(t, "docs/operations.md", "| metric | type | labels | meaning |")
	if !reflect.DeepEqual(declared, listed) {
		t.Errorf("docs/operations.md lists %q\nthe operator has %q", listed, declared)
	}
	explained := map[string]string{}
	for _, row := range rows(t, "docs/operations.md", "| label | values |") {
		explained[row[0]] = row[1]
	}
	if !maps.Equal(values, explained) {
		t.Errorf("docs/operations.md lists the labels %q\nthe operator has %q", explained, values)
	}
}

func TestOperationsExplainsEveryAlert(t *testing.T) {
	var declared, explained []string
	file := read(t, "config/prometheus/prometheus_rule.yaml")
	for _, match := range regexp.MustCompile(`- alert: (\w+)\n(?:.*\n)+?.*severity: (\w+)`).FindAllStringSubmatch(file, -1) {
		declared = append(declared, match[1]+" "+match[2])
	}
	for _, row := range rows(t, "docs/operations.md", "| alert | severity | fires when | what to do |") {
		explained = append(explained, row[0]+" "+row[1])
	}
	if len(declared) != strings.Count(file, "alert:") || !slices.Equal(declared, explained) {
		t.Errorf("docs/operations.md explains %q\nthe rules are %q", explained, declared)
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^):#]+)(#[^)]*)?\)`)
	for _, file := range []string{"README.md", "SECURITY.md", "docs/concepts.md", "docs/isolation.md", "docs/peers.md", "docs/operations.md", "docs/plugin.md", "docs/check.md", "docs/continuous-integration.md", "docs/decisions/README.md"} {
		for _, match := range link.FindAllStringSubmatch(read(t, file), -1) {
			root, err := harness.RepositoryRoot()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(file), match[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}
