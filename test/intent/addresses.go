package intent

import (
	"net/netip"
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/ipset"
)

func addresses(list ...netip.Addr) who {
	if len(list) == 0 {
		return who{}
	}
	return who{holds: func(a netip.Addr) bool { return slices.Contains(list, a) }}
}

// nodes says which addresses are nodes': the ranges that a flag names when all nodes are meant, else those of each node.
func (r *Reading) nodes(s *v1alpha1.LabelSelector) who {
	all := s == nil || (len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0)
	if all && len(r.Options.NodeCIDRs) > 0 {
		return ranges(r.Options.NodeCIDRs, nil)
	}
	var list []netip.Addr
	for _, n := range r.Facts.Nodes {
		if all || matches(s, n.Labels) {
			list = append(list, n.Addresses...)
		}
	}
	return addresses(list...)
}

// internet says which addresses are public and not the cluster's own.
func (r *Reading) internet(peer v1alpha1.InternetPeer) who {
	in := prefixes("0.0.0.0/0", "2000::/3")
	if r.Options.AllowNAT64 {
		in = append(in, prefixes("64:ff9b::/96")...)
	}
	out := prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", // this network, private
		"100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", // carrier NAT, loopback, link-local
		"192.0.0.0/24", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", // protocols, benchmarking, multicast, reserved
	)
	out = append(out, prefixes(peer.Except...)...)
	return ranges(in, slices.Concat(out, r.Options.ClusterCIDRs, r.Options.NodeCIDRs, r.Facts.ClusterRanges))
}

// ranges says which addresses are in one range and in none of the exceptions; nobody, when none is left.
func ranges(list, except []netip.Prefix) who {
	in := func(list []netip.Prefix, a netip.Addr) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	holds := func(a netip.Addr) bool { return in(list, a) && !in(except, a) }
	// If any address is left, then one at which a range begins, or one that follows an exception.
	var candidates []netip.Addr
	for _, p := range list {
		candidates = append(candidates, p.Addr())
	}
	for _, p := range except {
		candidates = append(candidates, ipset.Last(p).Next())
	}
	if !slices.ContainsFunc(candidates, holds) {
		return who{}
	}
	return who{holds: holds}
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range list {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}
