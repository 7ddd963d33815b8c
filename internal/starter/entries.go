package starter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/ipset"
)

// maxCIDRs is how many ranges a peer has at most.
const maxCIDRs = 64

// made is an entry, with what was seen of just those whom it names.
type made struct {
	v1alpha1.AllowEntry
	of *link
}

func (m made) said() string { return m.of.said(m.Ports) }

// addEntries adds the entries of links.
func (p *proposal) addEntries(seen []*link) {
	for _, l := range seen {
		for _, entry := range p.entriesOf(l) {
			if len(p.Profile.Spec.Allow) == maxEntries {
				p.passOver(fmt.Sprintf("for which there is no room, as a profile has at most %d entries", maxEntries), entry.of.times(entry.Ports), entry.Name)
				continue
			}
			p.guessed.add(l)
			p.Entries[entry.Name] = entry.said()
			p.Profile.Spec.Allow = append(p.Profile.Spec.Allow, entry.AllowEntry)
		}
	}
}

// addOffers adds entries to decide about: those of links of which an end can only be named together with others.
func (p *proposal) addOffers(seen []*link) {
	for _, l := range seen {
		if len(l.from.peers) == 0 || len(l.to.peers) == 0 || (!areTiers(l.from.peers) && !areTiers(l.to.peers)) {
			continue
		}
		for _, entry := range p.entriesOf(l) {
			if len(p.ToFillIn) == maxEntries {
				return
			}
			p.Entries[entry.Name] = entry.said()
			p.ToFillIn = append(p.ToFillIn, entry.AllowEntry)
		}
	}
}

func areTiers(peers []v1alpha1.Peer) bool {
	return !slices.ContainsFunc(peers, func(p v1alpha1.Peer) bool { return p.Tier == "" })
}

// entriesOf returns the entries of a link: one, unless it has more ports or addresses than an entry can have.
func (p *proposal) entriesOf(l *link) []made {
	if len(l.addresses) < 2 {
		return p.entriesBetween(l, l.from.peers, l.to.peers, l.from.name+"-to-"+l.to.name)
	}
	outside := "outside"
	if l.from.unclear == unclearPrivate || l.to.unclear == unclearPrivate {
		outside = "private"
	}
	var out []made
	for ranges := range slices.Chunk(rangesOf(l.addresses), maxCIDRs) {
		if some := l.within(ranges); l.from.address.IsValid() {
			out = append(out, p.entriesBetween(some, blocks(ranges), l.to.peers, outside+"-to-"+l.to.name)...)
		} else {
			out = append(out, p.entriesBetween(some, l.from.peers, blocks(ranges), l.from.name+"-to-"+outside)...)
		}
	}
	return out
}

// entriesBetween returns the entries of a link between these.
func (p *proposal) entriesBetween(l *link, from, to []v1alpha1.Peer, name string) []made {
	var out []made
	for _, ports := range portsFor(l) {
		out = append(out, made{v1alpha1.AllowEntry{Name: p.taken.Take(name), From: from, To: to, Ports: ports}, l})
	}
	return out
}

// portsFor returns the ports of the entries of a link: none where the destination brings them, as the API server does, and a tier all
// of whose ports were seen.
func portsFor(l *link) [][]v1alpha1.Port {
	ports := l.sortedPorts()
	own := portsOf(l.to)
	if l.to.isAPIServer || (len(own) > 0 && slices.EqualFunc(own, ports, func(a, b v1alpha1.Port) bool { return comparePorts(a, b) == 0 })) {
		return [][]v1alpha1.Port{nil}
	}
	return slices.Collect(slices.Chunk(ports, maxPorts))
}

// rangesOf returns ranges of exactly these addresses.
func rangesOf(addresses []netip.Addr) []netip.Prefix {
	var hosts []netip.Prefix
	for _, addr := range addresses {
		hosts = append(hosts, ipset.Host(addr))
	}
	return ipset.Aggregate(hosts)
}

// blocks returns a peer of these ranges.
func blocks(ranges []netip.Prefix) []v1alpha1.Peer {
	var cidrs []string
	for _, r := range ranges {
		cidrs = append(cidrs, r.String())
	}
	return []v1alpha1.Peer{{IPBlocks: &v1alpha1.IPBlocksPeer{CIDRs: cidrs}}}
}

// times returns how often connections to these ports were seen; to all ports for nil.
func (l *link) times(ports []v1alpha1.Port) int {
	n := 0
	for port, t := range l.ports {
		if ports == nil || len(without([]v1alpha1.Port{port}, ports)) == 0 {
			n += t.seen()
		}
	}
	return n
}

// said says what an entry was made from, and what is to be thought about.
func (l *link) said(ports []v1alpha1.Port) string {
	if ports == nil {
		ports = l.sortedPorts()
	}
	var seen []string
	for _, port := range ports {
		seen = append(seen, fmt.Sprintf("%s on %s", times(l.ports[port].seen()), portInWords(port)))
	}
	said := "Seen " + strings.Join(seen, ", ") + "."
	if len(l.known) > 0 {
		said += " The addresses were looked up as " + l.known.String() + "."
	}
	for _, doubt := range []string{wider(l.from.unclear), wider(l.to.unclear), doubtOf(l)} {
		if doubt != "" {
			said += "\n" + doubt
		}
	}
	return said
}

// doubtOf says what to think of where addresses are named.
func doubtOf(l *link) string {
	switch {
	case l.from.unclear != "" || l.to.unclear != "":
	case l.to.address.IsValid() && arePublic(l.addresses):
		return "Only these addresses. Where they change, internet: {} stands for all public addresses, and that is more than was seen."
	case l.to.address.IsValid():
		return "Only these addresses. Where they change, name their range."
	case l.from.address.IsValid() && arePublic(l.addresses):
		return "Only these addresses. Where others are to come in, too, name their range, or internet: {} for all public addresses."
	case l.from.address.IsValid():
		return "Only these addresses. Where others are to come in, too, name their range."
	}
	return ""
}

// arePublic says whether all of these are among what the internet peer stands for.
func arePublic(addresses []netip.Addr) bool {
	return !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !ipset.Public(ipset.Host(a)) })
}

// wider says what an entry allows besides what was seen, when an end of it is not clear; empty when it is.
func wider(unclear string) string {
	switch unclear {
	case unclearNode:
		return "This is every node, and all that is on its network; a nodeSelector says which. Probes of a pod's own node need no entry."
	case unclearPod:
		return "This is every pod of the namespace, as those that were seen are not known here: a podSelector says which."
	case unclearAlike:
		return "This is every pod of the namespace, as no labels tell those that were seen from others: a podSelector says which."
	case unclearPrivate:
		return "Nobody here has such an address. If it is outside the cluster, this is all there is to it; a pod is better named by its labels."
	case unclearService:
		return "This is all that the Service leads to."
	}
	return ""
}
