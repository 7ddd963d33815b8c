package render

import (
	"fmt"
	"io"
	"strings"

	"firebreak.dev/firebreak/internal/topology"
)

// MapDOT writes a picture in the language of Graphviz: `| dot -Tsvg`. Lines end with \n. It fails only where writing fails.
func MapDOT(out io.Writer, g *topology.Graph) error {
	d := &dot{picture: newPicture(g), ids: map[string]string{}}
	d.line("digraph firebreak {")
	d.line(`  graph [rankdir=LR, fontname="Helvetica", fontsize=12, nodesep=0.3, ranksep=1.1, pad=0.3, labeljust=l%s]`, d.legendAttributes())
	d.line(`  node [fontname="Helvetica", fontsize=12, shape=box, style="rounded,filled", margin="0.18,0.1", penwidth=1.2]`)
	d.line(`  edge [fontname="Helvetica", fontsize=10, color="#57606a", fontcolor="#24292f", arrowsize=0.8]`)
	for i, group := range d.Groups {
		d.group(i+1, group)
	}
	for _, box := range d.drawnBoxes("") {
		d.box("  ", box)
	}
	for _, arrow := range d.drawn {
		d.arrow(arrow)
	}
	d.line("}")
	if _, err := io.WriteString(out, d.text.String()); err != nil {
		return fmt.Errorf("write DOT: %w", err)
	}
	return nil
}

// dot is a digraph that is being written.
type dot struct {
	*picture
	text strings.Builder
	ids  map[string]string
}

func (d *dot) line(format string, args ...any) { fmt.Fprintf(&d.text, format+"\n", args...) }

func (d *dot) legendAttributes() string {
	legend := d.legend("bar")
	if len(legend) == 0 {
		return ""
	}
	return fmt.Sprintf(`, labelloc=b, label=<<FONT POINT-SIZE="10" COLOR="#57606a">%s</FONT>>`, escapeHTML(strings.Join(legend, "; ")))
}

func (d *dot) group(n int, group topology.Group) {
	name, details := d.title(group)
	style := "rounded"
	if groupClass(d.profiles[group.Profile]) == "preview" {
		style = "rounded,dashed"
	}
	d.line("  subgraph cluster_%d {", n)
	d.line(`    graph [style="%s", color="#8c959f", penwidth=1.2, margin=14, labelloc=t, label=%s]`, style, d.label(name, []string{details}))
	for _, box := range d.drawnBoxes(group.ID) {
		d.box("    ", box)
	}
	d.line("  }")
}

func (d *dot) box(indent string, box topology.Box) {
	id := fmt.Sprintf("b%d", len(d.ids)+1)
	d.ids[box.ID] = id
	folded, findings := d.foldedInto(box)
	lines := append(d.details(box), folded...)
	for _, note := range notes(findings) {
		lines = append(lines, "⚠ "+note)
	}
	fill, stroke, width := boxColours(box)
	if len(findings) > 0 {
		stroke, width = "#cf222e", "2.4"
	}
	d.line(`%s%s [label=%s, fillcolor="%s", color="%s", penwidth=%s%s, tooltip=%s]`, indent, id, d.label(printable(box.Name), lines),
		fill, stroke, width, dotShape(box.Kind), quoteDOT(boxTooltip(d.picture, box, findings)))
}

// label returns a name, and smaller lines below it, as an HTML-like label. The name is not bold: Graphviz without fonts of its own
// measures it too narrow then.
func (d *dot) label(name string, lines []string) string {
	text := `<FONT POINT-SIZE="14">` + escapeHTML(name) + "</FONT>"
	for _, line := range lines {
		text += `<BR/><FONT POINT-SIZE="10" COLOR="#57606a">` + escapeHTML(line) + "</FONT>"
	}
	return "<" + text + ">"
}

func escapeHTML(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}

// quoteDOT returns a string of DOT, in which a backslash begins an escape.
func quoteDOT(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(text) + `"`
}

// dotShape tells boxes by their corners and lines, where they are not as usual.
func dotShape(kind topology.BoxKind) string {
	switch {
	case kind == topology.BoxRemoteTier:
		return `, style="rounded,filled,dashed"`
	case hasPods(kind):
		return ""
	}
	return `, style=filled`
}

func (d *dot) arrow(a topology.Arrow) {
	var attributes []string
	add := func(format string, args ...any) { attributes = append(attributes, fmt.Sprintf(format, args...)) }
	if lines := arrowLines(a, d.brief()); len(lines) > 0 {
		text := escapeHTML(lines[0])
		for _, line := range lines[1:] {
			text += `<BR/><FONT POINT-SIZE="9" COLOR="#57606a">` + escapeHTML(line) + "</FONT>"
		}
		// Blanks on either side keep the text off the lines next to it.
		add("label=< %s >", text)
	}
	switch {
	case isStopped(a):
		add(`color="#cf222e", fontcolor="#a40e26", penwidth=1.6, arrowhead=tee`)
	case len(a.Findings) > 0:
		add(`color="#cf222e", fontcolor="#a40e26", penwidth=1.6`)
	case a.Kind == topology.ArrowDNS:
		add(`color="#afb8c1", arrowsize=0.6`)
	case a.State == topology.ArrowPreview:
		add(`color="#8c959f"`)
	}
	switch {
	case a.State != topology.ArrowOpen:
		add("style=dashed")
	case a.Kind == topology.ArrowDNS:
		add("style=dotted")
	}
	add("tooltip=%s", quoteDOT(arrowTooltip(d.picture, a)))
	d.line("  %s -> %s [%s]", d.ids[a.From], d.ids[a.To], strings.Join(attributes, ", "))
}
