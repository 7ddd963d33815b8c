package render

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"firebreak.dev/firebreak/internal/topology"
)

// mapPage is what a page around a picture says.
type mapPage struct {
	Title, Caption string
	Profiles       []pageProfile
	// Namespaces are those by which the picture can be filtered, and Tiers likewise.
	Namespaces []string
	Tiers      []pageTier
	Rows       []pageRow
	Details    []pageDetails
}

// pageTier is a tier to filter by. Name tells it from others.
type pageTier struct{ ID, Name string }

// pageProfile is a profile as a row of a table.
type pageProfile struct {
	Name, State, Where string
	Findings           []string
}

// pageRow is an arrow as a row of a table. ID is that of the arrow in the picture; empty when it is not drawn.
type pageRow struct {
	ID, From, To, Ports, State string
	// Ends are the IDs of the boxes that are drawn of its ends, as JSON.
	Ends              string
	Entries, Findings []string
}

// pageDetails is all that is known of a part of the picture.
type pageDetails struct {
	ID, Title string
	Facts     []pageFact
}

type pageFact struct {
	Name   string
	Values []string
	IsBad  bool
}

// caption names a picture.
func (p *picture) caption() string {
	if len(p.Profiles) == 1 {
		profile := p.Profiles[0]
		return printable("Who may talk to whom: " + strings.TrimPrefix(profile.Namespace+"/"+profile.Name, "/"))
	}
	return fmt.Sprintf("Who may talk to whom: %d profiles", len(p.Profiles))
}

// mostSentences is how many arrows a description tells of.
const mostSentences = 60

// sentences tells a picture to those who cannot see it.
func (p *picture) sentences() []string {
	var out []string
	for i, a := range p.Arrows {
		if i == mostSentences {
			return append(out, fmt.Sprintf("And %d more", len(p.Arrows)-i))
		}
		out = append(out, strings.SplitN(arrowTooltip(p, a), "\n", 2)[0])
	}
	return out
}

func newMapPage(s *scene) mapPage {
	page := mapPage{Title: s.caption(), Caption: s.count()}
	for _, profile := range s.Profiles {
		page.Profiles = append(page.Profiles, s.profileRow(profile))
	}
	for _, f := range s.frames {
		page.Namespaces = append(page.Namespaces, placesOf(f.Namespaces)...)
	}
	slices.Sort(page.Namespaces)
	page.Namespaces = slices.Compact(page.Namespaces)
	for _, b := range s.boxes {
		if b.Kind == topology.BoxTier {
			page.Tiers = append(page.Tiers, pageTier{b.id, s.tierName(b.Box)})
		}
		if b.id == b.about {
			page.Details = append(page.Details, s.boxDetails(b))
		}
	}
	next := 0
	for _, a := range s.Arrows {
		row := pageRow{From: s.named(a.From), To: s.named(a.To), Ports: ports(a), State: stateInWords(a), Ends: s.endsOf(a), Entries: entriesInFull(a), Findings: allInFull(a.Findings)}
		if !s.isFolded(a) {
			row.ID = s.arrows[next].id
			page.Details = append(page.Details, s.arrowDetails(s.arrows[next], row))
			next++
		}
		page.Rows = append(page.Rows, row)
	}
	return page
}

// endsOf returns the IDs of the boxes that are drawn of an arrow's ends, as JSON.
func (s *scene) endsOf(a topology.Arrow) string {
	var out []string
	for _, id := range []string{a.From, a.To} {
		if at, ok := s.places[id]; ok {
			out = append(out, s.boxes[at].id)
		}
	}
	return list(out)
}

// named returns the words for a box, with its frame's profile where that is not the only one.
func (p *picture) named(id string) string {
	box := p.boxes[id]
	if box.Kind == topology.BoxTier && len(p.Profiles) > 1 {
		return printable(box.String() + " of " + p.shortName(p.profileOf(box)))
	}
	return printable(box.String())
}

func (p *picture) profileOf(box topology.Box) topology.Profile {
	i := slices.IndexFunc(p.Groups, func(g topology.Group) bool { return g.ID == box.Group })
	if i < 0 {
		return topology.Profile{}
	}
	return p.profiles[p.Groups[i].Profile]
}

// shortName returns the name of a profile, with its namespace where another one has that name, too.
func (p *picture) shortName(profile topology.Profile) string {
	for _, other := range p.Profiles {
		if other.Name == profile.Name && other.ID != profile.ID {
			return strings.TrimPrefix(profile.Namespace+"/"+profile.Name, "/")
		}
	}
	return profile.Name
}

// tierName tells a tier from others of its name.
func (p *picture) tierName(box topology.Box) string {
	if len(p.Profiles) < 2 {
		return printable(box.Name)
	}
	return printable(p.shortName(p.profileOf(box)) + ": " + box.Name)
}

// placesOf returns that by which a frame is found: its namespaces, or when there are many, the words for them.
func placesOf(n topology.Namespaces) []string {
	if n.Count == len(n.Names) && n.Count > 0 {
		var out []string
		for _, name := range n.Names {
			out = append(out, printable(name))
		}
		return out
	}
	return []string{printable(n.String())}
}

// count says how much there is in a picture.
func (p *picture) count() string {
	tiers := 0
	for _, box := range p.Boxes {
		if box.Kind == topology.BoxTier {
			tiers++
		}
	}
	return fmt.Sprintf("%s, %s", number(tiers, "tier", "tiers"), number(len(p.Arrows), "connection", "connections"))
}

