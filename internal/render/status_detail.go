package render

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/overview"
)

// StatusDetails writes everything that is known of the profiles of an overview.
func StatusDetails(out io.Writer, o *overview.Overview, now time.Time, style Style) {
	for i, p := range o.Profiles {
		if i > 0 {
			fmt.Fprintln(out)
		}
		d := &detail{out: out, p: p, now: now, style: style}
		d.write()
	}
	if o.Operator.Message != "" && (o.Operator.State == overview.OperatorNotSeen || !o.Well()) {
		fmt.Fprintf(out, "\n%s\n", style.Yellow(wrapped(o.Operator.Message, "", style)))
	}
}

// detail writes one profile.
type detail struct {
	out   io.Writer
	p     overview.Profile
	now   time.Time
	style Style
}

func (d *detail) write() {
	d.header()
	d.conditions()
	d.tiers()
	d.policies()
	d.drift()
	d.findings()
	d.preview()
}

func (d *detail) section(title string) { fmt.Fprintf(d.out, "\n%s\n", d.style.Bold(title)) }

func (d *detail) line(format string, args ...any) {
	fmt.Fprintln(d.out, wrapped(fmt.Sprintf(format, args...), "  ", d.style))
}

func (d *detail) header() {
	verdict := d.style.Green("well")
	if !d.p.Well {
		verdict = d.style.Red(d.p.Problems[0].Kind.Words())
	}
	fmt.Fprintf(d.out, "%s: %s\n", d.style.Bold(title(d.p)), verdict)
	looked := map[overview.Look]string{
		overview.LookNever:    "not yet looked at by the operator",
		overview.LookOutdated: fmt.Sprintf("not yet looked at by the operator; what follows is of generation %d", d.p.Status.ObservedGeneration),
		overview.LookCurrent:  "looked at by the operator",
	}[d.p.Look]
	d.line("%s, mode %s, created %s ago; generation %d, %s.", d.p.Kind, d.p.Mode, ago(&d.p.Created, d.now), d.p.Generation, looked)
	if n := d.p.Status.Namespaces; n != nil && d.p.Namespace == "" {
		text := fmt.Sprintf("Acts in %s, applied in %d", count(int(n.Selected), "namespace"), n.Applied)
		if n.Failed > 0 {
			text += fmt.Sprintf(", failed in %d", n.Failed)
		}
		if n.Refused > 0 {
			text += fmt.Sprintf("; left out %d that are protected", n.Refused)
		}
		d.line("%s.", text)
	}
}

func (d *detail) conditions() {
	d.section("Conditions")
	rows := [][]string{{"TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"}}
	for _, c := range d.p.Status.Conditions {
		since := "-"
		if c.LastTransitionTime.Unix() > 0 {
			since = ago(&c.LastTransitionTime, d.now)
		}
		rows = append(rows, []string{c.Type, string(c.Status), since, c.Reason, c.Message})
	}
	if len(rows) == 1 {
		d.line("None yet.")
		return
	}
	d.columns(rows, func(row, col int, text string) string {
		if row == 0 || col != 1 {
			return text
		}
		c := d.p.Status.Conditions[row-1]
		// These two are there only when something is wrong or under way.
		if c.Type == v1alpha1.ConditionStalled || c.Type == v1alpha1.ConditionReconciling || c.Reason == v1alpha1.ReasonPreviewed {
			return text
		}
		return statusColor(c.Status, d.style)(text)
	})
}

