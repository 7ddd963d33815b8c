package importer

import (
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
)

// group is peers, at one or several tiers, with the same ports.
type group struct {
	tiers, peers []v1alpha1.Peer
	ports        []v1alpha1.Port
}

// entry is an allow entry, with the policy that it comes from.
type entry struct {
	v1alpha1.AllowEntry
	policy string
}

// entries returns the atoms as allow entries, in the order of the policies and their rules.
func (t *translation) entries() []entry {
	names := newNamer()
	var out []entry
	for _, o := range t.origins() {
		for _, g := range t.groups(o) {
			for peers := range slices.Chunk(packed(g.peers), maxListed) {
				for ports := range slices.Chunk(g.ports, maxListed) {
					for tiers := range slices.Chunk(g.tiers, maxListed) {
						e := v1alpha1.AllowEntry{Name: names.entry(o.policy), Description: o.description, From: peers, To: tiers, Ports: ports}
						if o.direction == networkpolicy.Egress {
							e.From, e.To = e.To, e.From
						}
						out = append(out, entry{e, o.policy})
					}
				}
			}
		}
	}
	return out
}

// packed returns peers with the address ranges that have no exceptions together, as many in one as it may list.
func packed(peers []v1alpha1.Peer) []v1alpha1.Peer {
	var out []v1alpha1.Peer
	at := -1
	for _, p := range peers {
		if p.IPBlocks == nil || len(p.IPBlocks.Except) > 0 {
			out = append(out, p)
			continue
		}
		if at < 0 || len(out[at].IPBlocks.CIDRs)+len(p.IPBlocks.CIDRs) > maxCIDRs {
			at = len(out)
			out = append(out, v1alpha1.Peer{IPBlocks: &v1alpha1.IPBlocksPeer{}})
		}
		out[at].IPBlocks.CIDRs = append(out[at].IPBlocks.CIDRs, p.IPBlocks.CIDRs...)
	}
	return out
}

// origins returns the rules that atoms come from, in the order of the atoms.
func (t *translation) origins() []origin {
	seen := map[origin]bool{}
	var out []origin
	for _, a := range t.atoms {
		if !seen[a.origin] {
			seen[a.origin] = true
			out = append(out, a.origin)
		}
	}
	return out
}

// groups returns the atoms of a rule, with the peers together that have the same ports at the same tiers.
func (t *translation) groups(o origin) []group {
	type pair struct{ tier, peer string }
	byPair := map[pair]*group{}
	var pairs []*group
	for _, a := range t.atoms {
		if a.origin != o {
			continue
		}
		key := pair{a.tier.name, networkpolicy.Key(a.peer)}
		if byPair[key] == nil {
			byPair[key] = &group{tiers: []v1alpha1.Peer{{Tier: a.tier.name}}, peers: []v1alpha1.Peer{a.peer}}
			pairs = append(pairs, byPair[key])
		}
		byPair[key].ports = append(byPair[key].ports, a.port)
	}
	byPeers := merge(pairs, func(g *group) string { return networkpolicy.Key(g.tiers) + networkpolicy.Key(g.ports) },
		func(into, g *group) { into.peers = append(into.peers, g.peers...) })
	whole := merge(byPeers, func(g *group) string { return networkpolicy.Key(g.peers) + networkpolicy.Key(g.ports) },
		func(into, g *group) { into.tiers = append(into.tiers, g.tiers...) })
	out := make([]group, 0, len(whole))
	for _, g := range whole {
		out = append(out, *g)
	}
	return out
}

// merge joins the groups that have the same key, in their order.
func merge(groups []*group, key func(*group) string, join func(into, g *group)) []*group {
	byKey := map[string]*group{}
	var out []*group
	for _, g := range groups {
		k := key(g)
		if into := byKey[k]; into != nil {
			join(into, g)
			continue
		}
		byKey[k] = g
		out = append(out, g)
	}
	return out
}

// liftPorts gives a tier the ports that all entries which lead to it have, so that they need not repeat them.
func (t *translation) liftPorts(p *v1alpha1.SegmentationProfile) {
	for i := range p.Spec.Tiers {
		here := &p.Spec.Tiers[i]
		var leading []*v1alpha1.AllowEntry
		isAlone := true
		for j := range p.Spec.Allow {
			entry := &p.Spec.Allow[j]
			if slices.ContainsFunc(entry.To, func(to v1alpha1.Peer) bool { return to.Tier == here.Name }) {
				leading = append(leading, entry)
				isAlone = isAlone && len(entry.To) == 1
			}
		}
		if !isAlone || len(leading) == 0 || isEvery(leading[0].Ports) {
			continue
		}
		same := func(e *v1alpha1.AllowEntry) bool {
			return networkpolicy.Key(e.Ports) == networkpolicy.Key(leading[0].Ports)
		}
		if i := slices.IndexFunc(leading, func(e *v1alpha1.AllowEntry) bool { return !same(e) }); i >= 0 {
			continue
		}
		here.Ports = leading[0].Ports
		for _, entry := range leading {
			entry.Ports = nil
		}
	}
}

// isEvery says whether one of these is every port of a protocol.
func isEvery(ports []v1alpha1.Port) bool {
	return slices.ContainsFunc(ports, func(p v1alpha1.Port) bool {
		return p.EndPort != nil && p.Port.IntVal == portset.First && *p.EndPort == portset.Last
	})
}
