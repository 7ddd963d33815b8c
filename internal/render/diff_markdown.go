package render

import (
	"fmt"
	"io"
	"strings"

	"firebreak.dev/firebreak/internal/connectivity"
)

// DiffMarkdown writes what differs as a comment on a pull request: a heading that says it in short, then tables.
func DiffMarkdown(out io.Writer, d Diff) error {
	var b strings.Builder
	w := d.words(onlyNamespace(d.Inside))
	fmt.Fprintf(&b, "### %s\n", markdown(Summary(d.Counts)))
	writeMarkdownList(&b, "", d.profileLines(Style{}))
	rest := d.Changes
	for _, turn := range d.Turned {
		var groups []connectivity.Group
		var stay []connectivity.Connection
		groups, stay, rest = turn.Split(rest)
		writeMarkdownTurn(&b, turn, groups, stay, w)
	}
	if groups := connectivity.Groups(rest); len(groups) > 0 {
		var rows [][]string
		for _, g := range groups {
			rows = append(rows, []string{signInMarkdown(g.Kind), w.list(g.From), w.list(g.To), g.Ports.String(), Why(g.Kind, g.Causes)})
		}
		b.WriteString("\n")
		writeMarkdownTable(&b, []string{"", "From", "To", "Ports", "Why"}, rows)
	}
	if d.Omitted > 0 {
		fmt.Fprintf(&b, "\n%d more changes are not listed.\n", d.Omitted)
	}
	writeMarkdownList(&b, "Findings", d.findingLines(Style{}))
	writeMarkdownLegend(&b, d.Marks)
	return write(out, b.String())
}

func signInMarkdown(kind connectivity.ChangeKind) string {
	return map[connectivity.ChangeKind]string{
		connectivity.Gained: "➕ gained", connectivity.Lost: "➖ lost", connectivity.Widened: "➕ widened", connectivity.Narrowed: "➖ narrowed",
	}[kind]
}

func writeMarkdownTurn(b *strings.Builder, t connectivity.Turn, groups []connectivity.Group, stay []connectivity.Connection, w partyWords) {
	word := "closed"
	if !t.Closed {
		word = "open"
	}
	fmt.Fprintf(b, "\n**Namespace %s is %s now**: %s", markdown(t.Namespace), word, markdown(turnCounts(t.Counts)))
	if why := turnWhy(t); why != "" {
		fmt.Fprintf(b, " (%s)", markdown(why))
	}
	b.WriteString("\n")
	if len(stay) > 0 {
		b.WriteString("\nWhat stays:\n\n")
		var rows [][]string
		for _, c := range stay {
			rows = append(rows, []string{c.From.In(w.namespace), c.To.In(w.namespace), c.Ports.String()})
		}
		writeMarkdownTable(b, []string{"From", "To", "Ports"}, rows)
	}
	var rows [][]string
	for _, g := range groups {
		rows = append(rows, []string{w.list(g.From), w.list(g.To), g.Ports.String()})
	}
	fmt.Fprintf(b, "\n<details><summary>What is %s</summary>\n\n", map[bool]string{true: "lost", false: "gained"}[t.Closed])
	writeMarkdownTable(b, []string{"From", "To", "Ports"}, rows)
	b.WriteString("\n</details>\n")
}

func writeMarkdownList(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	b.WriteString("\n")
	if title != "" {
		fmt.Fprintf(b, "**%s**\n\n", title)
	}
	for _, line := range lines {
		b.WriteString("- " + markdown(strings.TrimPrefix(line, "~ ")) + "\n")
	}
}
