package render

import (
	"fmt"
	"io"
	"strings"

	"firebreak.dev/firebreak/internal/connectivity"
)

const (
	// maxMarkdownColumns is how many destinations a table in Markdown has at most; others are listed.
	maxMarkdownColumns = 8
	// maxMarkdownRows is from how many rows on a table can be folded away.
	maxMarkdownRows = 25
)

// MatrixMarkdown writes who can reach whom as GitHub shows it: a heading that says it in short, then a table.
func MatrixMarkdown(out io.Writer, m *connectivity.Matrix) error {
	t := newMatrixTable(m)
	var b strings.Builder
	place := ""
	if t.namespace != "" {
		place = " in namespace " + markdown(t.namespace)
	}
	total := len(m.Connections)
	if m.Open != nil {
		total += m.Open.Count
	}
	fmt.Fprintf(&b, "### %s%s\n\n", number(total, "connection", "connections"), place)
	switch {
	case total == 0:
		b.WriteString("No connection is allowed.\n")
	case len(t.columns) <= maxMarkdownColumns:
		header := t.header()
		header[0] = "From / to"
		writeMarkdownTable(&b, header, t.cells)
	default:
		var rows [][]string
		for _, c := range m.Connections {
			rows = append(rows, []string{c.From.In(t.namespace), c.To.In(t.namespace), c.Ports.String()})
		}
		writeMarkdownTable(&b, []string{"From", "To", "Ports"}, rows)
	}
	if m.Open != nil {
		fmt.Fprintf(&b, "\n%d of these connections are between pods that nothing isolates, and are not listed: from %s to %s.\n",
			m.Open.Count, markdown(few(m.Open.From, t.namespace)), markdown(few(m.Open.To, t.namespace)))
	}
	writeMarkdownLegend(&b, m.Marks)
	return write(out, b.String())
}

func writeMarkdownLegend(b *strings.Builder, m connectivity.Marks) {
	for _, line := range legend(m) {
		fmt.Fprintf(b, "\n<sub>%s</sub>\n", markdown(line))
	}
}

// writeMarkdownTable writes a table, folded away when it is long.
func writeMarkdownTable(b *strings.Builder, header []string, rows [][]string) {
	long := len(rows) > maxMarkdownRows
	if long {
		fmt.Fprintf(b, "<details><summary>%d rows</summary>\n\n", len(rows))
	}
	line := func(cells []string) {
		b.WriteString("|")
		for _, cell := range cells {
			b.WriteString(" " + markdown(cell) + " |")
		}
		b.WriteString("\n")
	}
	line(header)
	b.WriteString(strings.Repeat("|---", len(header)) + "|\n")
	for _, row := range rows {
		line(row)
	}
	if long {
		b.WriteString("\n</details>\n")
	}
}

// markdown returns a text that Markdown, HTML and a table leave as it is, in one line.
func markdown(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	var b strings.Builder
	for _, r := range text {
		switch r {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '@':
			b.WriteString("&#64;")
		case '\\', '`', '*', '_', '[', ']', '|', '~', '#':
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
