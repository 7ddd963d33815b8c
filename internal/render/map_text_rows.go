package render

import (
	"slices"
	"strings"
	"unicode/utf8"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/topology"
)

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
