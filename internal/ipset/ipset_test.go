package ipset

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func TestAggregate(t *testing.T) {
	for name, c := range map[string]struct{ in, want []netip.Prefix }{
		"nothing stays nothing":                      {nil, nil},
		"a prefix inside another is dropped":         {prefixes("10.1.0.0/16", "10.0.0.0/8"), prefixes("10.0.0.0/8")},
		"two halves become the whole":                {prefixes("10.0.0.0/9", "10.128.0.0/9"), prefixes("10.0.0.0/8")},
		"halves join upwards for as long as they do": {prefixes("10.0.0.0/9", "10.128.0.0/10", "10.192.0.0/10"), prefixes("10.0.0.0/8")},
		"neighbours of different parents stay apart": {prefixes("10.1.0.0/16", "10.2.0.0/16"), prefixes("10.1.0.0/16", "10.2.0.0/16")},
		"families stay apart, IPv4 first":            {prefixes("2001:db8::/32", "192.0.2.0/24"), prefixes("192.0.2.0/24", "2001:db8::/32")},
		"double prefixes are one":                    {prefixes("192.0.2.0/24", "192.0.2.0/24"), prefixes("192.0.2.0/24")},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Aggregate(c.in); !reflect.DeepEqual(got, c.want) {
				t.Errorf("Aggregate(%v) = %v, want %v", c.in, got, c.want)
			}
		})
	}
}

func TestBlocksLeaveOutWhatIsExcludedWhole(t *testing.T) {
	got := Blocks(prefixes("10.0.0.0/8", "192.0.2.0/24"), prefixes("10.1.0.0/16", "192.0.2.0/25", "192.0.2.128/25"))
	want := []Block{{CIDR: netip.MustParsePrefix("10.0.0.0/8"), Except: prefixes("10.1.0.0/16")}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestBlocksHoldExactlyTheRightAddresses compares with set membership over a universe of 256 addresses.
func TestBlocksHoldExactlyTheRightAddresses(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	draw := func(n int) []netip.Prefix {
		var out []netip.Prefix
		for range random.IntN(n) {
			addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(random.IntN(256))})
			out = append(out, netip.PrefixFrom(addr, 24+random.IntN(9)).Masked())
		}
		return out
	}
	in := func(list []netip.Prefix, a netip.Addr) bool {
		for _, p := range list {
			if p.Contains(a) {
				return true
			}
		}
		return false
	}
	for range 2000 {
		include, exclude := draw(6), draw(8)
		blocks := Blocks(include, exclude)
		for i := range 256 {
			addr := netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
			want := in(include, addr) && !in(exclude, addr)
			matches := 0
			for _, b := range blocks {
				for _, e := range b.Except {
					if !StrictlyContains(b.CIDR, e) {
						t.Fatalf("%v is not strictly inside %v", e, b.CIDR)
					}
				}
				if b.CIDR.Contains(addr) && !in(b.Except, addr) {
					matches++
				}
			}
			if (matches > 0) != want || matches > 1 {
				t.Fatalf("include %v exclude %v: %v is in %d blocks, want member %v: %v", include, exclude, addr, matches, want, blocks)
			}
		}
	}
}

func TestLastAddressOfAPrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"0.0.0.0/0": "255.255.255.255", "10.0.0.0/8": "10.255.255.255", "10.1.2.3/32": "10.1.2.3", "10.1.2.3/31": "10.1.2.3",
		"192.168.4.0/22": "192.168.7.255", "2001:db8::/33": "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff", "::/0": "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	} {
		if got := Last(netip.MustParsePrefix(prefix)); got.String() != want {
			t.Errorf("%s ends at %s, want %s", prefix, got, want)
		}
	}
}

func TestPrefixesAreReadAsTheAPIServerDoes(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "010.001.000.000/8": "10.0.0.0/8", "10.1.2.3/8": "10.0.0.0/8", "0.0.0.0/0": "0.0.0.0/0",
		"2001:DB8:0::1/32": "2001:db8::/32", "::/0": "::/0", "1.2.3.4/32": "1.2.3.4/32",
	} {
		got, err := Parse(text)
		if err != nil || got.String() != want {
			t.Errorf("%s is read as %s (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/-1"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}
