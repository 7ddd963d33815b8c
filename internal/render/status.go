package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/overview"
)

// maxExplained is of how many profiles a table says what is wrong.
const maxExplained = 20

// Status writes an overview for people: a table, what is wrong with each profile that is not well, and a summary.
func Status(out io.Writer, o *overview.Overview, columns StatusColumns, style Style) {
	table := NewStatusTable(o, columns, style)
	fmt.Fprintln(out, table.Header())
	for _, p := range o.Profiles {
		fmt.Fprintln(out, table.Row(p))
	}
	if slices.ContainsFunc(o.Profiles, isOutdated) {
		fmt.Fprintln(out, style.Faint("* of an earlier generation of the profile"))
	}
	explain(out, o, columns.Now, style)
	fmt.Fprintln(out)
	if o.Operator.State == overview.OperatorNotSeen {
		fmt.Fprintln(out, style.Red(wrapped(o.Operator.Message, "", style)))
	}
	fmt.Fprintln(out, StatusSummary(o))
}

func isOutdated(p overview.Profile) bool { return p.Look == overview.LookOutdated }

// explain says what is wrong with the profiles that are not well, gravest first.
func explain(out io.Writer, o *overview.Overview, now time.Time, style Style) {
	var unwell []overview.Profile
	for _, p := range o.Profiles {
		if !p.Well {
			unwell = append(unwell, p)
		}
	}
	rank := func(p overview.Profile) int { return slices.Index(overview.ProblemKinds(), p.Problems[0].Kind) }
	slices.SortStableFunc(unwell, func(a, b overview.Profile) int { return rank(a) - rank(b) })
	for i, p := range unwell {
		if i == maxExplained {
			fmt.Fprintf(out, "\nAnd %d more that are not well; look at them by name, or with -o json.\n", len(unwell)-i)
			return
		}
		fmt.Fprintf(out, "\n%s is %s.\n", style.Bold(title(p)), p.Problems[0].Kind.Words())
		for _, line := range wrongWith(p, now, style) {
			fmt.Fprintln(out, wrapped(line, "  ", style))
		}
	}
}

// title names a profile in a sentence.
func title(p overview.Profile) string {
	if p.Namespace == "" {
		return p.ShortName()
	}
	return p.ShortName() + " in namespace " + p.Namespace
}

// wrongWith says in at most two lines what is wrong with a profile, and in a third where to find more.
func wrongWith(p overview.Profile, now time.Time, style Style) []string {
	const most = 2
	var lines []string
	for _, problem := range p.Problems {
		lines = append(lines, Problem(problem, now, style))
	}
	for _, f := range p.Untold() {
		lines = append(lines, statusFinding(p, f, style))
	}
	if more := len(lines) - most; more > 0 {
		command := "kubectl firebreak status " + p.ShortName()
		if p.Namespace != "" {
			command += " -n " + p.Namespace
		}
		lines = append(lines[:most], style.Faint(fmt.Sprintf("And %d more: %s", more, command)))
	}
	return lines
}

// Problem words a problem in one line: the condition and its reason, since when, and the message.
func Problem(p overview.Problem, now time.Time, style Style) string {
	var head string
	switch {
	case p.Condition != "":
		head = fmt.Sprintf("%s is %s (%s", p.Condition, statusColor(p.Status, style)(string(p.Status)), p.Reason)
		if p.Since != nil {
			head += ", for " + ago(p.Since, now)
		}
		head += "): "
	case p.Reason != "":
		head = style.Red(string(v1alpha1.SeverityError)) + " " + p.Reason + ": "
	}
	return head + p.Message
}

// statusFinding words a finding of a profile that is named already.
func statusFinding(p overview.Profile, f v1alpha1.Finding, style Style) string {
	head := Severity(f.Severity, style) + " " + string(f.Code)
	if f.Namespace != "" && f.Namespace != p.Namespace {
		head += " in namespace " + f.Namespace
	}
	if f.Place != "" {
		head += ", " + f.Place
	}
	return head + ": " + f.Message
}

// StatusSummary counts in one line: "3 profiles in namespace shop: 2 well, 1 not isolated."
func StatusSummary(o *overview.Overview) string {
	text := count(o.Summary.Profiles, "profile")
	if o.Namespace != "" {
		text += " in namespace " + o.Namespace
		if n := clusterProfiles(o); n > 0 {
			text += fmt.Sprintf(", %s that %s there", count(n, "cluster profile"), map[bool]string{true: "acts", false: "act"}[n == 1])
		}
	}
	parts := []string{fmt.Sprintf("%d well", o.Summary.Well)}
	for _, kind := range overview.ProblemKinds() {
		if n := o.Summary.Problems[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind.Words()))
		}
	}
	return text + ": " + strings.Join(parts, ", ") + "."
}

func clusterProfiles(o *overview.Overview) int {
	n := 0
	for _, p := range o.Profiles {
		if p.Namespace == "" {
			n++
		}
	}
	return n
}

// count words a number of things.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// ago words how long ago a time was; "unknown" when it is not known.
func ago(t *metav1.Time, now time.Time) string {
	if t == nil || t.IsZero() {
		return "unknown"
	}
	// Clocks differ.
	return duration.HumanDuration(max(0, now.Sub(t.Time)))
}

// statusColor returns the colour of a condition's status.
func statusColor(status metav1.ConditionStatus, style Style) func(string) string {
	switch status {
	case metav1.ConditionTrue:
		return style.Green
	case metav1.ConditionFalse:
		return style.Red
	default:
		return style.Yellow
	}
}
