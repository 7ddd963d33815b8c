package render

import (
	"fmt"
	"strings"
	"unicode"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/topology"
)

// A box outside that has more arrows than this is not drawn: the tiers say what they have to do with it. Nearly all tiers need
// DNS, and are scraped, and these arrows would hide the others.
const (
	maxDNSArrows  = 6
	maxPeerArrows = 10
)

// printable returns a text in one line, without what a terminal or a parser could take for more than text.
func printable(text string) string {
	clean := strings.Map(func(r rune) rune {
		// No character ends with FFFE or FFFF, and XML cannot hold two of these.
		isNone := r&0xfffe == 0xfffe || (r >= 0xfdd0 && r <= 0xfdef)
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Co) || r == unicode.ReplacementChar || isNone {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(clean), " ")
}

// cut shortens a text to a number of characters.
func cut(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return strings.TrimRight(string(runes[:limit-1]), " ") + "…"
}

// picture is a Graph with what drawing it in any language needs.
type picture struct {
	*topology.Graph
	profiles map[string]topology.Profile
	boxes    map[string]topology.Box
	// folded are boxes that are not drawn, because tiers say what they have to do with them.
	folded map[string]bool
	// drawn are the arrows between boxes that are drawn, in their order, and told those that the box with this ID tells of instead.
	drawn []topology.Arrow
	told  map[string][]topology.Arrow
}

func newPicture(g *topology.Graph) *picture {
	p := &picture{Graph: g, profiles: map[string]topology.Profile{}, boxes: map[string]topology.Box{}, folded: map[string]bool{}, told: map[string][]topology.Arrow{}}
	for _, profile := range g.Profiles {
		p.profiles[profile.ID] = profile
	}
	arrows := map[string]int{}
	for _, arrow := range g.Arrows {
		arrows[arrow.From]++
		arrows[arrow.To]++
	}
	for _, box := range g.Boxes {
		p.boxes[box.ID] = box
		limit := maxPeerArrows
		if box.Kind == topology.BoxDNS {
			limit = maxDNSArrows
		}
		p.folded[box.ID] = box.Group == "" && arrows[box.ID] > limit
	}
	for _, arrow := range g.Arrows {
		switch {
		case p.folded[arrow.To]:
			p.told[arrow.From] = append(p.told[arrow.From], arrow)
		case p.folded[arrow.From]:
			p.told[arrow.To] = append(p.told[arrow.To], arrow)
		default:
			p.drawn = append(p.drawn, arrow)
		}
	}
	return p
}

// drawnBoxes returns the boxes of a group, or those in none for "", in their order.
func (p *picture) drawnBoxes(group string) []topology.Box {
	var out []topology.Box
	for _, box := range p.Boxes {
		if box.Group == group && !p.folded[box.ID] {
			out = append(out, box)
		}
	}
	return out
}

func (p *picture) isFolded(a topology.Arrow) bool { return p.folded[a.From] || p.folded[a.To] }

// brief says whether a picture has so many arrows that the names of entries would cover the rest.
func (p *picture) brief() bool { return len(p.drawn) > manyArrows }

// foldedInto returns the lines of a box that stand for arrows which are not drawn, and what was found about those and the box.
func (p *picture) foldedInto(box topology.Box) (lines []string, findings []topology.Finding) {
	findings = append(findings, box.Findings...)
	for _, a := range p.told[box.ID] {
		sign, other := "→ ", a.To
		if a.To == box.ID {
			sign, other = "← ", a.From
		}
		line := sign + p.boxes[other].String()
		if a.Kind == topology.ArrowDNS {
			line = p.boxes[other].Name
		} else if len(a.Ports) > 0 || a.State == topology.ArrowVoid {
			line = cut(printable(line), maxDetail-10) + " " + ports(a)
		}
		lines, findings = append(lines, cut(printable(line), maxDetail)), append(findings, a.Findings...)
	}
	return lines, findings
}

// title returns the words at the frame of a group: the profile, where it is, and what is to be known of it.
func (p *picture) title(g topology.Group) (name, details string) {
	profile := p.profiles[g.Profile]
	details = "in " + g.Namespaces.String()
	if profile.Kind == v1alpha1.KindClusterSegmentationProfile {
		details = "cluster profile, " + details
	}
	if profile.State == topology.StatePreview {
		details += " (Preview: not in force)"
	}
	if g.Others == topology.OthersOpen {
		details += "; pods in no tier stay open"
	}
	if p.insideOneNamespace(g) {
		details += "; tiers talk inside one namespace only"
	}
	return printable(profile.Name), printable(details)
}

// insideOneNamespace says whether tiers of a group talk to each other inside one namespace only, of several.
func (p *picture) insideOneNamespace(g topology.Group) bool {
	for _, a := range p.Arrows {
		if a.SameNamespace && p.boxes[a.From].Group == g.ID {
			return true
		}
	}
	return false
}

// maxDetail is how many characters of a selector a box shows.
const maxDetail = 44

// details returns the lines of a box below its name. A selector that only repeats the name is left out.
func (p *picture) details(box topology.Box) []string {
	var out []string
	add := func(text string) {
		if text != "" {
			out = append(out, cut(printable(text), maxDetail))
		}
	}
	switch box.Kind {
	case topology.BoxTier:
		if !strings.HasSuffix(box.Selector, "="+box.Name) {
			add(box.Selector)
		}
		if box.Pods != nil {
			add(podCount(*box.Pods))
		}
	case topology.BoxRemoteTier:
		add("tier of " + box.Where)
	case topology.BoxService:
		add("Service in " + box.Where)
	case topology.BoxPods:
		if box.Where != "" {
			add("in " + box.Where)
		}
		if box.Where == "" || box.Name == "Pods" {
			add(box.Selector)
		}
	default:
		add(box.Selector)
	}
	return out
}

func podCount(n int) string {
	switch n {
	case 0:
		return "no pods"
	case 1:
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}

// notes returns the words for findings in the margin, each once.
func notes(lists ...[]topology.Finding) []string {
	var out []string
	seen := map[string]bool{}
	for _, list := range lists {
		for _, f := range list {
			if note := f.Note(); !seen[note] {
				seen[note] = true
				out = append(out, note)
			}
		}
	}
	return out
}

// gravest returns the severity of the gravest of findings; empty when there are none.
func gravest(lists ...[]topology.Finding) v1alpha1.Severity {
	var out v1alpha1.Severity
	for _, list := range lists {
		for _, f := range list {
			if out == "" || f.Severity == v1alpha1.SeverityError || (f.Severity == v1alpha1.SeverityWarning && out == v1alpha1.SeverityInfo) {
				out = f.Severity
			}
		}
	}
	return out
}

// ports returns the ports of an arrow in words.
func ports(a topology.Arrow) string {
	if a.State == topology.ArrowVoid {
		return "nothing"
	}
	if len(a.Ports) == 0 {
		return "its own ports"
	}
	return printable(strings.Join(a.Ports, ", "))
}

// entryNames returns the names of the entries of an arrow.
func entryNames(a topology.Arrow) []string {
	var out []string
	seen := map[string]bool{}
	for _, e := range a.Entries {
		if name := printable(e.Name); !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}