func (p *picture) profileRow(profile topology.Profile) pageProfile {
	row := pageProfile{Name: printable(profile.ID), Where: printable(profile.Namespaces.String())}
	switch profile.State {
	case topology.StateEnforced:
		row.State = "in force"
	case topology.StatePreview:
		row.State = "Preview: not in force"
	case topology.StateUnknown:
		row.State = printable("not drawn: " + profile.Reason)
	}
	row.Findings = allInFull(p.findingsOf(profile))
	return row
}

func allInFull(findings []topology.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, printable(string(f.Severity)+" "+string(f.Code)+": "+inFull(f)))
	}
	return out
}

func entriesInFull(a topology.Arrow) []string {
	var out []string
	if a.Kind == topology.ArrowDNS {
		return []string{"dns of the tier"}
	}
	for _, e := range a.Entries {
		text := fmt.Sprintf("%s of %s", e.Name, e.Profile)
		if e.Description != "" {
			text += ": " + e.Description
		}
		out = append(out, printable(text))
	}
	return out
}

// facts collects facts that are there.
type facts []pageFact

func (f *facts) add(name string, values ...string) {
	var there []string
	for _, value := range values {
		if text := printable(value); text != "" {
			there = append(there, text)
		}
	}
	if len(there) > 0 {
		*f = append(*f, pageFact{Name: name, Values: there})
	}
}

func (f *facts) addFindings(findings []topology.Finding) {
	if len(findings) > 0 {
		*f = append(*f, pageFact{Name: "Attention", Values: allInFull(findings), IsBad: true})
	}
}

func (s *scene) boxDetails(b sceneBox) pageDetails {
	var f facts
	f.add("What it is for", b.Description)
	f.add("Stands for", b.Selector)
	f.add("More exactly", b.Details...)
	if b.Pods != nil {
		f.add("Pods", podCount(*b.Pods))
	}
	f.add("Serves", strings.Join(b.Ports, ", "))
	if b.Kind == topology.BoxTier {
		f.add("DNS", string(b.DNS))
	}
	calls, callers := s.partners(b.ID)
	f.add("May call", calls...)
	f.add("May be called by", callers...)
	f.add("NetworkPolicies", b.Policies...)
	f.add("Profile", s.profileOf(b.Box).ID)
	f.addFindings(b.findings)
	return pageDetails{ID: b.about, Title: s.named(b.ID), Facts: f}
}

// partners returns whom a box may call, and who may call it, with ports.
func (p *picture) partners(id string) (calls, callers []string) {
	for _, a := range p.Arrows {
		if a.From == id {
			calls = append(calls, p.named(a.To)+" on "+ports(a)+butState(a))
		}
		if a.To == id {
			callers = append(callers, p.named(a.From)+" on "+ports(a)+butState(a))
		}
	}
	return calls, callers
}

func (s *scene) arrowDetails(a sceneArrow, row pageRow) pageDetails {
	var f facts
	f.add("Ports", row.Ports)
	f.add("State", row.State)
	f.add("Allowed by", row.Entries...)
	f.add("NetworkPolicies", a.Policies...)
	f.addFindings(a.Findings)
	return pageDetails{ID: a.id, Title: row.From + " to " + row.To, Facts: f}
}

func stateInWords(a topology.Arrow) string {
	text := "allowed"
	switch a.State {
	case topology.ArrowOpen:
	case topology.ArrowPreview:
		text = "declared in a preview, not in force"
	case topology.ArrowVoid:
		text = "nothing is allowed: one end is not there"
	case topology.ArrowHalfOpen:
		text = "something else closes one of the ends"
	}
	if a.SameNamespace {
		text += "; only inside one namespace"
	}
	return text
}

// boxData are attributes by which a page's script finds a box.
func (s *scene) boxData(b sceneBox) string {
	i := slices.IndexFunc(s.frames, func(f sceneFrame) bool { return f.ID == b.Group })
	var places []string
	if i >= 0 {
		places = placesOf(s.frames[i].Namespaces)
	}
	words := []string{b.String(), b.Selector, b.Description, b.Where, s.profileOf(b.Box).Name}
	for _, line := range b.lines {
		words = append(words, line.text)
	}
	words = slices.Concat(words, b.Details, b.Ports, b.Policies, places, notes(b.findings))
	return fmt.Sprintf(`data-about="%s" data-namespaces="%s" data-text="%s"`, b.about, escapeHTML(list(places)), searchable(words))
}

// arrowData are attributes by which a page's script finds an arrow.
func (s *scene) arrowData(a sceneArrow) string {
	words := slices.Concat([]string{s.named(a.From), s.named(a.To)}, a.Ports, entriesInFull(a.Arrow), a.Policies, notes(a.Findings))
	return fmt.Sprintf(`data-about="%s" data-from="%s" data-to="%s" data-text="%s"`, a.id, s.boxes[a.from].id, s.boxes[a.to].id, searchable(words))
}

func searchable(words []string) string {
	return escapeHTML(strings.ToLower(printable(strings.Join(words, " "))))
}

// list returns texts as JSON.
func list(texts []string) string {
	if texts == nil {
		texts = []string{}
	}
	out, err := json.Marshal(texts)
	if err != nil {
		// Strings can always be written.
		return "[]"
	}
	return string(out)
}
