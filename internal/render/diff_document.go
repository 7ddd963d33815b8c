package render

import (
	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/connectivity"
)

// DiffDocument is what differs between two views, for machines.
type DiffDocument struct {
	Summary SummaryDocument `json:"summary"`
	// Namespaces are those that are isolated now and were not, or the other way round.
	Namespaces []TurnDocument `json:"namespaces,omitempty"`
	// Parties are the ends of Changes.
	Parties []PartyDocument  `json:"parties"`
	Changes []ChangeDocument `json:"changes"`
	// Omitted is how many changes are counted and not listed.
	Omitted int `json:"omitted,omitempty"`
	// Profiles came, went, or changed their mode; Tiers select other pods; Findings came or went.
	Profiles []ProfileDocument `json:"profiles,omitempty"`
	Tiers    []TierDocument    `json:"tiers,omitempty"`
	Findings []FindingDocument `json:"findings,omitempty"`
	// IfEnforced is what enforcing the profiles that are in Preview afterwards would do.
	IfEnforced *SummaryDocument `json:"ifEnforced,omitempty"`
}

// SummaryDocument is numbers of connections, which are pairs of parties.
type SummaryDocument struct {
	// Gained and Lost: on some ports there is a connection now, or is none any more.
	Gained int `json:"gained"`
	Lost   int `json:"lost"`
	// Widened and Narrowed: only ports differ that the destination does not declare, and some stay open.
	Widened   int `json:"widened"`
	Narrowed  int `json:"narrowed"`
	Unchanged int `json:"unchanged"`
}

// TurnDocument is a namespace that is isolated now, or open now.
type TurnDocument struct {
	Namespace string `json:"namespace"`
	// Isolated: it is now; otherwise it was.
	Isolated bool            `json:"isolated"`
	Changes  SummaryDocument `json:"changes"`
}

// ChangeDocument is a connection that was gained or lost.
type ChangeDocument struct {
	// Change is Gained, Lost, Widened or Narrowed.
	Change connectivity.ChangeKind `json:"change"`
	// From and To are keys of parties.
	From string `json:"from"`
	To   string `json:"to"`
	// The ports that differ.
	PortsDocument
	// Kept are the ports that were and stay open.
	Kept   []string        `json:"kept,omitempty"`
	Causes []CauseDocument `json:"causes,omitempty"`
}

// CauseDocument is what opened or closed a connection at one end.
type CauseDocument struct {
	// Kind is AllowEntry, DNS, TierPolicy, NetworkPolicy, Isolated or NoLongerIsolated.
	Kind connectivity.CauseKind `json:"kind"`
	// Namespace is that of the end.
	Namespace string `json:"namespace"`
	// Profile is "SegmentationProfile shop/web".
	Profile string       `json:"profile,omitempty"`
	Entry   string       `json:"entry,omitempty"`
	Tier    string       `json:"tier,omitempty"`
	Policy  string       `json:"policy,omitempty"`
	DNS     v1alpha1.DNS `json:"dns,omitempty"`
	// Text is the cause in words.
	Text string `json:"text"`
}

// ProfileDocument is a profile that came, went, or changed its mode.
type ProfileDocument struct {
	Profile string `json:"profile"`
	// Before and After are its modes; missing where there is no such profile.
	Before v1alpha1.Mode `json:"before,omitempty"`
	After  v1alpha1.Mode `json:"after,omitempty"`
}

// TierDocument is a tier that selects other pods; empty selectors select every pod of the namespace.
type TierDocument struct {
	Profile string `json:"profile"`
	Tier    string `json:"tier"`
	Before  string `json:"before"`
	After   string `json:"after"`
}

// FindingDocument is a finding that came or went.
type FindingDocument struct {
	Profile string `json:"profile"`
	Gone    bool   `json:"gone,omitempty"`
	v1alpha1.Finding
}

// NewDiffDocument returns what differs for machines.
func NewDiffDocument(d Diff) DiffDocument {
	out := DiffDocument{Summary: newSummary(d.Counts), Parties: []PartyDocument{}, Changes: []ChangeDocument{}, Omitted: d.Omitted}
	seen := map[string]bool{}
	for _, c := range d.Changes {
		for _, p := range []connectivity.Party{c.From, c.To} {
			if !seen[partyKey(p)] {
				seen[partyKey(p)] = true
				out.Parties = append(out.Parties, newPartyDocument(p))
			}
		}
		out.Changes = append(out.Changes, newChangeDocument(c))
	}
	for _, t := range d.Turned {
		out.Namespaces = append(out.Namespaces, TurnDocument{Namespace: t.Namespace, Isolated: t.Closed, Changes: newSummary(t.Counts)})
	}
	for _, p := range d.Profiles {
		out.Profiles = append(out.Profiles, ProfileDocument{Profile: p.Profile.String(), Before: p.Before, After: p.After})
	}
	for _, t := range d.Tiers {
		out.Tiers = append(out.Tiers, TierDocument{Profile: t.Profile.String(), Tier: t.Tier, Before: t.Before, After: t.After})
	}
	for _, f := range d.Findings {
		out.Findings = append(out.Findings, FindingDocument{Profile: f.Profile.String(), Gone: f.Gone, Finding: f.Finding})
	}
	if d.IfEnforced != nil {
		summary := newSummary(*d.IfEnforced)
		out.IfEnforced = &summary
	}
	return out
}

func newChangeDocument(c connectivity.Change) ChangeDocument {
	out := ChangeDocument{
		Change: c.Kind, From: documentKey(c.From), To: documentKey(c.To), PortsDocument: newPortsDocument(c.Ports), Kept: c.Kept.List(c.Kept.All()),
	}
	for _, cause := range c.Causes {
		document := CauseDocument{
			Kind: cause.Kind, Namespace: cause.Namespace, Entry: cause.Entry, Tier: cause.Tier, Policy: cause.Policy, DNS: cause.DNS,
			Text: causeInWords(sign(c.Kind) == "+", cause),
		}
		if cause.Profile.Name != "" {
			document.Profile = cause.Profile.String()
		}
		out.Causes = append(out.Causes, document)
	}
	return out
}

func newSummary(c connectivity.Counts) SummaryDocument {
	return SummaryDocument{Gained: c.Gained, Lost: c.Lost, Widened: c.Widened, Narrowed: c.Narrowed, Unchanged: c.Unchanged}
}
