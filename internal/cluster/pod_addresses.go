package cluster

import (
	"net/netip"
	"strings"
)

// HasAddress says whether an address is that of a running pod that is not on the host network.
func (p *Pods) HasAddress(addr netip.Addr) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addresses[addr] > 0
}

// gain and lose count addresses, and return those that a first pod has, or that no pod has any more.
func (p *Pods) gain(joined string) []netip.Addr {
	var out []netip.Addr
	for _, addr := range splitAddresses(joined) {
		if p.addresses[addr]++; p.addresses[addr] == 1 {
			out = append(out, addr)
		}
	}
	return out
}

func (p *Pods) lose(joined string) []netip.Addr {
	var out []netip.Addr
	for _, addr := range splitAddresses(joined) {
		if p.addresses[addr]--; p.addresses[addr] == 0 {
			delete(p.addresses, addr)
			out = append(out, addr)
		}
	}
	return out
}

func splitAddresses(joined string) []netip.Addr {
	var out []netip.Addr
	for text := range strings.SplitSeq(joined, ",") {
		if addr, err := netip.ParseAddr(text); err == nil {
			out = append(out, addr.Unmap())
		}
	}
	return out
}

// symmetricDifference returns the keys that only one of the maps has.
func symmetricDifference(a, b map[netip.Addr]int) []netip.Addr {
	var out []netip.Addr
	for addr := range a {
		if b[addr] == 0 {
			out = append(out, addr)
		}
	}
	for addr := range b {
		if a[addr] == 0 {
			out = append(out, addr)
		}
	}
	return out
}
