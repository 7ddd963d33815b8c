package compiler

import (
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
)

// EntryDNS stands for the name of an entry where a tier's dns opens a flow. No entry can bear it: it is in capitals.
const EntryDNS = "DNS"

// Flow is what an allow entry, or DNS, opens at a tier in one direction. A flow that opens nothing is none.
type Flow struct {
	Tier string
	// Entry is the name of the allow entry, or EntryDNS.
	Entry     string
	Direction networkpolicy.Direction
	// Peers are the other ends; empty for everybody.
	Peers []networkingv1.NetworkPolicyPeer
	// Ports are those of the destinations, at least one.
	Ports []v1alpha1.Port
	// Declared is the peer of the entry that Peers stand for, whole or in part; the zero value for DNS.
	Declared v1alpha1.Peer
}

// flow is a Flow while its tier is being compiled.
type flow struct {
	// entry is the name of the allow entry, or EntryDNS.
	entry     string
	direction networkpolicy.Direction
	peers     peerSet
	ports     []v1alpha1.Port
	declared  v1alpha1.Peer
	purpose   string
}

// tierFlows returns everything that is opened at one tier, in the order of the entries, DNS last. Flows without peers
// are left out: as a rule they would admit everybody. It stops at a tier with more than can be stored.
func (c *compilation) tierFlows(tier v1alpha1.ClusterTier) ([]flow, error) {
	flows := make([]flow, 0, len(c.profile.Allow))
	for _, entry := range c.profile.Allow {
		before := len(flows)
		flows = c.egressFlows(c.ingressFlows(flows, tier, entry), tier, entry)
		from(entry.Name, flows[before:])
		if c.memo.isFull() {
			return nil, profileTooLarge()
		}
		if len(flows) > maxFlows {
			return nil, c.policyTooLarge(tier, flows)
		}
	}
	before := len(flows)
	flows = append(flows, c.dnsFlows(tier)...)
	from(EntryDNS, flows[before:])
	return flows, nil
}

// ingressFlows appends what an entry opens to a tier.
func (c *compilation) ingressFlows(flows []flow, tier v1alpha1.ClusterTier, entry v1alpha1.AllowEntry) []flow {
	if !namesTier(entry.To, tier.Name) {
		return flows
	}
	ports := entry.Ports
	if len(ports) == 0 {
		ports = tier.Ports
	}
	repeated := c.memo.repeated(entry.From)
	for i, source := range entry.From {
		for _, t := range c.resolveSource(source, tier, place(entry, "from", i)) {
			if repeated[i] || t.peers.isEmpty() || len(ports) == 0 {
				// No ports would open every port; validation has refused such a profile, so this is a second lock.
				continue
			}
			flows = append(flows, flow{
				direction: networkpolicy.Ingress, peers: t.peers, ports: ports, declared: source,
				purpose: sentence(entry, "accepts "+describePeer(source), c.memo.ports(ports).text),
			})
		}
	}
	return flows
}

// egressFlows appends what an entry opens from a tier.
func (c *compilation) egressFlows(flows []flow, tier v1alpha1.ClusterTier, entry v1alpha1.AllowEntry) []flow {
	if !namesTier(entry.From, tier.Name) {
		return flows
	}
	repeated := c.memo.repeated(entry.To)
	for i, destination := range entry.To {
		for _, t := range c.resolveDestination(destination, entry.Ports, tier, place(entry, "to", i)) {
			if repeated[i] || t.peers.isEmpty() || len(t.ports) == 0 {
				continue // as above
			}
			flows = append(flows, flow{
				direction: networkpolicy.Egress, peers: t.peers, ports: t.ports, declared: destination,
				purpose: sentence(entry, "connects to "+describePeer(destination), c.memo.ports(t.ports).text),
			})
		}
	}
	return flows
}

func namesTier(peers []v1alpha1.Peer, name string) bool {
	for _, p := range peers {
		if p.Tier == name {
			return true
		}
	}
	return false
}

// peerSet is the peers of one rule. Everyone has no peers to list; nobody, the zero value, must never become a rule.
type peerSet struct {
	everyone bool
	peers    []networkingv1.NetworkPolicyPeer
}

func (s peerSet) isEmpty() bool { return !s.everyone && len(s.peers) == 0 }
