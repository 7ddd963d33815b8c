// Package docs_test holds the documents against what they speak of, so that they cannot grow untrue in silence.
package docs_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

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

func TestEveryReasonAndFindingIsExplained(t *testing.T) {
	value := regexp.MustCompile(`= "([A-Za-z]+)"`)
	for source, document := range map[string]string{"api/v1alpha1/conditions.go": "docs/operations.md", "api/v1alpha1/findings.go": "docs/concepts.md"} {
		explained := read(t, document) + read(t, "docs/concepts.md")
		names := value.FindAllStringSubmatch(read(t, source), -1)
		if len(names) < 5 {
			t.Errorf("%s declares %d names", source, len(names))
		}
		for _, name := range names {
			if !strings.Contains(explained, "`"+name[1]+"`") {
				t.Errorf("%s does not explain %s", document, name[1])
			}
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^):#]+)(#[^)]*)?\)`)
	for _, file := range []string{"README.md", "docs/concepts.md", "docs/operations.md", "docs/decisions/README.md"} {
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
