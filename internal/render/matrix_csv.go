package render

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"firebreak.dev/firebreak/internal/connectivity"
)

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
	for _, line := range lines {
		for i := range line {
			line[i] = asText(line[i])
		}
	}
	if err := w.WriteAll(lines); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// asText returns a cell that a spreadsheet does not take for a formula: files that nobody checked may have such names.
func asText(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
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
