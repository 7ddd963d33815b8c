package render

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/topology"
)

// findings writes what is wrong with a profile in full, each once.
func (t *mapText) findings(p topology.Profile) {
	list := t.findingsOf(p)
	if len(list) > 0 {
		t.line("")
	}
	for _, f := range list {
		t.finding(f)
	}
}

// findingsOf returns what was found of a profile, wherever it is in the picture, each once and the gravest first.
func (p *picture) findingsOf(profile topology.Profile) []topology.Finding {
	list := slices.Clone(profile.Findings)
	add := func(more []topology.Finding) {
		for _, f := range more {
			known := func(g topology.Finding) bool { return g.Code == f.Code && g.Message == f.Message && g.Place == f.Place }
			if f.Profile == profile.ID && !slices.ContainsFunc(list, known) {
				list = append(list, f)
			}
		}
	}
	for _, box := range p.Boxes {
		add(box.Findings)
	}
	for _, arrow := range p.Arrows {
		add(arrow.Findings)
	}
	slices.SortStableFunc(list, func(a, b topology.Finding) int { return rank(a.Severity) - rank(b.Severity) })
	return list
}

func rank(s v1alpha1.Severity) int {
	return slices.Index([]v1alpha1.Severity{v1alpha1.SeverityError, v1alpha1.SeverityWarning, v1alpha1.SeverityInfo}, s)
}

func (t *mapText) finding(f topology.Finding) {
	text := inFull(f)
	const indent = "    "
	// A note is short, so that the first line has all of it.
	head := "! " + f.Note()
	lines := wrap(head+" · "+printable(text), t.width-len(indent)-2)
	t.line(indent + t.mark(f.Severity, head) + strings.TrimPrefix(lines[0], head))
	for _, line := range lines[1:] {
		t.line(indent + "  " + line)
	}
}

// inFull returns what was found, and where.
func inFull(f topology.Finding) string {
	text := f.Place + ": " + f.Message
	if f.Place == "" {
		text = f.Message
	}
	if f.Namespaces > 1 {
		text += fmt.Sprintf(" (In %d namespaces.)", f.Namespaces)
	}
	return text
}

// mark paints a text as its severity demands.
func (t *mapText) mark(s v1alpha1.Severity, text string) string {
	switch s {
	case v1alpha1.SeverityError:
		return t.style.Red(text)
	case v1alpha1.SeverityInfo:
		return t.style.Cyan(text)
	default:
		return t.style.Yellow(text)
	}
}

// plain leaves a text as it is.
func plain(text string) string { return text }

// paragraph writes a text in lines of one style.
func (t *mapText) paragraph(indent string, paint func(string) string, text string) {
	for _, line := range wrap(printable(text), t.width-utf8.RuneCountInString(indent)) {
		t.line(indent + paint(line))
	}
}

// wrap breaks a text into lines of a width, between words where that can be; one line for an empty text.
func wrap(text string, width int) []string {
	width = max(width, 8)
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		for utf8.RuneCountInString(word) > width {
			// Longer than a line by itself: what fits goes on this line or the next.
			if line != "" {
				lines, line = append(lines, line), ""
			}
			runes := []rune(word)
			lines, word = append(lines, string(runes[:width])), string(runes[width:])
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// at returns an element, or nothing beyond the end.
func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// pad fills a text up to a width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}

// sentenceCase begins a text with a capital.
func sentenceCase(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
