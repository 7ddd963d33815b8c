package render

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/checkup"
	"firebreak.dev/firebreak/internal/manifests"
)

// The elements of JUnit's XML that GitLab and Jenkins read. No module writes them with the attribute file, by which GitLab
// links a test to its source.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		File      string        `xml:"file,attr"`
		Line      int           `xml:"line,attr,omitempty"`
		Failure   *junitFailure `xml:"failure"`
		Output    string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// CheckJUnit writes a report as JUnit XML: a test suite for each file, in which each profile is a test, and each other object
// and document of which there is something to say. A test fails when a result is at least as grave as least; what else was
// found is in its output. An empty least lets no test fail.
func CheckJUnit(out io.Writer, report *checkup.Report, least v1alpha1.Severity) error {
	suites := junitSuites{Name: "kubectl firebreak check"}
	for _, file := range report.Files {
		suite := junitSuite{Name: junitFile(file), Cases: junitCases(report, file, least)}
		suite.Tests = len(suite.Cases)
		for _, c := range suite.Cases {
			if c.Failure != nil {
				suite.Failures++
			}
		}
		if suite.Tests > 0 {
			suites.Suites = append(suites.Suites, suite)
			suites.Tests += suite.Tests
			suites.Failures += suite.Failures
		}
	}
	text, err := xml.MarshalIndent(suites, "", "  ")
	if err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	if _, err := fmt.Fprintf(out, "%s%s\n", xml.Header, text); err != nil {
		return fmt.Errorf("write JUnit XML: %w", err)
	}
	return nil
}

// junitCases returns the tests of a file: its profiles, then what else there is something to say of.
func junitCases(report *checkup.Report, file string, least v1alpha1.Severity) []junitCase {
	results := map[string][]checkup.Result{}
	var names []string
	at := map[string]int{}
	add := func(name string, line int) {
		if _, ok := at[name]; !ok {
			at[name], names = line, append(names, name)
		}
	}
	for _, p := range report.Profiles {
		if p.File == file {
			add(p.String(), p.Line)
		}
	}
	for _, r := range report.Results {
		if r.File != file {
			continue
		}
		name := "document on line " + fmt.Sprint(r.Line)
		if r.Object != nil {
			name = r.Object.String()
		}
		add(name, r.Line)
		results[name] = append(results[name], r)
	}
	var out []junitCase
	for _, name := range names {
		out = append(out, junitCaseOf(name, file, at[name], results[name], least))
	}
	return out
}

func junitCaseOf(name, file string, line int, results []checkup.Result, least v1alpha1.Severity) junitCase {
	c := junitCase{Name: name, Classname: junitFile(file), File: junitFile(file), Line: line}
	var failing, other []string
	for _, r := range results {
		text := checkLine(r, Style{})
		if least == "" || !r.Fails(least) {
			other = append(other, text)
			continue
		}
		if c.Failure == nil {
			c.Failure = &junitFailure{Message: r.Message, Type: string(r.Code)}
		}
		failing = append(failing, text)
	}
	if c.Failure != nil {
		c.Failure.Text = strings.Join(failing, "\n")
	}
	c.Output = strings.Join(other, "\n")
	return c
}

// junitFile names a file.
func junitFile(file string) string {
	if file == manifests.Stdin {
		return "stdin"
	}
	return file
}
