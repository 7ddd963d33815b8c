package render

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/explanation"
	"firebreak.dev/firebreak/internal/networkpolicy"
)

// maxRules is how many rules are shown of those that admit a connection at one end, and maxRuleLength how much of one.
const (
	maxRules      = 3
	maxRuleLength = 240
)

// Explain words an explanation for people: for each answer a line with the verdict, a line for each end with who decides there, and
// what would allow it. Notes are not in it.
func Explain(out io.Writer, e explanation.Explanation, style Style) {
	w := &explainWriter{out: out, style: style, e: e}
	for i, a := range e.Answers {
		if i > 0 {
			fmt.Fprintln(out)
		}
		w.answer(a)
	}
}

type explainWriter struct {
	out   io.Writer
	style Style
	e     explanation.Explanation
	// said are the descriptions of entries that were shown for the answer at hand.
	said map[string]bool
}

func (w *explainWriter) answer(a explanation.Answer) {
	w.said = map[string]bool{}
	from, to := w.party(a.Source, w.e.Source), w.party(a.Destination, w.e.Destination)
	fmt.Fprintf(w.out, "%s  %s → %s  %s\n", w.verdict(a.Verdict), w.style.Bold(from), w.style.Bold(to), portsInWords(a.Ports))
	w.decision("leaves "+a.Source.Name, networkpolicy.Egress, a.Egress)
	w.decision("enters "+a.Destination.Name, networkpolicy.Ingress, a.Ingress)
	w.remedies("To allow it, add", a.Remedies)
	for _, p := range a.Previews {
		w.preview(p)
	}
}

// party names an end, with its namespace unless both are in the one that is meant anyway, and whom of it an answer is about.
func (w *explainWriter) party(p explanation.Party, e explanation.End) string {
	name := p.Name
	source, destination := w.e.Source.Namespace, w.e.Destination.Namespace
	apart := source != destination && source != "" && destination != ""
	if (apart || e.Namespace != w.e.Namespace) && e.Namespace != "" && e.Kind != explanation.KindNamespace {
		name += " in " + e.Namespace
	}
	if p.Which != "" {
		name += fmt.Sprintf(" (%s)", p.Which)
	}
	return name
}

func portsInWords(ports []explanation.Port) string {
	var parts []string
	for _, p := range ports {
		parts = append(parts, p.String())
	}
	return strings.Join(parts, ", ")
}

func (w *explainWriter) verdict(v evaluator.Verdict) string {
	text := strings.ToUpper(string(v))
	switch v {
	case evaluator.Allowed:
		return w.style.Bold(w.style.Green(text))
	case evaluator.Denied:
		return w.style.Bold(w.style.Red(text))
	default:
		return w.style.Bold(w.style.Yellow(text))
	}
}

// decision words what is decided at one end, and by whom.
func (w *explainWriter) decision(end string, direction networkpolicy.Direction, d explanation.Decision) {
	mark, why, details := w.style.Green("✓"), d.Reason, []string(nil)
	switch d.Verdict {
	case evaluator.Denied:
		mark = w.style.Red("✗")
		if len(d.Isolating) > 0 {
			why, details = deniedBy(d)
		}
	case evaluator.Undecidable:
		mark = w.style.Yellow("?")
		var by string
		by, details = w.admittedBy(direction, d)
		details = append([]string{"It may be allowed by " + by + "."}, details...)
	case evaluator.Allowed:
		var by string
		by, details = w.admittedBy(direction, d)
		why = "allowed by " + by
	default:
	}
	fmt.Fprintf(w.out, "  %s %s: %s\n", mark, end, why)
	for _, line := range details {
		fmt.Fprintf(w.out, "      %s\n", w.style.Faint(line))
	}
}

// deniedBy says who isolates an end that no rule opens, and names the policies.
func deniedBy(d explanation.Decision) (why string, details []string) {
	var keepers []string
	onlyDefault := true
	for _, p := range d.Isolating {
		if p.DefaultDeny && hasTierOf(d, p) {
			continue
		}
		details = append(details, "NetworkPolicy "+policyInWords(p))
		onlyDefault = onlyDefault && p.DefaultDeny
		if keeper := keeperInWords(p); !slices.Contains(keepers, keeper) {
			keepers = append(keepers, keeper)
		}
	}
	if len(details) > maxRules {
		details = append(details[:maxRules], fmt.Sprintf("and %d more", len(details)-maxRules))
	}
	switch {
	case onlyDefault:
		return "denied: no tier selects it, and so it falls under the " + strings.Join(keepers, " and the "), details
	case len(keepers) == 1:
		return "denied: " + keepers[0] + " does not admit it", details
	}
	return "denied: neither " + strings.Join(keepers, " nor ") + " admits it", details
}

// hasTierOf says whether the policy of a tier is there beside the default-deny of its profile, which then adds nothing.
func hasTierOf(d explanation.Decision, defaultDeny explanation.Policy) bool {
	return slices.ContainsFunc(d.Isolating, func(p explanation.Policy) bool {
		return !p.DefaultDeny && p.Profile != nil && *p.Profile == *defaultDeny.Profile
	})
}