// columns writes rows in columns, the last of which is wrapped under itself.
func (d *detail) columns(rows [][]string, paint func(row, col int, text string) string) {
	last := len(rows[0]) - 1
	widths := make([]int, last)
	for _, row := range rows {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for r, row := range rows {
		line, indent := "  ", 2
		for i, width := range widths {
			line += paint(r, i, row[i]) + strings.Repeat(" ", width-utf8.RuneCountInString(row[i])) + columnGap
			indent += width + len(columnGap)
		}
		hanging := strings.Repeat(" ", indent)
		text := strings.TrimPrefix(wrapped(paint(r, last, row[last]), hanging, d.style), hanging)
		fmt.Fprintln(d.out, strings.TrimRight(line+text, " "))
	}
}

func undecorated(_, _ int, text string) string { return text }

func (d *detail) tiers() {
	if len(d.p.Status.Tiers) == 0 {
		return
	}
	d.section("Tiers")
	rows := [][]string{{"NAME", "PODS", "NAMESPACES"}}
	for _, t := range d.p.Status.Tiers {
		rows = append(rows, []string{t.Name, fmt.Sprint(t.Pods), fmt.Sprint(t.Namespaces)})
	}
	d.columns(rows, undecorated)
}

// maxPolicies is how many policies are named.
const maxPolicies = 64

func (d *detail) policies() {
	d.section("Policies")
	all := d.p.Policies
	if len(all) == 0 {
		d.line("None here.")
		return
	}
	var rows [][]string
	for _, p := range all[:min(len(all), maxPolicies)] {
		rows = append(rows, []string{p.Namespace + "/" + p.Name, orDash(p.Tier)})
	}
	d.columns(append([][]string{{"NAME", "TIER"}}, rows...), undecorated)
	if more := len(all) - maxPolicies; more > 0 {
		d.line("And %d more; choose a namespace with -n.", more)
	}
}

func (d *detail) drift() {
	d.section("Drift")
	drift := d.p.Status.Drift
	if drift == nil || drift.Corrections == 0 {
		d.line("Never corrected.")
	} else {
		d.line("%s, the last %s ago in %s: %s", count(int(drift.Corrections), "correction"), ago(drift.LastTime, d.now), drift.LastPolicy, drift.LastChange)
	}
	d.rightNow()
}

// rightNow says how the policies are at this moment.
func (d *detail) rightNow() {
	now := d.p.Now
	n := len(now.Differences)
	switch {
	case !now.Known:
		d.line("Now: whether the policies are as the profile wants them is not known: %s.", now.Unknown)
	case now.Frozen && n == 0:
		d.line("Now: the profile is frozen, so its policies stay as they are.")
	case n == 0 && d.p.Mode == v1alpha1.ModePreview:
		d.line("Now: a preview wants no policy written, and none that it has was changed.")
	case n == 0:
		d.line("Now: every policy is as the profile wants it.")
	case n == 1:
		d.line("Now: 1 policy differs from what the profile wants:")
	default:
		d.line("Now: %d policies differ from what the profile wants:", n)
	}
	for _, difference := range now.Differences {
		fmt.Fprintln(d.out, wrapped(difference.String(), "    ", d.style))
	}
}

func (d *detail) findings() {
	d.section("Findings")
	if len(d.p.Status.Findings) == 0 {
		d.line("None.")
		return
	}
	counts := d.p.Counts()
	for _, group := range []struct {
		severity v1alpha1.Severity
		all      int32
	}{{v1alpha1.SeverityError, counts.Error}, {v1alpha1.SeverityWarning, counts.Warning}, {v1alpha1.SeverityInfo, counts.Info}} {
		d.findingsOf(group.severity, int(group.all))
	}
}

func (d *detail) findingsOf(severity v1alpha1.Severity, all int) {
	if all == 0 {
		return
	}
	d.line("%s (%d)", Severity(severity, d.style), all)
	shown := 0
	for _, f := range d.p.Status.Findings {
		if f.Severity != severity {
			continue
		}
		shown++
		text := string(f.Code)
		if f.Namespace != "" && f.Namespace != d.p.Namespace {
			text += " in namespace " + f.Namespace
		}
		if f.Place != "" {
			text += ", " + f.Place
		}
		fmt.Fprintln(d.out, wrapped(text+": "+f.Message, "    ", d.style))
	}
	if shown < all {
		fmt.Fprintln(d.out, wrapped(fmt.Sprintf("And %d more, for which the status has no room.", all-shown), "    ", d.style))
	}
}

func (d *detail) preview() {
	preview := d.p.Status.Preview
	if preview == nil {
		return
	}
	d.section("Preview")
	d.line("Mode Enforce would create %d, update %d and delete %d policies.", preview.Create, preview.Update, preview.Delete)
	c := preview.Connections
	if c == nil {
		d.line("Which connections it would cut and open is not known yet.")
		return
	}
	d.connections("cut", int(c.Cut), c.Cuts)
	d.connections("open", int(c.Opened), c.Opens)
}

func (d *detail) connections(verb string, all int, some []v1alpha1.PreviewConnection) {
	if all == 0 {
		d.line("It would %s no connection.", verb)
		return
	}
	d.line("It would %s %s:", verb, count(all, "connection"))
	for _, c := range some {
		text := fmt.Sprintf("%s -> %s, %s", c.From, c.To, c.Ports)
		if c.Namespace != d.p.Namespace {
			text += " (in namespace " + c.Namespace + ")"
		}
		fmt.Fprintln(d.out, wrapped(text, "    ", d.style))
	}
	if more := all - len(some); more > 0 {
		fmt.Fprintln(d.out, wrapped(fmt.Sprintf("And %d more.", more), "    ", d.style))
	}
}
