package controllers

import (
	"sync"

	"firebreak.dev/firebreak/internal/snapshot"
)

// factIndex is the way back from a fact of the cluster to the namespaces whose policies are made from it.
//
// A namespace is entered before a fact is looked up for it, so a change that comes after the look wakes it, and one that
// came before is seen by the look. Once it is compiled, what it did not depend on is taken out again.
type factIndex struct {
	mu         sync.Mutex
	namespaces map[snapshot.Fact]map[string]struct{}
	facts      map[string]map[snapshot.Fact]struct{}
}

func newFactIndex() *factIndex {
	return &factIndex{namespaces: map[snapshot.Fact]map[string]struct{}{}, facts: map[string]map[snapshot.Fact]struct{}{}}
}

// follow enters a namespace for a fact that is about to be looked up.
func (f *factIndex) follow(namespace string, fact snapshot.Fact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.namespaces[fact] == nil {
		f.namespaces[fact] = map[string]struct{}{}
	}
	f.namespaces[fact][namespace] = struct{}{}
	if f.facts[namespace] == nil {
		f.facts[namespace] = map[snapshot.Fact]struct{}{}
	}
	f.facts[namespace][fact] = struct{}{}
}

// keep takes a namespace out for all facts but these. Only whoever works on the namespace may call it.
func (f *factIndex) keep(namespace string, facts map[snapshot.Fact]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for fact := range f.facts[namespace] {
		if !facts[fact] {
			f.remove(namespace, fact)
		}
	}
}

// forget takes a namespace out altogether.
func (f *factIndex) forget(namespace string) { f.keep(namespace, nil) }

func (f *factIndex) remove(namespace string, fact snapshot.Fact) {
	delete(f.namespaces[fact], namespace)
	if len(f.namespaces[fact]) == 0 {
		delete(f.namespaces, fact)
	}
	delete(f.facts[namespace], fact)
	if len(f.facts[namespace]) == 0 {
		delete(f.facts, namespace)
	}
}

// dependents lists the namespaces that depend on a fact, without order.
func (f *factIndex) dependents(fact snapshot.Fact) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]string, 0, len(f.namespaces[fact]))
	for namespace := range f.namespaces[fact] {
		out = append(out, namespace)
	}
	return out
}
