package render

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/connectivity"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Diff is what differs between two views, with what goes along.
type Diff struct {
	*connectivity.Comparison
	// Previews are the profiles that are in Preview afterwards and may change connections once they are enforced; IfEnforced
	// is what enforcing them all would do. Nil when there are none.
	Previews   []snapshot.ProfileKey
	IfEnforced *connectivity.Counts
}

// DiffText writes what differs as a reviewer would say it.
func DiffText(out io.Writer, d Diff, style Style) error {
	var b strings.Builder
	namespace := onlyNamespace(d.Inside)
	block := func(lines []string) {
		if len(lines) > 0 {
			b.WriteString(strings.Join(lines, "\n") + "\n\n")
		}
	}
	block(d.profileLines(style))
	rest := d.Changes
	for _, turn := range d.Turned {
		var groups []connectivity.Group
		var stay []connectivity.Connection
		groups, stay, rest = turn.Split(rest)
		block(turnLines(turn, groups, stay, d.words(namespace), style))
	}
	block(groupLines(connectivity.Groups(rest), d.words(namespace), style))
	if d.Omitted > 0 {
		block([]string{fmt.Sprintf("%d more changes are not listed.", d.Omitted)})
	}
	block(d.findingLines(style))
	block(legend(d.Marks))
	b.WriteString(style.Bold(Summary(d.Counts)+".") + "\n")
	return write(out, b.String())
}

// Summary returns "2 connections gained, 1 lost, 14 unchanged".
func Summary(c connectivity.Counts) string {
	if !c.Changed() {
		return "No connection changed, " + fmt.Sprintf("%d unchanged", c.Unchanged)
	}
	var parts []string
	for _, part := range []struct {
		n    int
		word string
	}{{c.Gained, "gained"}, {c.Lost, "lost"}, {c.Widened, "widened"}, {c.Narrowed, "narrowed"}, {c.Unchanged, "unchanged"}} {
		if part.n == 0 && part.word != "unchanged" {
			continue
		}
		if len(parts) == 0 {
			parts = append(parts, number(part.n, "connection", "connections")+" "+part.word)
			continue
		}
		parts = append(parts, fmt.Sprintf("%d %s", part.n, part.word))
	}
	return strings.Join(parts, ", ")
}

// partyWords words parties of a comparison.
type partyWords struct {
	namespace string
	inside    []connectivity.Party
}

func (d Diff) words(namespace string) partyWords { return partyWords{namespace, d.Inside} }

// list returns "every pod of shop, the internet". Many are cut short.
func (w partyWords) list(list []connectivity.Party) string {
	var names []string
	whole, rest := connectivity.WholeNamespaces(list, w.inside)
	for _, namespace := range whole {
		names = append(names, "every pod of "+namespace)
	}
	for _, p := range rest {
		names = append(names, p.In(w.namespace))
	}
	if len(names) > maxFew+1 {
		names = append(names[:maxFew], fmt.Sprintf("%d more", len(names)-maxFew))
	}
	return strings.Join(names, ", ")
}

// sign returns "+" for what opens, and "-" for what closes.
func sign(kind connectivity.ChangeKind) string {
	if kind == connectivity.Gained || kind == connectivity.Widened {
		return "+"
	}
	return "-"
}

func (s Style) signed(sign, text string) string {
	if sign == "+" {
		return s.Green(text)
	}
	return s.Red(text)
}

// groupLines returns a line for each group: who, on which ports, and why.
func groupLines(groups []connectivity.Group, w partyWords, style Style) []string {
	var who, ports []string
	whoWidth, portsWidth := 0, 0
	for _, g := range groups {
		who = append(who, w.list(g.From)+" → "+w.list(g.To))
		ports = append(ports, g.Ports.String())
		whoWidth = max(whoWidth, min(maxNames, utf8.RuneCountInString(who[len(who)-1])))
		portsWidth = max(portsWidth, min(maxNames/2, utf8.RuneCountInString(ports[len(ports)-1])))
	}
	var out []string
	for i, g := range groups {
		why := Why(g.Kind, g.Causes)
		line := fmt.Sprintf("%s %s  %s", sign(g.Kind), aligned(who[i], whoWidth), aligned(ports[i], portsWidth))
		if why == "" {
			line = strings.TrimRight(line, " ")
		} else {
			why = "   " + why
		}
		out = append(out, style.signed(sign(g.Kind), line)+style.Faint(why))
	}
	return out
}

// turnLines says that a namespace is closed, or open, with what that means.
func turnLines(t connectivity.Turn, groups []connectivity.Group, stay []connectivity.Connection, w partyWords, style Style) []string {
	first := fmt.Sprintf("- Namespace %s is closed now: %s", t.Namespace, turnCounts(t.Counts))
	s := "-"
	if !t.Closed {
		s, first = "+", fmt.Sprintf("+ Namespace %s is open now: %s", t.Namespace, turnCounts(t.Counts))
	}
	if why := turnWhy(t); why != "" {
		first += "  (" + why + ")"
	}
	out := []string{style.Bold(style.signed(s, first))}
	for _, g := range groups {
		line := fmt.Sprintf("    %s %s → %s  %s", s, w.list(g.From), w.list(g.To), g.Ports)
		out = append(out, style.signed(s, line))
	}
	if len(stay) > 0 {
		out = append(out, "  What stays:")
	}
	for _, c := range stay {
		out = append(out, fmt.Sprintf("    = %s → %s  %s", c.From.In(w.namespace), c.To.In(w.namespace), c.Ports))
	}
	return out
}

