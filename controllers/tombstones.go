package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/internal/snapshot"
)

// tombstones remembers the namespaced profiles whose deletion this process saw: only their policies may be taken away.
// An entry is a few dozen bytes and lasts until its namespace goes.
type tombstones struct {
	mu     sync.Mutex
	graves map[string]map[grave]struct{}
}

type grave struct {
	key snapshot.ProfileKey
	uid types.UID
}

func newTombstones() *tombstones { return &tombstones{graves: map[string]map[grave]struct{}{}} }

func (t *tombstones) add(key snapshot.ProfileKey, uid types.UID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.graves[key.Namespace] == nil {
		t.graves[key.Namespace] = map[grave]struct{}{}
	}
	t.graves[key.Namespace][grave{key, uid}] = struct{}{}
}

func (t *tombstones) has(key snapshot.ProfileKey, uid types.UID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.graves[key.Namespace][grave{key, uid}]
	return ok
}

func (t *tombstones) forget(namespace string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.graves, namespace)
}
