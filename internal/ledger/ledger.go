// Package ledger remembers, in memory, what became of every profile in every namespace. Namespace reconciliation writes
// it, the status controllers fold it into the profiles' status. It is rebuilt by the first pass after a start.
package ledger

import (
	"cmp"
	"reflect"
	"slices"
	"sync"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Ledger is safe for concurrent use.
type Ledger struct {
	mu      sync.Mutex
	entries map[snapshot.ProfileKey]map[string]*report.Outcome
	// judgements are kept by namespace, like entries, but come later.
	judgements map[snapshot.ProfileKey]map[string]*analyzer.Judgement
	drift      map[snapshot.ProfileKey]*driftCount
	notify     func(snapshot.ProfileKey)
}

// New returns an empty ledger. Notify is called, outside any lock, with each profile of which something changed.
func New(notify func(snapshot.ProfileKey)) *Ledger {
	return &Ledger{
		entries:    map[snapshot.ProfileKey]map[string]*report.Outcome{},
		judgements: map[snapshot.ProfileKey]map[string]*analyzer.Judgement{},
		drift:      map[snapshot.ProfileKey]*driftCount{},
		notify:     notify,
	}
}

// Begin is Record for writes that begin. What failed before, for the same generation, stands until it is known how they end:
// otherwise a profile that cannot get on would say the one and the other by turns.
func (l *Ledger) Begin(profile snapshot.ProfileKey, namespace string, entry report.Outcome) {
	l.record(profile, namespace, entry, func(before report.Outcome) bool {
		return before.State == report.Failed && before.UID == entry.UID && before.Generation == entry.Generation
	})
}

// Record replaces what is known of one profile in one namespace.
func (l *Ledger) Record(profile snapshot.ProfileKey, namespace string, entry report.Outcome) {
	l.record(profile, namespace, entry, func(report.Outcome) bool { return false })
}

// record replaces what is known, unless that stands.
func (l *Ledger) record(profile snapshot.ProfileKey, namespace string, entry report.Outcome, stands func(before report.Outcome) bool) {
	l.mu.Lock()
	byNamespace, ok := l.entries[profile]
	if !ok {
		byNamespace = map[string]*report.Outcome{}
		l.entries[profile] = byNamespace
	}
	before, had := byNamespace[namespace]
	changed := !had || !stands(*before) && !reflect.DeepEqual(*before, entry)
	if changed {
		byNamespace[namespace] = &entry
	}
	l.mu.Unlock()
	if changed {
		l.notify(profile)
	}
}

// Forget drops what is known of one profile in one namespace.
func (l *Ledger) Forget(profile snapshot.ProfileKey, namespace string) {
	l.mu.Lock()
	_, had := l.entries[profile][namespace]
	delete(l.entries[profile], namespace)
	l.mu.Unlock()
	if had {
		l.notify(profile)
	}
}

// ForgetNamespace drops a namespace that is gone: what was found there is not true of another one of its name.
func (l *Ledger) ForgetNamespace(namespace string) {
	var concerned []snapshot.ProfileKey
	l.mu.Lock()
	for profile, byNamespace := range l.entries {
		if _, ok := byNamespace[namespace]; ok {
			delete(byNamespace, namespace)
			concerned = append(concerned, profile)
		}
	}
	l.mu.Unlock()
	for _, profile := range concerned {
		l.notify(profile)
	}
	l.Judge(namespace, nil)
}

// ForgetProfile drops a profile that is gone.
func (l *Ledger) ForgetProfile(profile snapshot.ProfileKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.entries, profile)
	delete(l.judgements, profile)
	delete(l.drift, profile)
}

// Fill notes what is known of a profile in these namespaces, which are sorted by name, at one moment. It returns the number of
// policies that the profile has in other namespaces, or in protected ones, and the first of those by name. What it notes is
// shared and must not be changed.
func (l *Ledger) Fill(profile snapshot.ProfileKey, namespaces []report.NamespaceFacts) (elsewhere int, first string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	outcomes, judgements := l.entries[profile], l.judgements[profile]
	acted := 0
	for i := range namespaces {
		ns := &namespaces[i]
		ns.Outcome, ns.Judgement = outcomes[ns.Namespace.Name], judgements[ns.Namespace.Name]
		if ns.Outcome != nil && !ns.Protected {
			acted++
		}
	}
	if acted == len(outcomes) {
		// So it is nearly always, and those who write policies wait for the lock.
		return 0, ""
	}
	for name, outcome := range outcomes {
		if outcome.Policies == 0 || isActedIn(namespaces, name) {
			continue
		}
		if elsewhere += outcome.Policies; first == "" || name < first {
			first = name
		}
	}
	return elsewhere, first
}

// isActedIn says whether a namespace is among these, and not protected.
func isActedIn(namespaces []report.NamespaceFacts, name string) bool {
	i, ok := slices.BinarySearchFunc(namespaces, name, func(ns report.NamespaceFacts, name string) int { return cmp.Compare(ns.Namespace.Name, name) })
	return ok && !namespaces[i].Protected
}

// Namespaces lists the namespaces in which something is known of a profile, without order.
func (l *Ledger) Namespaces(profile snapshot.ProfileKey) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for namespace := range l.entries[profile] {
		out = append(out, namespace)
	}
	return out
}
