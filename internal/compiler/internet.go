package compiler

import (
	"net/netip"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// specialUse lists the IPv4 ranges that are not the public internet: those of the IANA IPv4 Special-Purpose Address
// Registry (RFC 6890) that are not globally reachable, with multicast (RFC 5771) and the reserved range (RFC 1112).
//
// The documentation ranges 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24 are routed nowhere and stay in.
func specialUse() []netip.Prefix {
	return parse([]string{
		"0.0.0.0/8",      // "this network", RFC 791
		"10.0.0.0/8",     // private, RFC 1918
		"100.64.0.0/10",  // carrier-grade NAT, RFC 6598; some clusters' pod and Service ranges
		"127.0.0.0/8",    // loopback, RFC 1122
		"169.254.0.0/16", // link local, RFC 3927; cloud metadata services live here
		"172.16.0.0/12",  // private, RFC 1918
		"192.0.0.0/24",   // IETF protocol assignments, RFC 6890
		"192.168.0.0/16", // private, RFC 1918
		"198.18.0.0/15",  // benchmarking, RFC 2544
		"224.0.0.0/4",    // multicast, RFC 5771
		"240.0.0.0/4",    // reserved and limited broadcast, RFC 1112
	})
}

// resolveInternet returns the public addresses of both families. IPv6 is 2000::/3, all that IANA has allocated as global
// unicast (RFC 4291), which holds none of the private, link-local or multicast ranges and so needs no exceptions.
func (c *compilation) resolveInternet(p v1alpha1.InternetPeer, place string) peerSet {
	include := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("2000::/3")}
	if c.snapshot.Options.AllowNAT64 {
		include = append(include, netip.MustParsePrefix("64:ff9b::/96"))
	}
	exclude := append(specialUse(), parse(p.Except)...)
	exclude = append(exclude, c.snapshot.Options.ClusterCIDRs...)
	return c.blocks(include, exclude, place)
}
