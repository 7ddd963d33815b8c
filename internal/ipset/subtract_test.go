package ipset

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
)

// TestSubtractLeavesExactlyTheOtherAddresses compares with set membership over a universe of 256 addresses of each family.
func TestSubtractLeavesExactlyTheOtherAddresses(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	four := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}) }
	six := func(i int) netip.Addr { return netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 15: byte(i)}) }
	draw := func(n int) []netip.Prefix {
		var out []netip.Prefix
		for range random.IntN(n) {
			if i, short := random.IntN(256), random.IntN(9); random.IntN(3) > 0 {
				out = append(out, netip.PrefixFrom(four(i), 24+short))
			} else {
				out = append(out, netip.PrefixFrom(six(i), 120+short))
			}
		}
		return out
	}
	count := func(list []netip.Prefix, a netip.Addr) int {
		n := 0
		for _, p := range list {
			if p.Contains(a) {
				n++
			}
		}
		return n
	}
	for range 1000 {
		include, exclude := draw(6), draw(8)
		got := Subtract(include, exclude)
		if again := Aggregate(got); !reflect.DeepEqual(got, again) {
			t.Fatalf("%v is not the smallest list, which is %v", got, again)
		}
		for i := range 512 {
			addr := four(i % 256)
			if i >= 256 {
				addr = six(i % 256)
			}
			want := 0
			if count(include, addr) > 0 && count(exclude, addr) == 0 {
				want = 1
			}
			if n := count(got, addr); n != want {
				t.Fatalf("%v less %v: %v is %d times in %v, want %d", include, exclude, addr, n, got, want)
			}
		}
	}
}

func TestSubtractFromAWholeFamily(t *testing.T) {
	if got := Subtract(prefixes("0.0.0.0/0"), prefixes("0.0.0.0/1", "128.0.0.0/2")); !reflect.DeepEqual(got, prefixes("192.0.0.0/2")) {
		t.Errorf("got %v", got)
	}
	if got := Subtract(prefixes("::/0"), prefixes("0.0.0.0/0")); !reflect.DeepEqual(got, prefixes("::/0")) {
		t.Errorf("got %v", got)
	}
	if got := Subtract(prefixes("10.0.0.0/8"), prefixes("0.0.0.0/1", "128.0.0.0/1")); got != nil {
		t.Errorf("got %v", got)
	}
}
