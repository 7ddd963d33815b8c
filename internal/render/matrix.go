package render

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"firebreak.dev/firebreak/internal/connectivity"
)

// defaultMatrixWidth is how wide a table may be where the width does not matter.
const defaultMatrixWidth = 120

// nothing stands in a cell of a table where there is no connection.
const nothing = "-"

// MatrixText writes who can reach whom: as a table of sources and destinations where it fits, else as a list by source.
func MatrixText(out io.Writer, m *connectivity.Matrix, style Style) error {
	t := newMatrixTable(m)
	folded := t.folded()
	width := style.Width
	if width == 0 {
		width = defaultMatrixWidth
	}
	var b strings.Builder
	switch {
	case len(m.Connections) == 0 && m.Open == nil:
		b.WriteString("No connection is allowed.\n")
	case len(t.columns) > 1 && t.width() <= width && m.Open == nil:
		t.write(&b, style)
	case len(t.columns) > 1 && folded.width() <= width && m.Open == nil:
		folded.write(&b, style)
	default:
		writeMatrixList(&b, m, t.namespace, style)
	}
	for _, line := range legend(m.Marks) {
		b.WriteString("\n" + style.Faint(line))
	}
	if len(legend(m.Marks)) > 0 {
		b.WriteString("\n")
	}
	return write(out, b.String())
}

