package random

import (
	"maps"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// shuffledProfile shares nothing that it changes with p.
func (d Drawer) shuffledProfile(p snapshot.Profile) snapshot.Profile {
	p.Tiers, p.Allow = Shuffled(d, p.Tiers), Shuffled(d, p.Allow)
	for i := range p.Tiers {
		p.Tiers[i].Ports = Shuffled(d, p.Tiers[i].Ports)
	}
	for i := range p.Allow {
		entry := &p.Allow[i]
		entry.From, entry.To, entry.Ports = Shuffled(d, entry.From), Shuffled(d, entry.To), Shuffled(d, entry.Ports)
		for _, peers := range [][]v1alpha1.Peer{entry.From, entry.To} {
			for j := range peers {
				peers[j] = *peers[j].DeepCopy()
				d.shufflePeer(&peers[j])
			}
		}
	}
	return p
}

func (d Drawer) shufflePeer(p *v1alpha1.Peer) {
	switch {
	case p.Pods != nil:
		p.Pods.Namespaces = Shuffled(d, p.Pods.Namespaces)
		if p.Pods.PodSelector != nil {
			p.Pods.PodSelector.MatchExpressions = Shuffled(d, p.Pods.PodSelector.MatchExpressions)
		}
	case p.IPBlocks != nil:
		p.IPBlocks.CIDRs, p.IPBlocks.Except = Shuffled(d, p.IPBlocks.CIDRs), Shuffled(d, p.IPBlocks.Except)
	case p.Internet != nil:
		p.Internet.Except = Shuffled(d, p.Internet.Except)
	}
}

// shuffledFacts returns the facts in another order.
func (d Drawer) shuffledFacts(f snapshot.Facts) snapshot.Facts {
	out := snapshot.Facts{
		Services: Shuffled(d, f.Services), EndpointSlices: Shuffled(d, f.EndpointSlices), RemoteProfiles: Shuffled(d, f.RemoteProfiles),
		Nodes: Shuffled(d, f.Nodes), ClusterRanges: Shuffled(d, f.ClusterRanges), PodAddresses: maps.Clone(f.PodAddresses),
	}
	for i := range out.EndpointSlices {
		out.EndpointSlices[i].Endpoints = Shuffled(d, out.EndpointSlices[i].Endpoints)
		out.EndpointSlices[i].Ports = Shuffled(d, out.EndpointSlices[i].Ports)
	}
	return out
}
