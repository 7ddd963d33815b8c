package ipset

import (
	"net/netip"
	"slices"
)

// Subtract returns the addresses of include that are not in exclude as the smallest list of disjoint prefixes, in the order of
// Aggregate. Nil when nothing is left.
func Subtract(include, exclude []netip.Prefix) []netip.Prefix {
	excluded := Aggregate(exclude)
	var out []netip.Prefix
	for _, p := range Aggregate(include) {
		out = append(out, without(p, excluded)...)
	}
	return Aggregate(out)
}

// without halves a prefix for as long as a half is neither free of the excluded prefixes nor within one of them.
func without(p netip.Prefix, excluded []netip.Prefix) []netip.Prefix {
	var within []netip.Prefix
	for _, e := range excluded {
		if Contains(e, p) {
			return nil
		}
		if Contains(p, e) {
			within = append(within, e)
		}
	}
	if len(within) == 0 {
		return []netip.Prefix{p}
	}
	low, high := halves(p)
	return slices.Concat(without(low, within), without(high, within))
}

// halves returns the two prefixes that together are the given one, which holds more than one address.
func halves(p netip.Prefix) (low, high netip.Prefix) {
	bits := p.Bits()
	upper := p.Masked().Addr().AsSlice()
	upper[bits/8] |= 1 << (7 - bits%8)
	addr, _ := netip.AddrFromSlice(upper)
	return netip.PrefixFrom(p.Addr(), bits+1).Masked(), netip.PrefixFrom(addr, bits+1)
}
