package controllers

import (
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/snapshot"
)

// reachIndex is the way back from a namespace to those whose judgement depends on it.
type reachIndex struct {
	mu sync.Mutex
	// reaches are what each judged namespace looked at; in everywhere are those that looked at all others.
	reaches    map[string]analyzer.Reach
	everywhere map[string]struct{}
	byName     map[string]map[string]struct{}
	// bySelector holds each selector once, by its text, with the namespaces that look at what it chooses.
	bySelector map[string]*reachBySelector
}

type reachBySelector struct {
	selector labels.Selector
	from     map[string]struct{}
}

func newReachIndex() *reachIndex {
	return &reachIndex{
		reaches: map[string]analyzer.Reach{}, everywhere: map[string]struct{}{}, byName: map[string]map[string]struct{}{},
		bySelector: map[string]*reachBySelector{},
	}
}

// set replaces what a namespace looks at.
func (r *reachIndex) set(namespace string, reach analyzer.Reach) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(namespace)
	// A selector that chooses every namespace is woken as seldom as a preview: something changes all the time somewhere.
	if reach.Everywhere || slices.ContainsFunc(reach.Selectors, labels.Selector.Empty) {
		r.everywhere[namespace] = struct{}{}
		return
	}
	r.reaches[namespace] = reach
	for name := range reach.Names {
		if r.byName[name] == nil {
			r.byName[name] = map[string]struct{}{}
		}
		r.byName[name][namespace] = struct{}{}
	}
	for _, s := range reach.Selectors {
		key := s.String()
		if r.bySelector[key] == nil {
			r.bySelector[key] = &reachBySelector{selector: s, from: map[string]struct{}{}}
		}
		r.bySelector[key].from[namespace] = struct{}{}
	}
}

// forget takes a namespace out.
func (r *reachIndex) forget(namespace string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(namespace)
}

func (r *reachIndex) remove(namespace string) {
	delete(r.everywhere, namespace)
	reach := r.reaches[namespace]
	delete(r.reaches, namespace)
	for name := range reach.Names {
		if delete(r.byName[name], namespace); len(r.byName[name]) == 0 {
			delete(r.byName, name)
		}
	}
	for _, s := range reach.Selectors {
		key := s.String()
		if delete(r.bySelector[key].from, namespace); len(r.bySelector[key].from) == 0 {
			delete(r.bySelector, key)
		}
	}
}

// from returns the namespaces that look at one of these, which may be given several times with labels that they had, and those
// that look everywhere.
func (r *reachIndex) from(changed []snapshot.Namespace) (near, everywhere []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	found := map[string]struct{}{}
	for _, ns := range changed {
		maps.Copy(found, r.byName[ns.Name])
	}
	for _, s := range r.bySelector {
		if slices.ContainsFunc(changed, func(ns snapshot.Namespace) bool { return s.selector.Matches(labels.Set(ns.Labels)) }) {
			maps.Copy(found, s.from)
		}
	}
	return slices.Collect(maps.Keys(found)), slices.Collect(maps.Keys(r.everywhere))
}
