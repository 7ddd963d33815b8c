package render

import (
	"fmt"
	"slices"
	"strings"

	"firebreak.dev/firebreak/internal/topology"
)

// manyArrows is how many arrows a picture has in which the names of entries would cover the rest.
const manyArrows = 60

// maxEntries is how many entries an arrow names.
const maxEntries = 3

// arrowLines returns what is written on an arrow: its ports, unless it is plain DNS, then its entries unless brief, then notes.
func arrowLines(a topology.Arrow, brief bool) []string {
	var lines []string
	if a.Kind == topology.ArrowAllow {
		if len(a.Ports) > 0 || a.State == topology.ArrowVoid {
			lines = append(lines, ports(a))
		}
		names := entryNames(a)
		if len(names) > maxEntries {
			names = append(names[:maxEntries:maxEntries], fmt.Sprintf("%d more", len(names)-maxEntries))
		}
		if !brief && len(names) > 0 {
			lines = append(lines, cut(strings.Join(names, ", "), maxDetail))
		}
	}
	for _, note := range notes(a.Findings) {
		lines = append(lines, "⚠ "+note)
	}
	return lines
}

// legend explains what a picture uses and is not plain. End is what an arrow ends in that is stopped.
func (p *picture) legend(end string) []string {
	isMarked := func(box topology.Box) bool { _, findings := p.foldedInto(box); return len(findings) > 0 }
	isRemote := func(box topology.Box) bool { return box.Kind == topology.BoxRemoteTier && !p.folded[box.ID] }
	var out []string
	if slices.ContainsFunc(p.drawn, func(a topology.Arrow) bool { return a.State == topology.ArrowPreview }) {
		out = append(out, "dashed arrow: a preview, not in force")
	}
	if slices.ContainsFunc(p.drawn, isStopped) {
		out = append(out, "red and dashed, ending in a "+end+": the other end denies it, or was not found")
	}
	if slices.ContainsFunc(p.drawn, func(a topology.Arrow) bool { return len(a.Findings) > 0 }) || slices.ContainsFunc(p.Boxes, isMarked) {
		out = append(out, "red: there is a finding")
	}
	if slices.ContainsFunc(p.Boxes, isRemote) {
		out = append(out, "dashed box: a tier of a profile that is not drawn")
	}
	return out
}

// isStopped says whether something else than a preview keeps an arrow from being open.
func isStopped(a topology.Arrow) bool {
	return a.State == topology.ArrowVoid || a.State == topology.ArrowHalfOpen
}

// groupClass returns the name of the style of a profile's frame.
func groupClass(p topology.Profile) string {
	if p.State == topology.StatePreview {
		return "preview"
	}
	return "profile"
}

// boxClass returns the name of the style of a box.
func boxClass(box topology.Box) string {
	switch box.Kind {
	case topology.BoxTier:
		return "tier"
	case topology.BoxClosed:
		return "closed"
	case topology.BoxInternet, topology.BoxAnywhere, topology.BoxIPBlocks:
		return "outside"
	case topology.BoxRemoteTier:
		return "remote"
	default:
		return "peer"
	}
}

// hasPods tells what stands for pods, and is round, from what has no pods of its own.
func hasPods(kind topology.BoxKind) bool {
	return kind == topology.BoxTier || kind == topology.BoxRemoteTier || kind == topology.BoxPods
}

// boxColours returns the colours of a box, and how wide its line is.
func boxColours(box topology.Box) (fill, stroke, width string) {
	switch boxClass(box) {
	case "tier":
		return "#ddf4ff", "#0969da", "1.4"
	case "closed":
		return "#eaeef2", "#57606a", "1.4"
	case "outside":
		return "#fff8c5", "#bf8700", "1.2"
	}
	return "#f6f8fa", "#8c959f", "1.2"
}

// boxTooltip returns all that is known of a box, a fact a line.
func boxTooltip(p *picture, box topology.Box, findings []topology.Finding) string {
	lines := []string{p.named(box.ID)}
	add := func(prefix, text string) {
		if text != "" {
			lines = append(lines, prefix+text)
		}
	}
	add("", box.Description)
	add("", box.Selector)
	add("", strings.Join(box.Details, ", "))
	add("serves ", strings.Join(box.Ports, ", "))
	add("NetworkPolicy ", strings.Join(box.Policies, ", "))
	return tooltip(lines, findings)
}

// butState returns what keeps an arrow from being what it looks like, as the end of a sentence; empty when it is open.
func butState(a topology.Arrow) string {
	switch a.State {
	case topology.ArrowPreview:
		return " (a preview, not in force)"
	case topology.ArrowVoid:
		return " (one end is not there)"
	case topology.ArrowHalfOpen:
		return " (something else closes an end, at least in part)"
	case topology.ArrowOpen:
	}
	return ""
}

// arrowTooltip returns all that is known of an arrow, a fact a line.
func arrowTooltip(p *picture, a topology.Arrow) string {
	lines := []string{fmt.Sprintf("%s to %s on %s%s", p.named(a.From), p.named(a.To), ports(a), butState(a))}
	for _, e := range a.Entries {
		text := fmt.Sprintf("%s of %s", e.Name, e.Profile)
		if e.Description != "" {
			text += ": " + e.Description
		}
		lines = append(lines, text)
	}
	return tooltip(lines, a.Findings)
}

func tooltip(lines []string, findings []topology.Finding) string {
	for _, f := range findings {
		lines = append(lines, fmt.Sprintf("%s: %s", f.Code, f.Message))
	}
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

// footer says what a picture means, and what of it is not drawn.
func (p *picture) footer() []string {
	out := []string{"Arrows are what profiles allow, with its ports."}
	if slices.ContainsFunc(p.Boxes, func(b topology.Box) bool { return p.folded[b.ID] }) {
		out[0] += " So is what boxes say with → and ←, and DNS in a box."
	}
	if slices.ContainsFunc(p.Profiles, func(f topology.Profile) bool { return f.State == topology.StateEnforced }) {
		out[0] += " By the profiles in force, all else to and from their tiers is denied."
	} else {
		out[0] += " None of them is in force."
	}
	if slices.ContainsFunc(p.Profiles, p.isWidened) {
		out = append(out, "Other NetworkPolicies allow more than is drawn.")
	}
	for _, f := range p.Profiles {
		if f.State == topology.StateUnknown {
			out = append(out, printable("Not drawn: "+f.ID+". "+f.Reason))
		}
		for _, note := range notes(f.Findings) {
			out = append(out, printable("⚠ "+f.ID+": "+note))
		}
	}
	for _, b := range p.Boxes {
		for _, note := range notes(b.Findings) {
			if p.folded[b.ID] {
				out = append(out, printable("⚠ "+b.String()+": "+note))
			}
		}
	}
	out = append(out, p.legend("cross")...)
	if slices.ContainsFunc(p.drawn, func(a topology.Arrow) bool { return a.Kind == topology.ArrowDNS }) {
		out = append(out, "dotted: DNS")
	}
	return out
}
