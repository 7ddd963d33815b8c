package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/internal/snapshot"
)

// namespacesMemory keeps the list of all namespaces until one changes. The zero value is ready to use, by several goroutines.
type namespacesMemory struct {
	mu sync.Mutex
	// version is 0 until somebody tells of changes: before that nothing is kept.
	version int
	all     []snapshot.Namespace
	known   bool
}

// NamespacesChanged says that a namespace changed. It must be called after the cache shows the change, and before those are woken
// that depend on it.
func (r *Reader) NamespacesChanged() {
	r.namespaces.mu.Lock()
	defer r.namespaces.mu.Unlock()
	r.namespaces.version++
	r.namespaces.all, r.namespaces.known = nil, false
}

// Namespace returns a namespace, or nil when there is none.
func (r *Reader) Namespace(ctx context.Context, name string) (*snapshot.Namespace, error) {
	var ns corev1.Namespace
	if err := r.Cache.Get(ctx, types.NamespacedName{Name: name}, &ns, client.UnsafeDisableDeepCopy); err != nil {
		return nil, client.IgnoreNotFound(fmt.Errorf("read namespace %s: %w", name, err))
	}
	out := asNamespace(&ns)
	return &out, nil
}

// Namespaces returns every namespace, sorted by name. The list is shared and must not be changed.
func (r *Reader) Namespaces(ctx context.Context) ([]snapshot.Namespace, error) {
	r.namespaces.mu.Lock()
	version, all, known := r.namespaces.version, r.namespaces.all, r.namespaces.known
	r.namespaces.mu.Unlock()
	if known {
		return all, nil
	}
	var list corev1.NamespaceList
	if err := r.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	all = make([]snapshot.Namespace, 0, len(list.Items))
	for i := range list.Items {
		all = append(all, asNamespace(&list.Items[i]))
	}
	slices.SortFunc(all, func(a, b snapshot.Namespace) int { return strings.Compare(a.Name, b.Name) })
	r.namespaces.mu.Lock()
	defer r.namespaces.mu.Unlock()
	if version > 0 && r.namespaces.version == version {
		r.namespaces.all, r.namespaces.known = all, true
	}
	return all, nil
}

// asNamespace shares the labels with the cache, which replaces maps and never changes them.
func asNamespace(ns *corev1.Namespace) snapshot.Namespace {
	return snapshot.Namespace{Name: ns.Name, Labels: ns.Labels, Terminating: !ns.DeletionTimestamp.IsZero()}
}