func turnCounts(c connectivity.Counts) string {
	c.Unchanged = 0
	return strings.TrimSuffix(Summary(c), ", 0 unchanged")
}

func turnWhy(t connectivity.Turn) string {
	var by []string
	for _, c := range t.Causes {
		if name := nameOfCause(c); !slices.Contains(by, name) {
			by = append(by, name)
		}
	}
	if len(by) == 0 {
		return ""
	}
	if !t.Closed {
		return "without " + strings.Join(by, ", ")
	}
	return strings.Join(by, ", ")
}

// Why says what a change comes from, in words.
func Why(kind connectivity.ChangeKind, causes []connectivity.Cause) string {
	const most = 2
	var parts []string
	for _, c := range causes {
		if words := causeInWords(sign(kind) == "+", c); !slices.Contains(parts, words) {
			parts = append(parts, words)
		}
	}
	if len(parts) > most {
		parts = append(parts[:most], fmt.Sprintf("%d more", len(parts)-most))
	}
	return strings.Join(parts, "; ")
}

func causeInWords(gained bool, c connectivity.Cause) string {
	fate := ""
	switch {
	case gained:
	case c.Stays:
		fate = " allows less"
	default:
		fate = " is gone"
	}
	switch c.Kind {
	case connectivity.CauseEntry:
		return fmt.Sprintf("allow entry %s%s (%s)", c.Entry, fate, c.Profile)
	case connectivity.CauseDNS:
		if gained {
			return fmt.Sprintf("dns: %s for tier %s (%s)", c.DNS, c.Tier, c.Profile)
		}
		return fmt.Sprintf("dns was %s for tier %s (%s)", c.DNS, c.Tier, c.Profile)
	case connectivity.CauseTier:
		return fmt.Sprintf("policy of tier %s%s (%s)", c.Tier, fate, c.Profile)
	case connectivity.CauseIsolated:
		return fmt.Sprintf("isolated by %s", nameOfCause(c))
	case connectivity.CauseOpened:
		return fmt.Sprintf("no longer isolated by %s", nameOfCause(c))
	default:
		return nameOfCause(c) + fate
	}
}

// nameOfCause returns the profile, or the policy when it is of none.
func nameOfCause(c connectivity.Cause) string {
	if c.Profile.Name != "" {
		return c.Profile.String()
	}
	return fmt.Sprintf("NetworkPolicy %s/%s", c.Namespace, c.Policy)
}

// profileLines says which profiles came, went and changed, and what becomes of previews.
func (d Diff) profileLines(style Style) []string {
	var out []string
	for _, p := range d.Profiles {
		out = append(out, "~ "+profileInWords(p))
	}
	for _, t := range d.Tiers {
		out = append(out, "~ "+tierInWords(t))
	}
	for _, p := range d.Inside {
		if p.Kind == connectivity.KindTier && strings.HasPrefix(p.Was, "tier ") {
			out = append(out, fmt.Sprintf("~ %s in %s was %s", p.Name, p.Namespace, p.Was))
		}
	}
	if d.IfEnforced != nil {
		out = append(out, style.Yellow("~ "+d.previewInWords()))
	}
	return out
}

func profileInWords(p connectivity.ProfileChange) string {
	switch {
	case p.Before == "" && p.After == v1alpha1.ModePreview:
		return fmt.Sprintf("%s is new, in Preview", p.Profile)
	case p.Before == "":
		return fmt.Sprintf("%s is new", p.Profile)
	case p.After == "":
		return fmt.Sprintf("%s is gone", p.Profile)
	}
	return fmt.Sprintf("%s goes from %s to %s", p.Profile, p.Before, p.After)
}

func tierInWords(t connectivity.TierChange) string {
	return fmt.Sprintf("tier %s of %s selects %s now, and selected %s", t.Tier, t.Profile, cmp.Or(t.After, "every pod"), cmp.Or(t.Before, "every pod"))
}

func (d Diff) previewInWords() string {
	var names []string
	for _, p := range d.Previews {
		names = append(names, p.String())
	}
	verb := "is"
	if len(names) > 1 {
		verb = "are"
	}
	would := "enforcing would change none either"
	if d.IfEnforced.Changed() {
		would = "enforced: " + Summary(*d.IfEnforced) + " (see --enforce)"
	}
	return fmt.Sprintf("%s %s in Preview, which changes no connection; %s", strings.Join(names, ", "), verb, would)
}

// findingLines says which findings came and went.
func (d Diff) findingLines(style Style) []string {
	var out []string
	for _, f := range d.Findings {
		what := "New finding: "
		if f.Gone {
			what = "Gone: "
		}
		out = append(out, what+Finding(f.Profile, f.Finding, style))
	}
	return out
}
