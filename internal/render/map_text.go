package render

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/topology"
)

// How wide a text is when nobody knows, and what it cannot be made narrower than.
const (
	defaultWidth  = 100
	narrowestText = 60
)

// MapText writes a picture as text: for each profile its tiers, and for each tier who may call it and whom it may call. Lines are
// no wider than the style says, or 100 characters. It fails only where writing fails.
func MapText(out io.Writer, g *topology.Graph, style Style) error {
	t := &mapText{picture: newPicture(g), style: style, width: defaultWidth}
	if style.Width > 0 {
		t.width = max(style.Width, narrowestText)
	}
	for i, profile := range g.Profiles {
		if i > 0 {
			t.line("")
		}
		t.profile(profile)
	}
	if _, err := io.WriteString(out, t.text.String()); err != nil {
		return fmt.Errorf("write the map: %w", err)
	}
	return nil
}

// mapText is a map that is being written.
type mapText struct {
	*picture
	style Style
	width int
	text  strings.Builder
}

// line writes a line without blanks at its end.
func (t *mapText) line(text string) { t.text.WriteString(strings.TrimRight(text, " ") + "\n") }

func (t *mapText) profile(p topology.Profile) {
	t.header(p)
	if p.Reason != "" {
		t.paragraph("  ", t.style.Red, "Not drawn. "+p.Reason)
		t.findings(p)
		return
	}
	groups := t.groupsOf(p)
	columns := t.columns(p)
	for _, group := range groups {
		if len(groups) > 1 {
			t.line("")
			t.paragraph("  ", t.style.Bold, sentenceCase(group.Namespaces.String()))
		}
		for _, box := range t.drawnBoxes(group.ID) {
			t.line("")
			t.tier(p, box, columns)
		}
	}
	t.rest(p, groups)
	t.findings(p)
}

// header names the profile, where it acts, and whether it is in force.
func (t *mapText) header(p topology.Profile) {
	state, paint := "enforced", t.style.Green
	switch p.State {
	case topology.StateEnforced:
	case topology.StatePreview:
		state, paint = "Preview, not in force", t.style.Yellow
		if p.PreviewOf != "" {
			state += ", in place of " + p.PreviewOf
		}
	case topology.StateUnknown:
		state, paint = "not in the picture", t.style.Red
	}
	name, where := printable(p.Name), fmt.Sprintf("%s in %s", p.Kind, p.Namespaces)
	if p.Namespaces.Count == 0 && p.Namespace != "" {
		where = fmt.Sprintf("%s in namespace %s", p.Kind, p.Namespace)
	}
	where, state = printable(where), printable(state)
	if utf8.RuneCountInString(name+where+state)+4 <= t.width {
		t.line(t.style.Bold(name) + "  " + where + "  " + paint(state))
		return
	}
	t.line(t.style.Bold(cut(name, t.width)))
	t.paragraph("  ", plain, where)
	t.paragraph("  ", paint, state)
}

func (t *mapText) groupsOf(p topology.Profile) []topology.Group {
	var out []topology.Group
	for _, g := range t.Groups {
		if g.Profile == p.ID {
			out = append(out, g)
		}
	}
	return out
}

func (t *mapText) tier(p topology.Profile, box topology.Box, c columns) {
	words := t.tierWords(box)
	name, paint := box.String(), t.style.Bold
	if box.Kind == topology.BoxClosed {
		paint = t.style.Red
	}
	lines := wrap(strings.Join(words, " · "), t.width-4-utf8.RuneCountInString(name)-2)
	t.line("  " + "  " + paint(printable(name)) + "  " + lines[0])
	for _, line := range lines[1:] {
		t.line(rowIndent + line)
	}
	if box.Description != "" {
		t.paragraph(rowIndent, t.style.Faint, printable(box.Description))
	}
	if len(box.Findings) > 0 {
		t.line(rowIndent + t.mark(gravest(box.Findings), "! "+strings.Join(notes(box.Findings), ", ")))
	}
	rows := t.rows(p, box)
	if len(rows) == 0 && box.Kind == topology.BoxTier {
		t.line(rowIndent + t.style.Faint("nobody in, nobody out"))
	}
	for _, r := range rows {
		t.writeRow(r, c)
	}
}

// tierWords returns what is to be said of a tier in a line: which pods, which ports, DNS.
func (t *mapText) tierWords(box topology.Box) []string {
	if box.Kind != topology.BoxTier {
		return []string{printable(box.Selector)}
	}
	words := []string{"pods with " + printable(box.Selector)}
	if box.Selector == "every pod" {
		words = []string{box.Selector}
	}
	if box.Pods != nil {
		words = append(words, podCount(*box.Pods))
	}
	if len(box.Ports) > 0 {
		words = append(words, "serves "+printable(strings.Join(box.Ports, ", ")))
	}
	switch box.DNS {
	case v1alpha1.DNSNone:
		words = append(words, "no DNS")
	case v1alpha1.DNSAny:
		words = append(words, "DNS anywhere")
	default:
		words = append(words, "DNS")
	}
	return words
}

// rest says what becomes of all that is not drawn.
func (t *mapText) rest(p topology.Profile, groups []topology.Group) {
	hasTiers, everyPod := false, false
	for _, g := range groups {
		for _, box := range t.drawnBoxes(g.ID) {
			hasTiers = hasTiers || box.Kind == topology.BoxTier
			everyPod = everyPod || (box.Kind == topology.BoxTier && box.Selector == "every pod")
		}
	}
	if !hasTiers {
		return
	}
	t.line("")
	t.paragraph("    ", t.style.Faint, t.restInWords(p, groups, everyPod))
}

// isWidened says whether it was found that other policies allow what the profile does not declare.
func (p *picture) isWidened(profile topology.Profile) bool {
	widens := func(list []topology.Finding) bool {
		return slices.ContainsFunc(list, func(f topology.Finding) bool {
			return f.Profile == profile.ID && f.Code == v1alpha1.CodeForeignPolicyWidens
		})
	}
	return widens(profile.Findings) || slices.ContainsFunc(p.Boxes, func(b topology.Box) bool { return widens(b.Findings) }) ||
		slices.ContainsFunc(p.Arrows, func(a topology.Arrow) bool { return widens(a.Findings) })
}

// restInWords says what becomes of all that is not drawn. With everyPod, there are no pods in no tier.
func (t *mapText) restInWords(p topology.Profile, groups []topology.Group, everyPod bool) string {
	is, are := "is", "are"
	if p.State == topology.StatePreview {
		is, are = "would be", "would be"
	}
	text := fmt.Sprintf("All else %s denied, both ways.", is)
	switch open := slices.ContainsFunc(groups, func(g topology.Group) bool { return g.Others == topology.OthersOpen }); {
	case everyPod:
	case open:
		text = fmt.Sprintf("All else %s denied to the tiers, both ways. Pods in no tier stay open.", is)
	default:
		text += fmt.Sprintf(" Pods in no tier %s denied everything.", are)
	}
	if t.isWidened(p) {
		text = "By the profile alone, a" + text[1:] + " Other NetworkPolicies allow more: see below."
	}
	if slices.ContainsFunc(groups, t.insideOneNamespace) {
		text = "Tiers talk to each other inside one namespace only. " + text
	}
	return text
}
