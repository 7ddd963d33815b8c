package figures

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// row is a line of the table.
func row(t Target, f *Figure) []string {
	verdict := Judge(t, f)
	if f == nil {
		return []string{t.What, t.bound(), "", "not measured", ""}
	}
	said := string(verdict)
	if f.Unsteady != "" {
		said += ": " + f.Unsteady
	}
	return []string{t.What, t.bound(), number(f.Value) + t.Unit, said, f.Detail}
}

func header() []string { return []string{"What", "Target", "Measured", "Verdict", "Made of"} }

// Print writes the table for a terminal, of the targets that have figures.
func Print(out io.Writer, targets []Target, all []Figure) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(header(), "\t")))
	for _, t := range targets {
		if f := Find(all, t.ID); f != nil {
			fmt.Fprintln(w, strings.Join(row(t, f), "\t"))
		}
	}
	return w.Flush()
}

// Markdown returns the table of all targets for a document.
func Markdown(targets []Target, all []Figure) string {
	var out strings.Builder
	line := func(cells []string) { fmt.Fprintf(&out, "| %s |\n", strings.Join(cells, " | ")) }
	line(header())
	line([]string{"---", "---", "---:", "---", "---"})
	for _, t := range targets {
		cells := row(t, Find(all, t.ID))
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], "|", `\|`)
		}
		line(cells)
	}
	return out.String()
}

// The marks between which a document has its table.
const (
	begin = "<!-- measured: written by make bench -->\n"
	end   = "<!-- end of what was measured -->\n"
)

// Replace returns a document with another table.
func Replace(document, table string) (string, error) {
	before, rest, ok := strings.Cut(document, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", errors.New("the document has no place for a table: " + strings.TrimSpace(begin) + " … " + strings.TrimSpace(end))
	}
	return before + begin + table + end + after, nil
}
