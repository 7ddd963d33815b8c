package compiler

import (
	"net/netip"
	"strconv"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// target is a part of what a peer stands for: the NetworkPolicy peers that share the ports on which they are reached.
type target struct {
	peers peerSet
	// ports are empty at a source, where they mean nothing.
	ports []v1alpha1.Port
}

// resolveSource returns what a peer stands for as the source of connections to a tier in the namespace at hand.
func (c *compilation) resolveSource(peer v1alpha1.Peer, self v1alpha1.ClusterTier, place string) []target {
	switch {
	case peer.Tier != "":
		return []target{{peers: c.resolveTier(peer.Tier, self)}}
	case peer.RemoteTier != nil:
		return c.once("source", peer, nil, place, func() []target { return c.remoteTier(*peer.RemoteTier, nil, place, false) })
	case peer.Service != nil:
		return c.once("source", peer, nil, place, func() []target { return c.service(*peer.Service, nil, place, false) })
	case peer.KubeAPIServer != nil:
		return c.once("source", peer, nil, place, func() []target { return c.apiServerEndpoints(place) })
	}
	return c.once("", peer, nil, place, func() []target { return []target{{peers: c.resolve(peer, place)}} })
}

// resolveDestination returns what a peer stands for as the destination of connections from a tier in the namespace at
// hand, on these ports, or on its own when there are none.
func (c *compilation) resolveDestination(peer v1alpha1.Peer, ports []v1alpha1.Port, self v1alpha1.ClusterTier, place string) []target {
	switch {
	case peer.RemoteTier != nil:
		return c.once("destination", peer, ports, place, func() []target { return c.remoteTier(*peer.RemoteTier, ports, place, true) })
	case peer.Service != nil:
		return c.once("destination", peer, ports, place, func() []target { return c.service(*peer.Service, ports, place, true) })
	case peer.KubeAPIServer != nil:
		return c.once("destination", peer, nil, place, func() []target { return c.apiServerAsDestination(place) })
	case peer.Tier != "":
		if len(ports) == 0 {
			other, _ := c.profile.Tier(peer.Tier)
			ports = other.Ports
		}
		return []target{{c.resolveTier(peer.Tier, self), ports}}
	}
	var out []target
	// Who these are does not depend on the ports.
	for _, t := range c.once("", peer, nil, place, func() []target { return []target{{peers: c.resolve(peer, place)}} }) {
		out = append(out, target{t.peers, ports})
	}
	return out
}

// note remembers what a peer is looked up in.
func (c *compilation) note(peer v1alpha1.Peer) {
	namespace := ""
	if peer.Service != nil {
		namespace = c.serviceNamespace(*peer.Service)
	}
	if fact, ok := snapshot.FactOf(peer, namespace, c.options); ok {
		c.read(fact)
	}
}

// resolve returns the NetworkPolicy peers that a peer stands for, at either end.
func (c *compilation) resolve(peer v1alpha1.Peer, place string) peerSet {
	switch {
	case peer.Pods != nil:
		return c.resolvePods(*peer.Pods, place)
	case peer.IPBlocks != nil:
		return c.resolveIPBlocks(*peer.IPBlocks, place)
	case peer.Internet != nil:
		return c.resolveInternet(*peer.Internet, place)
	case peer.Nodes != nil:
		return c.resolveNodes(*peer.Nodes, place)
	case peer.Anywhere != nil:
		c.find(v1alpha1.CodeAnywherePeer, place, "Everybody, inside the cluster and outside, is allowed here; name the peers that are meant.")
		return peerSet{everyone: true}
	}
	return peerSet{}
}

// resolveTier returns the pods of a tier, as another of the profile sees them. They are looked up for each connection, and held
// once.
func (c *compilation) resolveTier(name string, self v1alpha1.ClusterTier) peerSet {
	key := [2]string{name, self.Name}
	set, ok := c.memo.tiers[key]
	if !ok {
		set = c.tierPeers(name, self)
		c.memo.tiers[key] = set
	}
	return set
}

func (c *compilation) tierPeers(name string, self v1alpha1.ClusterTier) peerSet {
	other, ok := c.profile.Tier(name)
	if !ok {
		return peerSet{}
	}
	peer := networkingv1.NetworkPolicyPeer{PodSelector: selector.FromAPI(other.PodSelector)}
	if self.NamespaceSelector != nil || other.NamespaceSelector != nil {
		// One peer with both selectors: the pods of the other tier AND in a namespace where that tier lives.
		peer.NamespaceSelector = selector.And(
			selector.FromAPI(c.profile.NamespaceSelector),
			selector.FromAPI(other.NamespaceSelector),
			selector.NotNamespaceNames(c.options.ProtectedNamespaces...),
		)
	}
	return peerSet{peers: []networkingv1.NetworkPolicyPeer{peer}}
}

func (c *compilation) resolvePods(p v1alpha1.PodsPeer, place string) peerSet {
	peer := networkingv1.NetworkPolicyPeer{
		NamespaceSelector: selector.FromAPI(p.NamespaceSelector),
		PodSelector:       selector.FromAPI(p.PodSelector),
	}
	if len(p.Namespaces) > 0 {
		peer.NamespaceSelector = selector.And(selector.NamespaceNames(p.Namespaces...), peer.NamespaceSelector)
	}
	everyPod := peer.PodSelector == nil || isEmptySelector(p.PodSelector)
	if p.NamespaceSelector != nil && isEmptySelector(p.NamespaceSelector) && len(p.Namespaces) == 0 && everyPod {
		c.find(v1alpha1.CodeAnywherePeer, place, "Every pod of every namespace is allowed here; name the namespaces or pods that are meant.")
	}
	return peerSet{peers: []networkingv1.NetworkPolicyPeer{peer}}
}

func isEmptySelector(s *v1alpha1.LabelSelector) bool {
	return s != nil && len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

// blocks returns the ipBlocks of the addresses in include but not in exclude.
func (c *compilation) blocks(include, exclude []netip.Prefix, place string) peerSet {
	var set peerSet
	for _, block := range ipset.Blocks(include, exclude) {
		ipBlock := &networkingv1.IPBlock{CIDR: block.CIDR.String()}
		for _, e := range block.Except {
			ipBlock.Except = append(ipBlock.Except, e.String())
		}
		set.peers = append(set.peers, networkingv1.NetworkPolicyPeer{IPBlock: ipBlock})
	}
	if set.isEmpty() {
		c.find(v1alpha1.CodeUnresolvedPeer, place, "The exceptions leave no address, so nothing is allowed here; remove the entry or narrow the exceptions.")
	}
	return set
}

// parse reads prefixes that validation has accepted.
func parse(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range list {
		if p, err := netip.ParsePrefix(text); err == nil {
			out = append(out, p.Masked())
		}
	}
	return out
}

// place names a peer of an entry as findings and conditions do.
func place(entry v1alpha1.AllowEntry, end string, index int) string {
	return "allow[" + entry.Name + "]." + end + "[" + strconv.Itoa(index) + "]"
}
