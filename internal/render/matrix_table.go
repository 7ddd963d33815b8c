package render

import (
	"slices"
	"strings"
	"unicode/utf8"

	"firebreak.dev/firebreak/internal/connectivity"
)

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

// onlyNamespace returns the namespace of the parties that were asked for by name; empty when there are several.
func onlyNamespace(parties []connectivity.Party) string {
	var names []string
	for _, p := range parties {
		if p.Inside && p.Kind != connectivity.KindOthers && !slices.Contains(names, p.Namespace) {
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
