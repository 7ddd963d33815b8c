package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/checkup"
)

// reports are reports of all shapes: with nothing, and with a result of every code.
func reports() []*checkup.Report {
	object := &checkup.Object{Kind: "SegmentationProfile", Namespace: "shop", Name: "shop"}
	full := &checkup.Report{
		Files:    []string{"deploy/my shop.yaml", "-", "/elsewhere/a.yaml"},
		Profiles: []checkup.Profile{{Object: *object, File: "deploy/my shop.yaml", Line: 3}},
	}
	for i, rule := range checkup.Rules() {
		full.Results = append(full.Results, checkup.Result{
			Severity: rule.Severity, Code: rule.Code, Message: "m <&> \"x\"\nand \x01 more", Object: object, Field: "spec", File: full.Files[i%3], Line: i % 4,
		})
	}
	full.Results = append(full.Results, checkup.Result{Severity: v1alpha1.SeverityError, Code: checkup.CodeUnreadable, Message: "no object", File: "-", Line: 1})
	return []*checkup.Report{{Files: []string{"a.yaml"}, Profiles: []checkup.Profile{}, Results: []checkup.Result{}}, full}
}

// sarifSchema is the schema of the OASIS standard (errata01), as published.
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("sarif.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSARIFIsValidByItsSchema(t *testing.T) {
	schema := sarifSchema(t)
	for _, report := range reports() {
		var out bytes.Buffer
		if err := CheckSARIF(&out, report, "/repository"); err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(document); err != nil {
			t.Error(err)
		}
	}
}

func TestSARIFNamesFilesAsCodeScanningWantsThem(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	for file, want := range map[string]sarifArtifact{
		"deploy/my shop.yaml": {URI: "deploy/my%20shop.yaml", URIBaseID: "%SRCROOT%"},
		"./a.yaml":            {URI: "a.yaml", URIBaseID: "%SRCROOT%"},
		filepath.Join(directory, "deploy/a.yaml"): {URI: "deploy/a.yaml", URIBaseID: "%SRCROOT%"},
		"a:b.yaml":          {URI: "./a:b.yaml", URIBaseID: "%SRCROOT%"},
		"..a.yaml":          {URI: "..a.yaml", URIBaseID: "%SRCROOT%"},
		"/elsewhere/a.yaml": {URI: "file:///elsewhere/a.yaml"},
		"-":                 {URI: "stdin"},
	} {
		if got := artifact(file, directory); got != want {
			t.Errorf("%s: got %+v, want %+v", file, got, want)
		}
	}
}

func TestEveryResultOfSARIFHasItsRule(t *testing.T) {
	var out bytes.Buffer
	if err := CheckSARIF(&out, reports()[1], "/"); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	for _, r := range log.Runs[0].Results {
		if rule := log.Runs[0].Tool.Driver.Rules[r.RuleIndex]; rule.ID != r.RuleID || rule.Defaults.Level != r.Level {
			t.Errorf("%s has rule %+v", r.RuleID, rule)
		}
	}
}

func TestEveryCodeHasARule(t *testing.T) {
	text, err := os.ReadFile("../../api/v1alpha1/findings.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`FindingCode = "(\w+)"`).FindAllStringSubmatch(string(text), -1)
	if len(found) < 20 {
		t.Fatalf("found %d codes only", len(found))
	}
	for _, code := range found {
		if !slices.ContainsFunc(checkup.Rules(), func(r checkup.Rule) bool { return string(r.Code) == code[1] }) {
			t.Errorf("%s has none", code[1])
		}
	}
	for _, r := range checkup.Rules() {
		for _, sentence := range []string{r.Meaning, r.Advice} {
			if !strings.HasSuffix(sentence, ".") || strings.ToUpper(sentence[:1]) != sentence[:1] && !strings.HasPrefix(sentence, "kubectl") {
				t.Errorf("%s: %q is no sentence", r.Code, sentence)
			}
		}
	}
}

func TestJUnitCountsWhatFailsAndPrintsTheRest(t *testing.T) {
	for least, failures := range map[v1alpha1.Severity]int{"": 0, v1alpha1.SeverityError: 4, v1alpha1.SeverityInfo: 4} {
		var out bytes.Buffer
		if err := CheckJUnit(&out, reports()[1], least); err != nil {
			t.Fatal(err)
		}
		var got junitSuites
		if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Tests != 4 || got.Failures != failures {
			t.Errorf("from %q on: %d tests and %d failures, want 4 and %d", least, got.Tests, got.Failures, failures)
		}
		if least == v1alpha1.SeverityError && !strings.Contains(got.Suites[0].Cases[0].Output, "Warning") {
			t.Errorf("the warnings are not in the output: %+v", got.Suites[0].Cases[0])
		}
	}
}
