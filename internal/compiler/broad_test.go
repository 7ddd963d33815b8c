package compiler

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"firebreak.dev/firebreak/internal/ipset"
)

func TestBroadRanges(t *testing.T) {
	for name, c := range map[string]struct{ cidrs, except, want string }{
		"everything":                                         {"0.0.0.0/0", "", "0.0.0.0/0"},
		"everything of both families":                        {"0.0.0.0/0 ::/0", "", "0.0.0.0/0 ::/0"},
		"everything in two halves":                           {"0.0.0.0/1 128.0.0.0/1", "", "0.0.0.0/0"},
		"everything in pieces and out of order":              {"128.0.0.0/2 0.0.0.0/1 192.0.0.0/2", "", "0.0.0.0/0"},
		"two neighbours of the widest that anybody owns":     {"16.0.0.0/8 17.0.0.0/8", "", "16.0.0.0/7"},
		"the widest of several":                              {"64.0.0.0/4 32.0.0.0/3 16.0.0.0/7", "", "32.0.0.0/3"},
		"the first of equally wide ones":                     {"64.0.0.0/4 32.0.0.0/4", "", "32.0.0.0/4"},
		"everything but the private ranges":                  {"0.0.0.0/0", "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16", "0.0.0.0/0"},
		"pinholes are no excuse":                             {"32.0.0.0/6", "32.0.0.0/9 34.0.0.0/32", "32.0.0.0/6"},
		"exceptions that leave the widest that anybody owns": {"16.0.0.0/7", "16.0.0.0/8", ""},
		"exceptions that leave one address more":             {"16.0.0.0/7", "16.0.0.0/9 16.128.0.0/10 16.192.0.0/11 16.224.0.0/12 16.240.0.0/13 16.248.0.0/14 16.252.0.0/15 16.254.0.0/16", "16.0.0.0/7"},
		"exceptions that leave little":                       {"0.0.0.0/0", "128.0.0.0/1 64.0.0.0/2 32.0.0.0/3 0.0.0.0/4 16.0.0.0/5 24.0.0.0/6 28.0.0.0/7 30.0.0.0/8", ""},
		"a network that somebody owns":                       {"17.0.0.0/8", "", ""},
		"two such networks that are no neighbours":           {"17.0.0.0/8 19.0.0.0/8", "", ""},
		"two such networks of different parents":             {"17.0.0.0/8 18.0.0.0/8", "", ""},
		"all private ranges":                                 {"10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10", "", ""},
		"multicast":                                          {"224.0.0.0/4", "", ""},
		"multicast and reserved, joined":                     {"224.0.0.0/4 240.0.0.0/4", "", ""},
		"a private range and its public neighbour":           {"10.0.0.0/8 11.0.0.0/8", "", ""},
		"a private range and its public neighbourhood":       {"8.0.0.0/6", "", "8.0.0.0/6"},
		"global unicast":                                     {"2000::/3", "", "2000::/3"},
		"the block of a registry":                            {"2a00::/12", "", "2a00::/12"},
		"a network of IPv6 that somebody owns":               {"2630::/16", "", ""},
		"unique local addresses":                             {"fc00::/7", "", ""},
		"unique local and link local addresses":              {"fc00::/7 fe80::/10", "", ""},
		"much around the unique local addresses":             {"fc00::/6", "", "fc00::/6"},
		"nothing":                                            {"", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := broadRanges(parse(strings.Fields(c.cidrs)), parse(strings.Fields(c.except)))
			if !slices.Equal(got, strings.Fields(c.want)) {
				t.Errorf("broad: %v, want %s", got, c.want)
			}
		})
	}
}

// TestBroadRangesAgreeWithCounting draws lists of IPv4 ranges and counts what they hold, /16 by /16.
func TestBroadRangesAgreeWithCounting(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	draw := func(n, narrowest int) []netip.Prefix {
		var out []netip.Prefix
		for range random.IntN(n + 1) {
			addr := netip.AddrFrom4([4]byte{byte(random.IntN(256)), byte(random.IntN(256))})
			out = append(out, netip.PrefixFrom(addr, 1+random.IntN(narrowest)).Masked())
		}
		return out
	}
	broad, all := 0, 3000
	for range all {
		include, exclude := draw(6, 9), draw(12, 12)
		got, want := strings.Join(broadRanges(include, exclude), ""), broadByCounting(include, exclude)
		if got != want {
			t.Fatalf("%v except %v: broad is %q, counting says %q", include, exclude, got, want)
		}
		if got != "" {
			broad++
		}
	}
	if broad < all/10 || broad > all-all/10 {
		t.Errorf("%d of %d drawn lists are broad: the draw shows little", broad, all)
	}
}

// universe is the IPv4 addresses as 65536 parts, a /16 each.
type universe [1 << 16]bool

func (u *universe) fill(prefixes []netip.Prefix, value bool) {
	for _, p := range prefixes {
		for i, n := partsOf(p); n > 0; i, n = i+1, n-1 {
			u[i] = value
		}
	}
}

// partsOf returns the first part of a prefix and their number; none for one that is narrower than a part.
func partsOf(p netip.Prefix) (first, n int) {
	a := p.Addr().As4()
	return int(a[0])<<8 | int(a[1]), 1 << 16 >> p.Bits()
}

// broadByCounting returns the widest prefix, wider than a /8, of which every address is included and that has more
// public addresses that are not excluded than a /8 has addresses. Empty when there is none.
func broadByCounting(include, exclude []netip.Prefix) string {
	var included, left universe
	included.fill(include, true)
	left.fill(include, true)
	left.fill(exclude, false)
	left.fill(ipset.SpecialUse(), false)
	whole := func(p netip.Prefix) bool {
		first, n := partsOf(p)
		return !slices.Contains(included[first:first+n], false)
	}
	for bits := range 8 {
		for octet := 0; octet < 256; octet += 256 >> bits {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(octet)}), bits)
			if !whole(p) || (bits > 0 && whole(netip.PrefixFrom(p.Addr(), bits-1).Masked())) {
				continue // not included, or a part of a wider one, which was looked at
			}
			first, n := partsOf(p)
			size := 0
			for _, in := range left[first : first+n] {
				if in {
					size += 1 << 16
				}
			}
			if left[192<<8] && first <= 192<<8 && 192<<8 < first+n {
				size -= 1 << 8 // 192.0.0.0/24, the one special range that is narrower than a part
			}
			if size > 1<<24 {
				return p.String()
			}
		}
	}
	return ""
}
