package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/starter"
)

// Proposal writes a proposed profile as YAML, with what there is to know of its parts, and entries to decide about, as comments.
func Proposal(out io.Writer, p *starter.Proposal) error {
	remarks := Remarks{
		Head: "A first profile for namespace " + p.Profile.Namespace + ", proposed from what is in it. Read it as if somebody else had written it.",
		Fields: map[string]string{
			"mode":      "Preview writes no NetworkPolicy: the status says what Enforce would cut. When it cuts nothing that is needed, take this line out.",
			"isolation": "Every pod of the namespace is denied what is not allowed below, both ways, also those in no tier. Tiers would leave these alone.",
			"dns":       "Each tier may ask the cluster's DNS, and no other. A tier that asks nobody can have a dns: None of its own.",
			"tiers":     "Pods that play the same part, by their labels, and the ports on which they serve: of the pods, not of their Services.",
		},
		Tiers: p.Tiers, Entries: p.Entries,
	}
	if p.Observed {
		remarks.Fields["allow"] = "Who may talk to whom: what was seen, and nothing else. What was not seen while it was watched is missing. Without ports of its\n" +
			"own, an entry opens those of the tier that it leads to."
	}
	if len(p.ToFillIn) > 0 {
		foot, err := toFillIn(p)
		if err != nil {
			return err
		}
		remarks.Foot = foot
	}
	return Profile(out, p.Profile, remarks)
}

// toFillIn returns the entries to decide about as text for a comment: without the marks of the comment, they go on where the profile
// ends.
func toFillIn(p *starter.Proposal) (string, error) {
	example := &v1alpha1.SegmentationProfile{}
	example.Spec.Allow = p.ToFillIn
	var text bytes.Buffer
	if err := Profile(&text, example, Remarks{Entries: p.Entries}); err != nil {
		return "", fmt.Errorf("write entries to fill in: %w", err)
	}
	_, entries, _ := strings.Cut(text.String(), "\n  allow:\n")
	if len(p.Profile.Spec.Allow) == 0 {
		entries = "  allow:\n" + entries
	}
	head := "Who may talk to whom is for you to say; until then it is nobody, but for DNS. This is a beginning: take out what nobody calls, and\n" +
		"say for each " + starter.Who + " who does, as {tier: web}, {pods: {namespaces: [monitoring], podSelector: {matchLabels: {app: prometheus}}}} or\n" +
		"{ipBlocks: {cidrs: [192.0.2.0/24]}}. Who is called outside needs an entry, too: to: [{internet: {}}] with ports: [{port: 443}].\n" +
		"With --from-flows, entries are made of connections that were observed.\n"
	if p.Observed {
		head = "These were seen, and an entry may allow more than that. Where you want it, narrow it if you can, and take the marks away.\n"
	}
	return head + strings.TrimRight(entries, "\n"), nil
}
