package controllers

import (
	"slices"
	"sync"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"firebreak.dev/firebreak/internal/plan"
)

// ownWrites remembers what this process wrote, for three ends: the watch's echo of an own write need not cause work, nothing
// may be planned from a cache that does not show our own writes yet, and of what the cache never shows, nobody tells us when
// it is deleted.
type ownWrites struct {
	mu         sync.Mutex
	namespaces map[string]*namespaceWrites
	// owed is when to look at each namespace of which the cache was not yet seen to show what was written or read live.
	owed map[string]time.Time
}

type namespaceWrites struct {
	// versions are the resourceVersions of policies as we last wrote them.
	versions map[string]string
	// deleted are the UIDs of policies that we deleted.
	deleted map[string]types.UID
	// underWay are the writes that were begun and whose answers are not in yet: the watch may show one before its answer
	// tells the resourceVersion.
	underWay []plan.Change
	// hashes are the hashes of the specs that we last wrote or found right.
	hashes map[string]string
	// distrusted: the API server contradicted the cache, so the next plan is made from a live list.
	distrusted bool
	// contradicted is how many times in a row that happened.
	contradicted int
	// since is when the cache began to owe something: at the last write or live list. Zero when it has shown all.
	since time.Time
	// looks is how many times it was in vain that the namespace was looked at for that.
	looks int
}

func newOwnWrites() *ownWrites {
	return &ownWrites{namespaces: map[string]*namespaceWrites{}, owed: map[string]time.Time{}}
}

func (w *ownWrites) of(namespace string) *namespaceWrites {
	ns, ok := w.namespaces[namespace]
	if !ok {
		ns = &namespaceWrites{versions: map[string]string{}, deleted: map[string]types.UID{}, hashes: map[string]string{}}
		w.namespaces[namespace] = ns
	}
	return ns
}

// begin notes the writes that are about to be made.
func (w *ownWrites) begin(namespace string, set plan.ChangeSet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns := w.of(namespace)
	for _, step := range set.Steps {
		ns.underWay = append(ns.underWay, step...)
	}
}

// remember notes committed writes, and that none is under way any more.
func (w *ownWrites) remember(namespace string, written []plan.Written, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns := w.of(namespace)
	ns.underWay = nil
	if len(written) > 0 {
		ns.looks = 0
		w.owe(namespace, ns, now)
	}
	for _, write := range written {
		name := write.Change.Name()
		if write.Change.Desired == nil {
			delete(ns.versions, name)
			delete(ns.hashes, name)
			ns.deleted[name] = write.Change.Live.UID
			continue
		}
		ns.versions[name] = write.ResourceVersion
		delete(ns.deleted, name)
	}
}

// settled notes that these policies are as they should be.
func (w *ownWrites) settled(namespace string, hashes map[string]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns := w.of(namespace)
	ns.hashes = hashes
	ns.contradicted = 0
}

// applied returns the hashes of the specs that were last right.
func (w *ownWrites) applied(namespace string) map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ns, ok := w.namespaces[namespace]; ok {
		return ns.hashes
	}
	return nil
}

// isEcho says whether a policy, as the watch shows it, is exactly what we wrote.
func (w *ownWrites) isEcho(policy *networkingv1.NetworkPolicy) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns, ok := w.namespaces[policy.Namespace]
	if !ok {
		return false
	}
	for _, change := range slices.Backward(ns.underWay) {
		if change.Name() != policy.Name {
			continue
		}
		if change.Desired != nil && plan.Satisfies(policy, change.Desired) {
			return true
		}
		// Only the last write to a policy counts: what an earlier one made of it, somebody may have brought back.
		break
	}
	return ns.versions[policy.Name] == policy.ResourceVersion
}

// sawDeletion takes note of a deletion that the watch shows, and says whether it was ours.
func (w *ownWrites) sawDeletion(policy *networkingv1.NetworkPolicy) (own bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns, ok := w.namespaces[policy.Namespace]
	if !ok {
		return false
	}
	if version, ok := ns.versions[policy.Name]; ok && !olderThan(policy.ResourceVersion, version) {
		delete(ns.versions, policy.Name)
	}
	for _, change := range ns.underWay {
		own = own || (change.Desired == nil && change.Live.UID == policy.UID)
	}
	return own || ns.deleted[policy.Name] == policy.UID
}

// distrust asks for a live list next time, and returns when that should be: soon at first, later when it happens again
// and again, because somebody changes the same policies all the time.
func (w *ownWrites) distrust(namespace string) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns := w.of(namespace)
	ns.distrusted = true
	delay := min(cachePoll<<min(ns.contradicted, 10), cachePatience)
	ns.contradicted++
	return delay
}

// trust says how to go on with these cached policies: with them, wait for the cache, or read live.
func (w *ownWrites) trust(namespace string, cached []*networkingv1.NetworkPolicy, now time.Time, patience time.Duration) freshness {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns, ok := w.namespaces[namespace]
	if !ok {
		return fresh
	}
	switch {
	case ns.distrusted:
		return readLive
	case !ns.behind(cached):
		w.paid(namespace, ns)
		return fresh
	case ns.since.IsZero():
		w.owe(namespace, ns, now)
		return awaitCache
	case now.Sub(ns.since) < patience:
		return awaitCache
	}
	return readLive
}

// readAnew notes what a live list showed: it replaces what was remembered, which may itself be wrong by now, and a cache
// that does not show as much yet is behind.
func (w *ownWrites) readAnew(namespace string, cached, live []*networkingv1.NetworkPolicy, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ns := w.of(namespace)
	ns.versions, ns.deleted = map[string]string{}, map[string]types.UID{}
	ns.distrusted = false
	for _, policy := range cached {
		if _, ours := mayBeOurs(policy); ours {
			ns.deleted[policy.Name] = policy.UID
		}
	}
	for _, policy := range live {
		if _, ours := mayBeOurs(policy); ours {
			ns.versions[policy.Name] = policy.ResourceVersion
		}
		if ns.deleted[policy.Name] == policy.UID {
			delete(ns.deleted, policy.Name)
		}
	}
	if !ns.behind(cached) {
		w.paid(namespace, ns)
		return
	}
	w.owe(namespace, ns, now)
}

// freshness is how far a cache can be trusted.
type freshness int

const (
	fresh freshness = iota
	awaitCache
	readLive
)

func (ns *namespaceWrites) behind(cached []*networkingv1.NetworkPolicy) bool {
	byName := map[string]*networkingv1.NetworkPolicy{}
	for _, policy := range cached {
		byName[policy.Name] = policy
	}
	for name, version := range ns.versions {
		policy, ok := byName[name]
		if !ok || olderThan(policy.ResourceVersion, version) {
			return true
		}
	}
	for name, uid := range ns.deleted {
		// One that is on its way out shows the deletion already, also when a finalizer keeps it.
		if policy, ok := byName[name]; ok && policy.UID == uid && policy.DeletionTimestamp.IsZero() {
			return true
		}
		delete(ns.deleted, name)
	}
	return false
}

// olderThan compares resourceVersions, which Kubernetes orders within one resource since 1.35 (KEP-5504). Ones that
// cannot be compared count as not older.
func olderThan(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// forget drops a namespace.
func (w *ownWrites) forget(namespace string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.namespaces, namespace)
	delete(w.owed, namespace)
}