// keeperInWords names the profile and tier behind a policy, or the policy when nobody is.
func keeperInWords(p explanation.Policy) string {
	switch {
	case p.Profile == nil:
		return fmt.Sprintf("NetworkPolicy %s/%s (no profile's)", p.Namespace, p.Name)
	case p.DefaultDeny:
		return "default-deny of " + p.Profile.String()
	case p.Tier == "":
		return p.Profile.String()
	}
	return fmt.Sprintf("%s (tier %s)", p.Profile, p.Tier)
}

// policyInWords names a policy and says what is odd about it.
func policyInWords(p explanation.Policy) string {
	text := p.Namespace + "/" + p.Name
	if p.Edited {
		text += ", changed by hand since Firebreak wrote it"
	}
	switch p.State {
	case explanation.StatePreviewed:
		text += ", left from before its profile was in Preview"
	case explanation.StateFrozen:
		text += ", frozen with its profile"
	case explanation.StateLeaving:
		text += ", which its profile wants no more"
	case explanation.StateRetained:
		text += ", retained when its profile goes"
	case explanation.StateGone:
		text += ", whose profile is gone"
	case explanation.StateEnforced:
	}
	return text
}

// admittedBy says which entry or policy admits a connection, and shows the rules.
func (w *explainWriter) admittedBy(direction networkpolicy.Direction, d explanation.Decision) (who string, details []string) {
	var by []string
	for i, r := range d.Admitting {
		who, description := ruleInWords(r, policyOf(d, r.Policy))
		if !slices.Contains(by, who) {
			by = append(by, who)
			if description != "" && !w.said[description] {
				w.said[description] = true
				details = append(details, description)
			}
		}
		switch {
		case i < maxRules:
			text := fmt.Sprintf("NetworkPolicy %s, %s[%d]: %s", policyInWords(policyOf(d, r.Policy)), direction, r.Index, r.Excerpt)
			details = append(details, cutTo(text, maxRuleLength))
		case i == maxRules:
			details = append(details, fmt.Sprintf("and %d more rules", len(d.Admitting)-maxRules))
		}
	}
	return strings.Join(by, " and "), details
}

func policyOf(d explanation.Decision, name string) explanation.Policy {
	i := slices.IndexFunc(d.Isolating, func(p explanation.Policy) bool { return p.Name == name })
	if i < 0 {
		return explanation.Policy{Name: name}
	}
	return d.Isolating[i]
}

// ruleInWords names the entries behind a rule, or its policy when there are none.
func ruleInWords(r explanation.Rule, p explanation.Policy) (who, description string) {
	switch {
	case p.Profile == nil:
		return fmt.Sprintf("NetworkPolicy %s/%s (no profile's)", p.Namespace, p.Name), ""
	case len(r.Entries) == 0:
		return fmt.Sprintf("NetworkPolicy %s/%s, though no entry of %s asks for it", p.Namespace, p.Name, p.Profile), ""
	}
	var names []string
	for _, e := range r.Entries {
		if e.Name == compiler.EntryDNS {
			names = append(names, "DNS")
		} else {
			names = append(names, "entry "+e.Name)
		}
		if description == "" {
			description = e.Description
		}
	}
	return strings.Join(names, ", ") + " of " + p.Profile.String(), description
}

func cutTo(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}

// remedies prints lines under the place where each goes.
func (w *explainWriter) remedies(begin string, list []explanation.Remedy) {
	where := ""
	for _, r := range list {
		if r.Kind == explanation.RemedyAdvice {
			fmt.Fprintln(w.out, r.Note)
			continue
		}
		if target := remedyTarget(r); target != where {
			fmt.Fprintf(w.out, "%s to %s:\n", begin, target)
			begin, where = "And", target
		}
		fmt.Fprintf(w.out, "  %s\n", w.style.Cyan("- "+r.Line))
		if r.Note != "" {
			fmt.Fprintf(w.out, "    %s\n", w.style.Faint(r.Note))
		}
	}
}

func remedyTarget(r explanation.Remedy) string {
	switch r.Kind {
	case explanation.RemedyTier:
		return "tiers of " + r.Profile.String()
	case explanation.RemedyRule:
		return fmt.Sprintf("%s of NetworkPolicy %s", r.Direction, r.Policy)
	default:
		return "allow of " + r.Profile.String()
	}
}

func (w *explainWriter) preview(p explanation.Preview) {
	would := map[evaluator.Verdict]string{
		evaluator.Denied: "would cut this", evaluator.Allowed: "would allow this", evaluator.Undecidable: "would leave this to the network plugin",
	}[p.Verdict]
	fmt.Fprintf(w.out, "%s Enforcing %s, which is in Preview, %s.\n", w.style.Yellow("!"), p.Profile, would)
	w.remedies("To keep it, add", p.Remedies)
}
