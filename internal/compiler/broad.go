package compiler

import (
	"math/big"
	"net/netip"
	"strings"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/ipset"
)

// The widest networks that somebody owns: a range that is wider is nobody's, and was hardly meant.
//
// IPv4 was handed out to single owners in blocks of up to a /8 (IANA IPv4 Address Space Registry, "legacy"). Of IPv6 the
// registries have a /12 each (IANA IPv6 Global Unicast Address Assignments) and give at most about a /16 to one owner.
const (
	widestIPv4 = 8
	widestIPv6 = 16
)

// specialUseIPv6 lists the IPv6 ranges that are wide and yet not public. Together with specialUse they are what may be
// named whole.
func specialUseIPv6() []netip.Prefix {
	return parse([]string{
		"fc00::/7",  // unique local, RFC 4193
		"fe80::/10", // link local, RFC 4291
		"fec0::/10", // site local, deprecated by RFC 3879
		"ff00::/8",  // multicast, RFC 4291
	})
}

// resolveIPBlocks returns the ipBlocks of the ranges that an entry lists.
func (c *compilation) resolveIPBlocks(p v1alpha1.IPBlocksPeer, place string) peerSet {
	include, exclude := parse(p.CIDRs), parse(p.Except)
	if broad := broadRanges(include, exclude); len(broad) > 0 {
		c.find(v1alpha1.CodeBroadCIDR, place, "The ranges add up to %s, wider than a network that anybody owns; name the networks that are meant, or use internet if it is the public internet.",
			strings.Join(broad, " and "))
	}
	return c.blocks(include, exclude, place)
}

// broadRanges returns the widest range of each family, IPv4 first, that is broader than any network somebody owns; nil
// when there is none.
//
// It looks at the joined set, so a range cut into pieces counts as the whole. A range counts as broad when it is wider
// than the widest network and more addresses of it are public and not excluded than such a network has: exceptions are
// no excuse unless they leave little, and private ranges may be named whole.
func broadRanges(include, exclude []netip.Prefix) []string {
	notPublic := append(ipset.SpecialUse(), specialUseIPv6()...)
	var widest4, widest6 netip.Prefix
	for _, block := range ipset.Blocks(include, append(notPublic, exclude...)) {
		widest, bits := &widest4, widestIPv4
		if block.CIDR.Addr().Is6() {
			widest, bits = &widest6, widestIPv6
		}
		if block.CIDR.Bits() >= bits || sizeOf(block).Cmp(sizeOfPrefix(netip.PrefixFrom(block.CIDR.Addr(), bits))) <= 0 {
			continue
		}
		if !widest.IsValid() || block.CIDR.Bits() < widest.Bits() {
			*widest = block.CIDR
		}
	}
	var out []string
	for _, p := range []netip.Prefix{widest4, widest6} {
		if p.IsValid() {
			out = append(out, p.String())
		}
	}
	return out
}

// sizeOf returns the number of addresses in a block. Its exceptions lie inside it and apart from each other.
func sizeOf(b ipset.Block) *big.Int {
	size := sizeOfPrefix(b.CIDR)
	for _, e := range b.Except {
		size.Sub(size, sizeOfPrefix(e))
	}
	return size
}

func sizeOfPrefix(p netip.Prefix) *big.Int {
	return new(big.Int).Lsh(big.NewInt(1), uint(p.Addr().BitLen()-p.Bits()))
}
