package testbed

import (
	"net/netip"
	"sync"
)

// Source ports are taken in turn from these: those below are for servers.
const firstSourcePort, lastSourcePort uint16 = 20000, 65000

// sourcePorts are those from which connections come. Each address takes them in turn, also after another host has got it: what
// the kernel remembers of an earlier connection from the same port would let the next one pass unjudged.
type sourcePorts struct {
	mu   sync.Mutex
	last map[netip.Addr]uint16
}

// next returns a port from which an address has opened no connection for a long time.
func (p *sourcePorts) next(address netip.Addr) uint16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = map[netip.Addr]uint16{}
	}
	port := p.last[address] + 1
	if port < firstSourcePort || port > lastSourcePort {
		port = firstSourcePort
	}
	p.last[address] = port
	return port
}
