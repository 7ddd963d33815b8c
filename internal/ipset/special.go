package ipset

import "net/netip"

// SpecialUse returns the IPv4 ranges that are not the public internet, sorted: those of the IANA IPv4 Special-Purpose
// Address Registry (RFC 6890) that are not globally reachable, with multicast (RFC 5771) and the reserved range (RFC 1112).
//
// The documentation ranges 192.0.2.0/24, 198.51.100.0/24 and 203.0.113.0/24 are routed nowhere and count as public.
func SpecialUse() []netip.Prefix {
	var out []netip.Prefix
	for _, text := range []string{
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
	} {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// GlobalUnicast6 returns 2000::/3, all that IANA has allocated as IPv6 global unicast (RFC 4291). It holds none of the
// private, link-local or multicast ranges.
func GlobalUnicast6() netip.Prefix { return netip.MustParsePrefix("2000::/3") }

// Public says whether a prefix holds a public address: one of IPv4 outside SpecialUse, or one of GlobalUnicast6. An
// IPv4 prefix that lies in several special-use ranges without lying in one of them counts as public.
func Public(p netip.Prefix) bool {
	if !p.Addr().Is4() {
		return p.Overlaps(GlobalUnicast6())
	}
	for _, special := range SpecialUse() {
		if Contains(special, p) {
			return false
		}
	}
	return true
}
