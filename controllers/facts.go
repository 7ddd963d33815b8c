package controllers

import (
	"sync"

	"firebreak.dev/firebreak/internal/compiler"
)

// factIndex is the way back from a fact of the cluster to the namespaces whose policies were made from it, as the last
// compilation of each namespace read it.
type factIndex struct {
	mu  sync.Mutex
	dns map[string]struct{}
	// changes counts the changes of facts, so that a compilation that began before one and is recorded after it is noticed.
	changes int
}

func newFactIndex() *factIndex { return &factIndex{dns: map[string]struct{}{}} }

func (f *factIndex) record(namespace string, outputs []compiler.Output) {
	readDNS := false
	for _, o := range outputs {
		readDNS = readDNS || o.ReadDNS
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if readDNS {
		f.dns[namespace] = struct{}{}
	} else {
		delete(f.dns, namespace)
	}
}

func (f *factIndex) forget(namespace string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.dns, namespace)
}

// changed counts a change of a fact.
func (f *factIndex) changed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.changes++
}

// version changes whenever a fact does.
func (f *factIndex) version() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changes
}

// readDNS lists the namespaces whose policies depend on where the cluster's DNS is, without order.
func (f *factIndex) readDNS() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]string, 0, len(f.dns))
	for namespace := range f.dns {
		out = append(out, namespace)
	}
	return out
}
