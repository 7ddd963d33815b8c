package controllers

import (
	"net/netip"
	"sync"
)

// podAddressQueue leads from the addresses of pods to the work queue of namespaces. Before that runs, changes are
// dropped: at its start every namespace is looked at.
type podAddressQueue struct {
	mu sync.Mutex
	to func(netip.Addr)
}

func (p *podAddressQueue) set(to func(netip.Addr)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = to
}

func (p *podAddressQueue) tell(addr netip.Addr) {
	p.mu.Lock()
	to := p.to
	p.mu.Unlock()
	if to != nil {
		to(addr)
	}
}
