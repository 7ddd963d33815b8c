package render

import (
	"fmt"
	"io"
	"strings"

	"firebreak.dev/firebreak/internal/checkup"
	"firebreak.dev/firebreak/internal/manifests"
)

// CheckText writes a report for people: the results by object, each with the file and line to go to, then what was not
// checked, and a line that sums all up.
func CheckText(out io.Writer, report *checkup.Report, style Style) {
	for _, group := range groups(report.Results) {
		fmt.Fprintln(out, style.Bold(headingOf(group[0])))
		for _, r := range group {
			fmt.Fprintln(out, "  "+checkLine(r, style))
		}
		fmt.Fprintln(out)
	}
	if lines := unchecked(report.Results); len(lines) > 0 {
		fmt.Fprintln(out, style.Faint("Not checked, because only a cluster can tell, or more files (see --live):"))
		for _, line := range lines {
			fmt.Fprintln(out, style.Faint("  "+line))
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintln(out, summary(report, style))
}

// groups puts the results about one object together, in the order in which objects come first. What was not checked is not
// among them.
func groups(results []checkup.Result) [][]checkup.Result {
	var out [][]checkup.Result
	at := map[string]int{}
	for _, r := range results {
		if _, ok := r.Unchecked(); ok {
			continue
		}
		heading := headingOf(r)
		i, ok := at[heading]
		if !ok {
			i = len(out)
			at[heading], out = i, append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

// unchecked words what was not checked, each thing once, with the first profile that it matters to.
func unchecked(results []checkup.Result) []string {
	var order []string
	objects := map[string][]string{}
	for _, r := range results {
		if what, ok := r.Unchecked(); ok {
			if objects[what] == nil {
				order = append(order, what)
			}
			objects[what] = append(objects[what], r.Object.String())
		}
	}
	for i, what := range order {
		order[i] = what + " (" + objects[what][0]
		if more := len(objects[what]) - 1; more > 0 {
			order[i] += fmt.Sprintf(" and %d more", more)
		}
		order[i] += ")"
	}
	return order
}

func headingOf(r checkup.Result) string {
	if r.Object == nil {
		return "Documents that are no API objects"
	}
	return r.Object.String()
}

// checkLine words a result in one line, for people and for tools that find "file:line:" in it.
func checkLine(r checkup.Result, style Style) string {
	message := r.Message
	if r.Namespace != "" {
		message = "in namespace " + r.Namespace + ": " + message
	}
	return fmt.Sprintf("%s: %s: %s %s", position(r), Severity(r.Severity, style), message, style.Faint("("+string(r.Code)+")"))
}

// position returns "shop.yaml:12", or the file alone where lines mean nothing.
func position(r checkup.Result) string {
	return manifests.Source{Path: r.File, Line: r.Line}.String()
}

// summary says in a line what was checked and what came of it.
func summary(report *checkup.Report, style Style) string {
	s := report.Summary
	checked := fmt.Sprintf("Checked %s in %s: ", count(len(report.Profiles), "profile"), count(len(report.Files), "file"))
	var parts []string
	if s.Errors > 0 {
		parts = append(parts, style.Red(count(s.Errors, "error")))
	}
	if s.Warnings > 0 {
		parts = append(parts, style.Yellow(count(s.Warnings, "warning")))
	}
	if s.Infos > 0 {
		parts = append(parts, style.Cyan(count(s.Infos, "remark")))
	}
	if len(parts) == 0 {
		parts = append(parts, style.Green("all is well"))
	}
	if s.NotChecked > 0 {
		parts = append(parts, style.Faint(fmt.Sprintf("%d not checked", s.NotChecked)))
	}
	return checked + strings.Join(parts, ", ") + "."
}