func write(out io.Writer, text string) error {
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

// legend explains the marks that are used.
func legend(m connectivity.Marks) []string {
	var out []string
	if m.Undeclared {
		out = append(out, connectivity.MarkUndeclared+" open, and not among the ports that the destination declares")
	}
	if m.Undecidable {
		out = append(out, connectivity.MarkUndecidable+" depends on the network plugin: a rule names addresses that pods may have")
	}
	if m.Some {
		out = append(out, strings.TrimSpace(connectivity.MarkSome)+" between some pods of the two, not between all")
	}
	return out
}

// matrixTable is the matrix with sources as rows and destinations as columns.
type matrixTable struct {
	// namespace is the one that is spoken of, so that names need not say it; empty when there are several.
	namespace string
	columns   []connectivity.Party
	// cells have a row for each source, which begins with its name.
	cells [][]string
	// heads are the names of the columns, as they are shown.
	heads []string
}

func newMatrixTable(m *connectivity.Matrix) *matrixTable {
	t := &matrixTable{namespace: onlyNamespace(m.Parties)}
	ports := map[[2]string]string{}
	isSource, isDestination := map[string]bool{}, map[string]bool{}
	for _, c := range m.Connections {
		ports[[2]string{partyKey(c.From), partyKey(c.To)}] = c.Ports.String()
		isSource[partyKey(c.From)], isDestination[partyKey(c.To)] = true, true
	}
	for _, p := range m.Parties {
		if isDestination[partyKey(p)] || isRow(p) {
			t.columns = append(t.columns, p)
		}
	}
	for _, p := range m.Parties {
		if !isSource[partyKey(p)] && !isRow(p) {
			continue
		}
		row := []string{p.In(t.namespace)}
		for _, to := range t.columns {
			cell := ports[[2]string{partyKey(p), partyKey(to)}]
			if cell == "" {
				cell = nothing
			}
			row = append(row, cell)
		}
		t.cells = append(t.cells, row)
	}
	t.heads = t.header()
	return t
}

const (
	// maxSourceWidth and maxCellWidth are how wide the first and the other columns are when a table is folded.
	maxSourceWidth = 36
	maxCellWidth   = 16
)

// folded returns the table with long cells in several lines.
func (t *matrixTable) folded() *matrixTable {
	out := *t
	fold := func(row []string) []string {
		folded := []string{foldWords(row[0], maxSourceWidth)}
		for _, cell := range row[1:] {
			folded = append(folded, foldWords(cell, maxCellWidth))
		}
		return folded
	}
	out.heads, out.cells = fold(t.heads), nil
	for _, row := range t.cells {
		out.cells = append(out.cells, fold(row))
	}
	return &out
}

// foldNames breaks a list of names into lines of about a width, between names.
func foldNames(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	var b strings.Builder
	column := 0
	for i, name := range strings.Split(text, ", ") {
		if i > 0 {
			b.WriteString(",")
		}
		switch n := utf8.RuneCountInString(name); {
		case i > 0 && column+2+n > width:
			b.WriteString("\n" + name)
			column = n
		case i > 0:
			b.WriteString(" " + name)
			column += 2 + n
		default:
			b.WriteString(name)
			column = n
		}
	}
	return b.String()
}

// foldWords breaks a text into lines of a width, between words.
func foldWords(text string, width int) string {
	var lines []string
	for _, word := range strings.Fields(text) {
		if n := len(lines); n > 0 && utf8.RuneCountInString(lines[n-1])+1+utf8.RuneCountInString(word) <= width {
			lines[n-1] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return strings.Join(lines, "\n")
}

// isRow says whether a party is worth a row, and a column, although it has no connection.
func isRow(p connectivity.Party) bool {
	return p.Inside && (p.Kind == connectivity.KindTier || p.Kind == connectivity.KindWorkload)
}

// partyKey identifies a party among others of one answer.
func partyKey(p connectivity.Party) string { return p.Key + "\x00" + p.Was }

// onlyNamespace returns the namespace of the parties that were asked for; empty when there are several.
func onlyNamespace(parties []connectivity.Party) string {
	var names []string
	for _, p := range parties {
		if p.Inside && !slices.Contains(names, p.Namespace) {
			names = append(names, p.Namespace)
		}
	}
	if len(names) != 1 {
		return ""
	}
	return names[0]
}

// header returns the first row.
func (t *matrixTable) header() []string {
	first := "FROM, TO"
	if t.namespace != "" {
		first = t.namespace
	}
	out := []string{first}
	for _, p := range t.columns {
		out = append(out, p.In(t.namespace))
	}
	return out
}

func (t *matrixTable) widths() []int {
	var out []int
	for _, row := range append([][]string{t.heads}, t.cells...) {
		for i, cell := range row {
			if i == len(out) {
				out = append(out, 0)
			}
			for line := range strings.SplitSeq(cell, "\n") {
				out[i] = max(out[i], utf8.RuneCountInString(line))
			}
		}
	}
	return out
}

const gap = 3

func (t *matrixTable) width() int {
	total := 0
	for _, w := range t.widths() {
		total += w + gap
	}
	return total - gap
}

func (t *matrixTable) write(b *strings.Builder, style Style) {
	widths := t.widths()
	writeRow(b, t.heads, widths, func(_ int, text string) string { return style.Bold(text) })
	for _, row := range t.cells {
		writeRow(b, row, widths, func(column int, text string) string {
			switch {
			case column == 0:
				return style.Bold(text)
			case strings.TrimSpace(text) == nothing:
				return style.Faint(text)
			}
			return style.Green(text)
		})
	}
}

// writeRow writes a row, of which cells may have several lines.
func writeRow(b *strings.Builder, row []string, widths []int, decorate func(column int, text string) string) {
	var cells [][]string
	height := 0
	for _, cell := range row {
		cells = append(cells, strings.Split(cell, "\n"))
		height = max(height, len(cells[len(cells)-1]))
	}
	for n := range height {
		var line strings.Builder
		blank := 0
		for i, cell := range cells {
			text := ""
			if n < len(cell) {
				text = cell[n]
			}
			if text != "" {
				line.WriteString(strings.Repeat(" ", blank) + decorate(i, text))
				blank = 0
			}
			blank += widths[i] - utf8.RuneCountInString(text) + gap
		}
		b.WriteString(line.String() + "\n")
	}
}

// aligned fills a text up to a width.
func aligned(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// writeMatrixList writes what each source can reach. Destinations that it reaches on the same ports are one line.
func writeMatrixList(b *strings.Builder, m *connectivity.Matrix, namespace string, style Style) {
	first := true
	for _, p := range m.Parties {
		lines := reached(m, p, namespace)
		if len(lines) == 0 && !isRow(p) {
			continue
		}
		if !first {
			b.WriteString("\n")
		}
		first = false
		b.WriteString(style.Bold(p.In(namespace)) + "\n")
		if len(lines) == 0 {
			b.WriteString("  " + style.Faint("reaches nobody") + "\n")
		}
		for _, line := range lines {
			names := strings.ReplaceAll(foldNames(line[0], maxNames), "\n", "\n    ")
			fmt.Fprintf(b, "  → %s  %s\n", names, style.Green(line[1]))
		}
	}
	if m.Open != nil {
		fmt.Fprintf(b, "\n%s\nEach of these %s can reach each of these %s on every port: %d connections, which are not listed.\n",
			style.Bold("What nothing restricts"), parties(len(m.Open.From)), parties(len(m.Open.To)), m.Open.Count)
		fmt.Fprintf(b, "  from %s\n  to   %s\n", few(m.Open.From, namespace), few(m.Open.To, namespace))
	}
}

func parties(n int) string { return number(n, "party", "parties") }

// number returns "1 connection" or "2 connections".
func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// maxFew is how many parties of a long list are named.
const maxFew = 8

func few(list []connectivity.Party, namespace string) string {
	var names []string
	for i, p := range list {
		if i == maxFew {
			names = append(names, fmt.Sprintf("%d more", len(list)-maxFew))
			break
		}
		names = append(names, p.In(namespace))
	}
	return strings.Join(names, ", ")
}

// reached returns what a party can reach: names padded to one width, and ports.
func reached(m *connectivity.Matrix, from connectivity.Party, namespace string) [][2]string {
	var out [][2]string
	at := map[string]int{}
	for _, c := range m.Connections {
		if partyKey(c.From) != partyKey(from) {
			continue
		}
		ports := c.Ports.String()
		if i, known := at[ports]; known {
			out[i][0] += ", " + c.To.In(namespace)
			continue
		}
		at[ports] = len(out)
		out = append(out, [2]string{c.To.In(namespace), ports})
	}
	width := 0
	for _, line := range out {
		width = max(width, min(maxNames, utf8.RuneCountInString(line[0])))
	}
	for i := range out {
		out[i][0] = aligned(out[i][0], width)
	}
	return out
}

// maxNames is how wide names of parties make a column at most.
const maxNames = 60

// MatrixCSV writes one line a connection and verdict: Allowed, SomePods or Undecidable.
func MatrixCSV(out io.Writer, m *connectivity.Matrix) error {
	w := csv.NewWriter(out)
	lines := [][]string{{"source", "source_namespace", "destination", "destination_namespace", "ports", "verdict"}}
	for _, c := range m.Connections {
		for _, part := range verdicts(c.Ports) {
			lines = append(lines, []string{c.From.Name, c.From.Namespace, c.To.Name, c.To.Namespace, strings.Join(part.ports, " "), part.verdict})
		}
	}
	if m.Open != nil {
		for _, from := range m.Open.From {
			for _, to := range m.Open.To {
				if from.Inside || to.Inside {
					lines = append(lines, []string{from.Name, from.Namespace, to.Name, to.Namespace, "every port", verdictAllowed})
				}
			}
		}
	}
	if err := w.WriteAll(lines); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// The verdicts in documents.
const (
	verdictAllowed     = "Allowed"
	verdictSomePods    = "SomePods"
	verdictUndecidable = "Undecidable"
)

type verdict struct {
	ports   []string
	verdict string
}

// verdicts returns the ports by verdict.
func verdicts(p connectivity.Ports) []verdict {
	var out []verdict
	for _, v := range []verdict{
		{p.List(p.Allowed), verdictAllowed}, {p.List(p.Some), verdictSomePods}, {p.List(p.Undecidable), verdictUndecidable},
	} {
		if len(v.ports) > 0 {
			out = append(out, v)
		}
	}
	return out
}
