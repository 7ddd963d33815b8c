package render

import (
	"cmp"
	"fmt"
	"io"
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
	var b strings.Builder
	switch t := fittingTable(m, cmp.Or(style.Width, defaultMatrixWidth)); {
	case len(m.Connections) == 0 && m.Open == nil:
		b.WriteString("No connection is allowed.\n")
	case t != nil:
		t.write(&b, style)
	default:
		writeMatrixList(&b, m, onlyNamespace(m.Parties), style)
	}
	for _, line := range legend(m.Marks) {
		b.WriteString("\n" + style.Faint(line))
	}
	if len(legend(m.Marks)) > 0 {
		b.WriteString("\n")
	}
	return write(out, b.String())
}

// fittingTable returns the table of a matrix, folded if need be; nil when it does not fit into a width, or says less than a list.
func fittingTable(m *connectivity.Matrix, width int) *matrixTable {
	t := newMatrixTable(m)
	if len(t.columns) < 2 || m.Open != nil {
		return nil
	}
	for _, table := range []*matrixTable{t, t.folded()} {
		if table.width() <= width {
			return table
		}
	}
	return nil
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
