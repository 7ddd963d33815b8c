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

// row is an arrow as a tier sees it.
type row struct {
	sign, peer, ports string
	// why is the entries, and notes what is wrong.
	why, notes string
	severity   v1alpha1.Severity
	state      topology.ArrowState
}

// rows returns what goes into a box, then what comes out of it. DNS is a word in the line of the tier.
func (t *mapText) rows(p topology.Profile, box topology.Box) []row {
	var in, out []row
	for _, a := range t.Arrows {
		switch {
		case a.Kind == topology.ArrowDNS && len(a.Findings) == 0:
		case a.From == box.ID && a.To == box.ID:
			in = append(in, t.row(p, a, "↔", "among themselves"))
		case a.To == box.ID:
			in = append(in, t.row(p, a, "←", t.peer(p, t.boxes[a.From])))
		case a.From == box.ID:
			out = append(out, t.row(p, a, "→", t.peer(p, t.boxes[a.To])))
		}
	}
	return append(in, out...)
}

func (t *mapText) row(p topology.Profile, a topology.Arrow, sign, peer string) row {
	r := row{sign: sign, peer: printable(peer), ports: ports(a), severity: gravest(a.Findings), state: a.State}
	r.why = strings.Join(t.entries(p, a), ", ")
	r.notes = strings.Join(notes(a.Findings), ", ")
	return r
}

// entries returns the entries of an arrow: those of the profile by name, those of others with their profile when it has none itself.
func (t *mapText) entries(p topology.Profile, a topology.Arrow) []string {
	var own, others []string
	for _, e := range a.Entries {
		if e.Profile == p.ID {
			own = append(own, printable(e.Name))
		} else if owner := nameOf(t.profiles[e.Profile]); !slices.Contains(others, owner) {
			others = append(others, owner)
		}
	}
	if len(own) > 0 || len(others) == 0 {
		return own
	}
	text := "by " + printable(strings.Join(others, ", "))
	if a.State == topology.ArrowPreview && t.profiles[p.ID].State != topology.StatePreview {
		text += " (Preview)"
	}
	return []string{text}
}

// nameOf returns the name of a profile with its namespace, if it has one.
func nameOf(p topology.Profile) string {
	return strings.TrimPrefix(p.Namespace+"/"+p.Name, "/")
}

// peer names a box as somebody in a profile would.
func (t *mapText) peer(p topology.Profile, box topology.Box) string {
	if box.Kind != topology.BoxTier {
		return box.String()
	}
	group := t.Groups[slices.IndexFunc(t.Groups, func(g topology.Group) bool { return g.ID == box.Group })]
	owner := t.profiles[group.Profile]
	switch {
	case owner.ID == p.ID && len(t.groupsOf(p)) > 1 && group.Namespaces.Count == 1:
		return box.String() + " in " + group.Namespaces.Names[0]
	case owner.ID == p.ID:
		return box.String()
	}
	return box.String() + " of " + nameOf(owner)
}

// columns are the widths of what stands in columns.
type columns struct{ peer, ports, why int }

// columns returns widths that fit all rows of a profile, within the width of the text.
func (t *mapText) columns(p topology.Profile) columns {
	c := columns{}
	for _, group := range t.groupsOf(p) {
		for _, box := range t.drawnBoxes(group.ID) {
			for _, r := range t.rows(p, box) {
				c.peer = max(c.peer, utf8.RuneCountInString(r.peer))
				c.ports = max(c.ports, utf8.RuneCountInString(r.ports))
			}
		}
	}
	c.peer, c.ports = min(c.peer, t.width*45/100), min(c.ports, t.width*20/100)
	c.why = t.width - utf8.RuneCountInString(rowIndent) - 3 - c.peer - 2 - c.ports - 2
	return c
}

const rowIndent = "      "

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

func (t *mapText) writeRow(r row, c columns) {
	peers, portLines := wrap(r.peer, c.peer), wrap(r.ports, c.ports)
	last := t.lastColumn(r, c)
	sign := t.sign(r)
	for i := range max(len(peers), len(portLines), len(last)) {
		t.line(rowIndent + sign + "  " + pad(at(peers, i), c.peer) + "  " + pad(at(portLines, i), c.ports) + "  " + at(last, i))
		sign = " "
	}
}

// lastColumn returns the entries of a row, and what is wrong with it on the same line if there is room.
func (t *mapText) lastColumn(r row, c columns) []string {
	var lines []string
	if r.why != "" {
		lines = wrap(r.why, c.why)
	}
	free := c.why
	if len(lines) > 0 {
		free -= utf8.RuneCountInString(lines[len(lines)-1]) + 2
	}
	for i := range lines {
		lines[i] = t.style.Faint(lines[i])
	}
	switch note := "! " + r.notes; {
	case r.notes == "":
	case len(lines) > 0 && utf8.RuneCountInString(note) <= free:
		lines[len(lines)-1] += "  " + t.mark(r.severity, note)
	default:
		for _, line := range wrap(note, c.why) {
			lines = append(lines, t.mark(r.severity, line))
		}
	}
	return lines
}

// sign returns the sign of a row in the colour of what is wrong with it.
func (t *mapText) sign(r row) string {
	switch {
	case r.severity != "":
		return t.mark(r.severity, r.sign)
	case r.state == topology.ArrowPreview:
		return t.style.Faint(r.sign)
	}
	return t.style.Cyan(r.sign)
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
func (t *mapText) isWidened(p topology.Profile) bool {
	widens := func(list []topology.Finding) bool {
		return slices.ContainsFunc(list, func(f topology.Finding) bool { return f.Profile == p.ID && f.Code == v1alpha1.CodeForeignPolicyWidens })
	}
	return widens(p.Findings) || slices.ContainsFunc(t.Boxes, func(b topology.Box) bool { return widens(b.Findings) }) ||
		slices.ContainsFunc(t.Arrows, func(a topology.Arrow) bool { return widens(a.Findings) })
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
