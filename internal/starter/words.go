package starter

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"firebreak.dev/firebreak/internal/flowlog"
)

// mostListed is how many names are listed.
const mostListed = 8

// names are names, each once.
type names map[string]bool

func (n *names) add(more ...string) {
	for _, name := range more {
		if *n == nil {
			*n = names{}
		}
		(*n)[name] = true
	}
}

// String lists the names, sorted.
func (n names) String() string { return listed(slices.Sorted(maps.Keys(n))) }

func listed(list []string) string {
	if more := len(list) - mostListed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:mostListed], ", "), more)
	}
	return strings.Join(list, ", ")
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// passed are observations of which no entry was made.
type passed struct {
	times int
	names names
}

// passOver notes observations of which no entry is made. Why follows "Connections".
func (p *proposal) passOver(why string, n int, of ...string) {
	if p.passed[why] == nil {
		p.passed[why] = &passed{}
	}
	p.passed[why].times += n
	p.passed[why].names.add(of...)
}

// tellPassedOver says what was passed over, and why.
func (p *proposal) tellPassedOver() {
	for _, why := range slices.Sorted(maps.Keys(p.passed)) {
		here := p.passed[why]
		said := fmt.Sprintf("Connections %s, seen %s", why, times(here.times))
		if len(here.names) > 0 {
			said += ": " + here.names.String()
		}
		p.PassedOver = append(p.PassedOver, said+".")
	}
	if p.Input.Observed == nil {
		return
	}
	for _, why := range slices.Sorted(maps.Keys(p.Input.Observed.Skipped)) {
		p.PassedOver = append(p.PassedOver, skipped(why, p.Input.Observed.Skipped[why]))
	}
}

// skipped says why no connection was read from records.
func skipped(why flowlog.Reason, n int) string {
	records := fmt.Sprintf("%d records", n)
	if n == 1 {
		records = "One record"
	}
	switch why {
	case flowlog.Reply:
		return records + " of replies, which follow from their connections."
	case flowlog.NoDirection:
		return records + " without a word on which end opened the connection."
	case flowlog.NoVerdict:
		return records + " without a verdict, or of addresses before they were translated."
	case flowlog.OtherCluster:
		return records + " of connections between clusters."
	case flowlog.NoConnection:
	}
	return records + " of no connection of TCP, UDP or SCTP between two ends."
}

// tellGuesses says what the entries rest on.
func (p *proposal) tellGuesses() {
	for _, g := range []guess{guessName, guessLabels, guessAddress, guessAPIServer} {
		if of := p.guessed[g]; len(of) > 0 {
			p.Guesses = append(p.Guesses, string(g)+": "+of.String()+".")
		}
	}
}

// guessDNS says which tiers may ask the cluster's DNS and were not seen to.
func (p *proposal) guessDNS(asking names) {
	var others []string
	for _, g := range p.here {
		if g.tier != nil && !asking[g.tier.Name] {
			others = append(others, g.tier.Name)
		}
	}
	if len(others) > 0 {
		p.Guesses = append(p.Guesses, "Each tier may ask the cluster's DNS (dns: Cluster), though these were not seen to: "+listed(others)+".")
	}
}

// tellUncalled says of tiers that nobody was seen to connect to them.
func (p *proposal) tellUncalled(seen []*link) {
	called := map[*group]bool{}
	for _, l := range seen {
		called[l.to.group] = true
	}
	for _, g := range p.here {
		if g.tier != nil && !called[g] {
			p.Tiers[g.tier.Name] += "\nNobody was seen to connect to it."
		}
	}
}

// guesses are who the ends of entries are by guess.
type guesses map[guess]names

func (g guesses) add(l *link) {
	for _, end := range []party{l.from, l.to} {
		if end.guess == guessNone {
			continue
		}
		here := g[end.guess]
		if !end.address.IsValid() {
			here.add(end.name)
		}
		for _, addr := range l.addresses {
			if end.address.IsValid() {
				here.add(addr.String())
			}
		}
		g[end.guess] = here
	}
}
