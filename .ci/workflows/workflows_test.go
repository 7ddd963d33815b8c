// Package workflows holds the GitHub workflow of the documents against actionlint, which knows the syntax, the contexts, and the
// inputs of actions.
package workflows

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

const page = "../../docs/continuous-integration.md"

// block returns the block of the page below a comment of that name.
func block(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile("(?s)<!-- " + name + " -->\n```yaml\n(.*?)```").FindSubmatch(data)
	if match == nil {
		t.Fatalf("%s has no %s", page, name)
	}
	return string(match[1])
}

// faults returns what actionlint finds in a workflow. No other program takes part, installed or not.
func faults(t *testing.T, workflow string) []string {
	t.Helper()
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.Lint("firebreak.yaml", []byte(workflow), nil)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range found {
		out = append(out, f.Error())
	}
	return out
}

func TestTheWorkflowOfThePageIsWell(t *testing.T) {
	for name, workflow := range map[string]string{
		"as it is":                 block(t, "workflow"),
		"with the step at its end": block(t, "workflow") + "\n" + block(t, "step"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, f := range faults(t, workflow) {
				t.Error(f)
			}
		})
	}
}

func TestAnUnknownStepIsAFault(t *testing.T) {
	if workflow := strings.ReplaceAll(block(t, "workflow"), "steps.diff.", "steps.dif."); len(faults(t, workflow)) == 0 {
		t.Error("actionlint finds nothing wrong with a condition on a step that there is not")
	}
}
