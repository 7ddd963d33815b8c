package render

import (
	"io"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/checkup"
	"firebreak.dev/firebreak/internal/manifests"
)

// The part of SARIF 2.1.0 that code scanning reads
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string             `json:"id"`
		Name             string             `json:"name"`
		ShortDescription sarifText          `json:"shortDescription"`
		FullDescription  sarifText          `json:"fullDescription"`
		Help             sarifText          `json:"help"`
		Defaults         sarifConfiguration `json:"defaultConfiguration"`
		Properties       sarifProperties    `json:"properties"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifConfiguration struct {
		Level string `json:"level"`
	}
	sarifProperties struct {
		Tags []string `json:"tags"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI       string `json:"uri"`
		URIBaseID string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
)

// CheckSARIF writes a report as SARIF 2.1.0, for code scanning. Paths are relative to the directory, which should be the root
// of the repository; those outside of it are absolute.
func CheckSARIF(out io.Writer, report *checkup.Report, directory string) error {
	rules := checkup.Rules()
	driver := sarifDriver{Name: "firebreak", InformationURI: "https://firebreak.dev"}
	for _, r := range rules {
		driver.Rules = append(driver.Rules, sarifRuleOf(r))
	}
	run := sarifRun{Tool: sarifTool{driver}, Results: []sarifResult{}}
	for _, r := range report.Results {
		run.Results = append(run.Results, sarifResult{
			RuleID:    string(r.Code),
			RuleIndex: slices.IndexFunc(rules, func(rule checkup.Rule) bool { return rule.Code == r.Code }),
			Level:     sarifLevel(r.Severity),
			Message:   sarifText{Text: sarifMessage(r)},
			Locations: []sarifLocation{sarifLocationOf(r, directory)},
		})
	}
	return JSON(out, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func sarifRuleOf(r checkup.Rule) sarifRule {
	return sarifRule{
		ID: string(r.Code), Name: string(r.Code),
		ShortDescription: sarifText{Text: r.Meaning},
		FullDescription:  sarifText{Text: r.Meaning + " " + r.Advice},
		Help:             sarifText{Text: r.Meaning + " " + r.Advice, Markdown: "**" + r.Meaning + "**\n\n" + r.Advice},
		Defaults:         sarifConfiguration{sarifLevel(r.Severity)},
		Properties:       sarifProperties{[]string{"kubernetes", "network-policy", "security"}},
	}
}

func sarifLevel(s v1alpha1.Severity) string {
	switch s {
	case v1alpha1.SeverityWarning:
		return "warning"
	case v1alpha1.SeverityInfo:
		return "note"
	case v1alpha1.SeverityError:
	}
	return "error"
}

func sarifMessage(r checkup.Result) string {
	if r.Object == nil {
		return r.Message
	}
	where := r.Object.String()
	if r.Namespace != "" {
		where += " in namespace " + r.Namespace
	}
	return where + ": " + r.Message
}

func sarifLocationOf(r checkup.Result, directory string) sarifLocation {
	location := sarifLocation{Physical: sarifPhysical{Artifact: artifact(r.File, directory)}}
	if r.Line > 0 {
		location.Physical.Region = &sarifRegion{StartLine: r.Line}
	}
	if r.Object != nil {
		name := r.Object.String()
		if r.Field != "" {
			name += " " + r.Field
		}
		location.Logical = []sarifLogical{{Name: name, Kind: "object"}}
	}
	return location
}

// artifact returns the URI of a file as code scanning wants it: relative to the root of the repository.
func artifact(file, directory string) sarifArtifact {
	if file == manifests.Stdin {
		return sarifArtifact{URI: "stdin"}
	}
	path, err := filepath.Abs(file)
	if err != nil {
		path = file
	}
	relative, err := filepath.Rel(directory, path)
	if err != nil || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Path: filepath.ToSlash(relative)}).String(), URIBaseID: "%SRCROOT%"}
}
