// Package ipset does exact arithmetic on sets of IP addresses written as CIDR prefixes. No result is ever wider than
// what went in: prefixes are joined only where together they are exactly the wider one.
package ipset

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	netutils "k8s.io/utils/net"
)

// Block is a prefix less the prefixes that lie strictly inside it: the shape that a NetworkPolicy's ipBlock has.
type Block struct {
	CIDR   netip.Prefix
	Except []netip.Prefix
}

// Aggregate returns the smallest list of disjoint prefixes with the same addresses, IPv4 before IPv6, by address.
// The input is left alone; nil and empty give nil.
func Aggregate(prefixes []netip.Prefix) []netip.Prefix {
	sorted := make([]netip.Prefix, 0, len(prefixes))
	for _, p := range prefixes {
		sorted = append(sorted, p.Masked())
	}
	slices.SortFunc(sorted, Compare)

	var out []netip.Prefix
	for _, p := range sorted {
		if n := len(out); n > 0 && Contains(out[n-1], p) {
			continue
		}
		out = append(out, p)
		out = joinSiblings(out)
	}
	return out
}

// joinSiblings replaces the last two prefixes by their parent for as long as they are its two halves.
func joinSiblings(list []netip.Prefix) []netip.Prefix {
	for len(list) >= 2 {
		a, b := list[len(list)-2], list[len(list)-1]
		if a.Bits() != b.Bits() || a.Bits() == 0 {
			return list
		}
		parent := netip.PrefixFrom(a.Addr(), a.Bits()-1).Masked()
		if parent.Addr() != a.Addr() || !Contains(parent, b) {
			return list
		}
		list = append(list[:len(list)-2], parent)
	}
	return list
}

// Contains says whether every address of inner is one of outer. Prefixes of different families contain nothing of each
// other.
func Contains(outer, inner netip.Prefix) bool {
	return outer.Addr().Is4() == inner.Addr().Is4() && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// StrictlyContains says whether inner lies inside outer and is not outer itself.
func StrictlyContains(outer, inner netip.Prefix) bool {
	return Contains(outer, inner) && outer.Bits() < inner.Bits()
}

// Blocks returns the addresses of include less those of exclude as disjoint blocks, in the order of Aggregate. A block
// of which nothing is left is left out, so the result may be empty although include is not.
func Blocks(include, exclude []netip.Prefix) []Block {
	excluded := Aggregate(exclude)
	var blocks []Block
	for _, cidr := range Aggregate(include) {
		block := Block{CIDR: cidr}
		gone := false
		for _, e := range excluded {
			gone = gone || Contains(e, cidr)
			if StrictlyContains(cidr, e) {
				block.Except = append(block.Except, e)
			}
		}
		if !gone {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

// Compare orders prefixes: IPv4 before IPv6, then by address, then the wider first.
func Compare(a, b netip.Prefix) int {
	if c := a.Addr().Compare(b.Addr()); c != 0 {
		return c
	}
	return a.Bits() - b.Bits()
}

// Host returns the prefix that holds this address alone: /32 for IPv4, /128 for IPv6.
func Host(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen())
}

// Last returns the highest address of a prefix.
func Last(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < p.Addr().BitLen(); bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// Parse reads a prefix as the API server does in what it has stored: zeros may lead a number, which is decimal all the same, and
// bits beyond the prefix mean nothing. See KEP-4858, IP/CIDR validation improvements.
func Parse(text string) (netip.Prefix, error) {
	_, cidr, err := netutils.ParseCIDRSloppy(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("read %q as a range of addresses: %w", text, err)
	}
	addr, _ := netip.AddrFromSlice(cidr.IP)
	bits, _ := cidr.Mask.Size()
	if addr.Is4In6() && len(cidr.Mask) == net.IPv4len {
		addr = addr.Unmap()
	}
	return netip.PrefixFrom(addr, bits).Masked(), nil
}
