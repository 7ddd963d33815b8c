package render

import (
	"fmt"
	"io"
	"strings"

	"firebreak.dev/firebreak/internal/topology"
)

// MapMermaid writes a picture as a Mermaid flowchart, as GitHub, GitLab and many wikis show it in Markdown. Lines end with \n. It
// fails only where writing fails.
func MapMermaid(out io.Writer, g *topology.Graph) error {
	m := &mermaid{picture: newPicture(g), ids: map[string]string{}}
	m.line("flowchart LR")
	for i, group := range m.Groups {
		name, details := m.title(group)
		// In one line: Mermaid keeps no room for a second.
		m.line("  subgraph g%d[\"<b>%s</b> %s\"]", i+1, escapeMermaid(name), escapeMermaid(details))
		for _, box := range m.drawnBoxes(group.ID) {
			m.box("    ", box)
		}
		m.line("  end")
		m.class("g"+fmt.Sprint(i+1), groupClass(m.profiles[group.Profile]))
	}
	for _, box := range m.drawnBoxes("") {
		m.box("  ", box)
	}
	m.addArrows()
	m.addLegend()
	m.addStyles()
	if _, err := io.WriteString(out, m.text.String()); err != nil {
		return fmt.Errorf("write Mermaid: %w", err)
	}
	return nil
}

// mermaid is a flowchart that is being written.
type mermaid struct {
	*picture
	text strings.Builder
	// ids are short names for boxes: letters and digits, and none that Mermaid reserves, such as "end".
	ids     map[string]string
	classes []string
	styles  []string
}

func (m *mermaid) line(format string, args ...any) { fmt.Fprintf(&m.text, format+"\n", args...) }

func (m *mermaid) box(indent string, box topology.Box) {
	id := fmt.Sprintf("b%d", len(m.ids)+1)
	m.ids[box.ID] = id
	folded, findings := m.foldedInto(box)
	lines := append(m.details(box), folded...)
	for _, note := range notes(findings) {
		lines = append(lines, "⚠ "+note)
	}
	before, after := mermaidShape(box.Kind)
	m.line("%s%s%s\"%s\"%s", indent, id, before, m.label(printable(box.Name), lines), after)
	class := boxClass(box)
	if len(findings) > 0 {
		class += "Marked"
	}
	m.class(id, class)
}

func (m *mermaid) class(id, class string) {
	m.classes = append(m.classes, fmt.Sprintf("  class %s %s", id, class))
}

// label returns a name in bold, and smaller lines below it.
func (m *mermaid) label(name string, lines []string) string {
	text := "<b>" + escapeMermaid(name) + "</b>"
	for _, line := range lines {
		text += "<br/>" + escapeMermaid(line)
	}
	return text
}

// escapeMermaid writes what means something to Mermaid, HTML or Markdown as the codes that Mermaid has for characters.
func escapeMermaid(text string) string {
	var out strings.Builder
	for _, r := range text {
		if strings.ContainsRune("#\"<>&|`%\\*_~:;{}[]()@$", r) {
			fmt.Fprintf(&out, "#%d;", r)
			continue
		}
		out.WriteRune(r)
	}
	return out.String()
}

func mermaidShape(kind topology.BoxKind) (before, after string) {
	switch kind {
	case topology.BoxTier, topology.BoxClosed:
		return "[", "]"
	case topology.BoxService, topology.BoxKubeAPIServer, topology.BoxDNS:
		return "[[", "]]"
	case topology.BoxInternet, topology.BoxAnywhere, topology.BoxIPBlocks, topology.BoxNodes:
		return "{{", "}}"
	default:
		return "([", "])"
	}
}

func (m *mermaid) addArrows() {
	for i, arrow := range m.drawn {
		shaft, style := "-->", ""
		switch {
		case isStopped(arrow):
			shaft, style = "-.-x", "stroke:#cf222e,stroke-width:2px,color:#a40e26"
		case len(arrow.Findings) > 0:
			shaft, style = "-->", "stroke:#cf222e,stroke-width:2px,color:#a40e26"
			if arrow.State == topology.ArrowPreview {
				shaft = "-.->"
			}
		case arrow.State == topology.ArrowPreview:
			shaft, style = "-.->", "stroke:#8c959f"
		case arrow.Kind == topology.ArrowDNS:
			shaft, style = "-.->", "stroke:#afb8c1"
		}
		m.line("  %s %s%s %s", m.ids[arrow.From], shaft, m.arrowLabel(arrow), m.ids[arrow.To])
		if style != "" {
			m.styles = append(m.styles, fmt.Sprintf("  linkStyle %d %s", i, style))
		}
	}
}

func (m *mermaid) arrowLabel(a topology.Arrow) string {
	lines := arrowLines(a, m.brief())
	if len(lines) == 0 {
		return ""
	}
	for i := range lines {
		lines[i] = escapeMermaid(lines[i])
	}
	return "|\"" + strings.Join(lines, "<br/>") + "\"|"
}

func (m *mermaid) addLegend() {
	if legend := m.legend("cross"); len(legend) > 0 {
		m.line("  legend[\"%s\"]", escapeMermaid(strings.Join(legend, "; ")))
		m.class("legend", "legend")
	}
}

// addStyles writes colours that can be read on light and on dark pages.
func (m *mermaid) addStyles() {
	for _, s := range []string{
		"  classDef tier fill:#ddf4ff,stroke:#0969da,color:#0a3069",
		"  classDef tierMarked fill:#ddf4ff,stroke:#cf222e,stroke-width:3px,color:#0a3069",
		"  classDef closed fill:#eaeef2,stroke:#57606a,color:#24292f",
		"  classDef closedMarked fill:#eaeef2,stroke:#cf222e,stroke-width:3px,color:#24292f",
		"  classDef peer fill:#f6f8fa,stroke:#8c959f,color:#24292f",
		"  classDef peerMarked fill:#f6f8fa,stroke:#cf222e,stroke-width:3px,color:#24292f",
		"  classDef remote fill:#f6f8fa,stroke:#8c959f,stroke-dasharray:5 3,color:#24292f",
		"  classDef remoteMarked fill:#f6f8fa,stroke:#cf222e,stroke-width:3px,stroke-dasharray:5 3,color:#24292f",
		"  classDef outside fill:#fff8c5,stroke:#bf8700,color:#4d2d00",
		"  classDef outsideMarked fill:#fff8c5,stroke:#cf222e,stroke-width:3px,color:#4d2d00",
		"  classDef profile fill:#ffffff,stroke:#8c959f,color:#24292f",
		"  classDef preview fill:#ffffff,stroke:#8c959f,stroke-dasharray:6 4,color:#57606a",
		"  classDef legend fill:none,stroke:none,color:#57606a",
	} {
		if class := strings.Fields(s)[1]; m.uses(class) {
			m.line("%s", s)
		}
	}
	for _, s := range append(m.classes, m.styles...) {
		m.line("%s", s)
	}
}

func (m *mermaid) uses(class string) bool {
	for _, line := range m.classes {
		if strings.HasSuffix(line, " "+class) {
			return true
		}
	}
	return false
}
