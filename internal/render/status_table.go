package render

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/overview"
)

// StatusColumns say what a table of profiles shows.
type StatusColumns struct {
	// Wide adds columns that are seldom needed.
	Wide bool
	// Now is what ages are counted to.
	Now time.Time
}

// StatusTable has a row for each profile. Its columns are as wide as what the overview has in them.
type StatusTable struct {
	columns []column
	now     time.Time
	style   Style
}

// column is a column of a table of profiles.
type column struct {
	header string
	cell   func(p overview.Profile, now time.Time) cell
	width  int
}

// cell is a piece of text and what it is decorated with; nil for nothing.
type cell struct {
	text  string
	paint func(Style) func(string) string
}

const columnGap = "   "

// NewStatusTable returns the table of an overview. On a terminal that is too narrow, it leaves out columns that are explained below
// the table when there is something to say in them.
func NewStatusTable(o *overview.Overview, columns StatusColumns, style Style) *StatusTable {
	t := &StatusTable{columns: statusColumns(o, columns), now: columns.Now, style: style}
	for i := range t.columns {
		c := &t.columns[i]
		c.width = utf8.RuneCountInString(c.header)
		for _, p := range o.Profiles {
			c.width = max(c.width, utf8.RuneCountInString(c.cell(p, t.now).text))
		}
	}
	for _, header := range []string{"ACCEPTED", "RESOLVED", "COVERED", "POLICIES", "MODE"} {
		if style.Width > 0 && t.width() > style.Width {
			t.columns = slices.DeleteFunc(t.columns, func(c column) bool { return c.header == header })
		}
	}
	return t
}

func (t *StatusTable) width() int {
	n := -len(columnGap)
	for _, c := range t.columns {
		n += c.width + len(columnGap)
	}
	return n
}

// Header returns the line of the headers.
func (t *StatusTable) Header() string {
	return t.line(func(c column) cell { return cell{text: c.header} })
}

// Row returns the line of a profile.
func (t *StatusTable) Row(p overview.Profile) string {
	return t.line(func(c column) cell { return c.cell(p, t.now) })
}

// Gone returns the line of a profile that was deleted.
func (t *StatusTable) Gone(p overview.Profile) string {
	return t.line(func(c column) cell {
		switch c.header {
		case "NAMESPACE", "PROFILE", "MODE", "AGE":
			return c.cell(p, t.now)
		case "READY":
			return cell{text: "Deleted"}
		}
		return cell{text: "-"}
	})
}

// At returns the same table at another time.
func (t *StatusTable) At(now time.Time) *StatusTable {
	return &StatusTable{columns: t.columns, now: now, style: t.style}
}

func (t *StatusTable) line(of func(column) cell) string {
	var b strings.Builder
	for i, col := range t.columns {
		c := of(col)
		text := c.text
		padding := ""
		if i < len(t.columns)-1 {
			padding = strings.Repeat(" ", max(0, col.width-utf8.RuneCountInString(text))) + columnGap
		}
		if c.paint != nil {
			text = c.paint(t.style)(text)
		}
		b.WriteString(text + padding)
	}
	return strings.TrimRight(b.String(), " ")
}

func statusColumns(o *overview.Overview, show StatusColumns) []column {
	var out []column
	add := func(header string, of func(p overview.Profile, now time.Time) cell) {
		out = append(out, column{header: header, cell: of})
	}
	if o.Namespace == "" {
		add("NAMESPACE", func(p overview.Profile, _ time.Time) cell { return bare(orDash(p.Namespace)) })
	}
	add("PROFILE", func(p overview.Profile, _ time.Time) cell { return bare(p.ShortName()) })
	add("MODE", func(p overview.Profile, _ time.Time) cell { return bare(string(p.Mode)) })
	for _, c := range []struct{ header, condition string }{
		{"READY", v1alpha1.ConditionReady}, {"ACCEPTED", v1alpha1.ConditionAccepted}, {"RESOLVED", v1alpha1.ConditionResolvedRefs},
		{"ISOLATED", v1alpha1.ConditionIsolated}, {"COVERED", v1alpha1.ConditionCovered},
	} {
		add(c.header, func(p overview.Profile, _ time.Time) cell { return conditionCell(p, c.condition) })
	}
	add("POLICIES", func(p overview.Profile, _ time.Time) cell { return bare(fmt.Sprint(p.Status.Policies)) })
	add("DRIFT", driftCell)
	add("FINDINGS", func(p overview.Profile, _ time.Time) cell { return findingsCell(p) })
	add("AGE", func(p overview.Profile, now time.Time) cell { return bare(ago(&p.Created, now)) })
	if show.Wide {
		add("TIERS", func(p overview.Profile, _ time.Time) cell { return bare(fmt.Sprint(p.Status.TierCount)) })
		add("NAMESPACES", func(p overview.Profile, _ time.Time) cell { return bare(namespacesCell(p)) })
		add("MESSAGE", func(p overview.Profile, _ time.Time) cell {
			return bare(orDash(p.Condition(v1alpha1.ConditionReady).Message))
		})
	}
	return out
}

func bare(text string) cell { return cell{text: text} }

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// conditionCell marks what was said of an earlier generation.
func conditionCell(p overview.Profile, condition string) cell {
	c := p.Condition(condition)
	text := string(c.Status)
	if p.Look == overview.LookOutdated {
		text += "*"
	}
	// That a preview isolates nothing is no trouble.
	if c.Status == metav1.ConditionUnknown && c.Reason == v1alpha1.ReasonPreviewed {
		return bare(text)
	}
	return cell{text, func(s Style) func(string) string { return statusColor(c.Status, s) }}
}

// driftCell says how often drift was corrected and when last, and how many policies differ at this moment.
func driftCell(p overview.Profile, now time.Time) cell {
	text := "0"
	if d := p.Status.Drift; d != nil && d.Corrections > 0 {
		text = fmt.Sprint(d.Corrections)
		if d.LastTime != nil {
			text += fmt.Sprintf(" (%s ago)", ago(d.LastTime, now))
		}
	}
	n := len(p.Now.Differences)
	if n == 0 {
		return bare(text)
	}
	return cell{text + fmt.Sprintf(", %d now", n), func(s Style) func(string) string { return s.Red }}
}

// findingsCell counts the gravest findings; those that are only good to know when there are no others.
func findingsCell(p overview.Profile) cell {
	counts := p.Counts()
	var parts []string
	if counts.Error > 0 {
		parts = append(parts, count(int(counts.Error), "error"))
	}
	if counts.Warning > 0 {
		parts = append(parts, count(int(counts.Warning), "warning"))
	}
	switch {
	case counts.Error > 0:
		return cell{strings.Join(parts, ", "), func(s Style) func(string) string { return s.Red }}
	case counts.Warning > 0:
		return cell{strings.Join(parts, ", "), func(s Style) func(string) string { return s.Yellow }}
	case counts.Info > 0:
		return bare(fmt.Sprintf("%d info", counts.Info))
	}
	return bare("-")
}

// namespacesCell says in how many of its namespaces a profile is applied.
func namespacesCell(p overview.Profile) string {
	n := p.Status.Namespaces
	if n == nil {
		return "-"
	}
	return fmt.Sprintf("%d/%d", n.Applied, n.Selected)
}
