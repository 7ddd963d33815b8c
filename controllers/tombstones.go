package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// tombstones remembers the namespaced profiles whose deletion this process saw, and whether they wished their policies
// to stay: only the policies of these may be taken away or released. An entry is a few dozen bytes and lasts until its
// namespace goes.
type tombstones struct {
	mu     sync.Mutex
	graves map[string]map[grave]v1alpha1.DeletionPolicy
}

type grave struct {
	key snapshot.ProfileKey
	uid types.UID
}

func newTombstones() *tombstones {
	return &tombstones{graves: map[string]map[grave]v1alpha1.DeletionPolicy{}}
}

// add takes note of a profile as it was when it went. One that went with the wish that its dependents stay, by
// --cascade=orphan, retains its policies whatever its spec says.
func (t *tombstones) add(p snapshot.Profile) {
	if p.Orphaning {
		p.DeletionPolicy = v1alpha1.DeletionPolicyRetain
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.graves[p.Key.Namespace] == nil {
		t.graves[p.Key.Namespace] = map[grave]v1alpha1.DeletionPolicy{}
	}
	t.graves[p.Key.Namespace][grave{p.Key, p.UID}] = p.DeletionPolicy
}

// of returns what is remembered of a profile, and whether its deletion was seen.
func (t *tombstones) of(key snapshot.ProfileKey, uid types.UID) (snapshot.Profile, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	policy, ok := t.graves[key.Namespace][grave{key, uid}]
	return snapshot.Profile{Key: key, UID: uid, Deleting: true, ProfileSettings: v1alpha1.ProfileSettings{DeletionPolicy: policy}}, ok
}

func (t *tombstones) forget(namespace string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.graves, namespace)
}
