package cluster

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Place returns a namespace as the connections with it are judged, from the cache. The objects in it are shared with the cache
// and must not be changed. ErrPodsNotListed before all pods have been listed.
func (r *Reader) Place(ctx context.Context, ns snapshot.Namespace) (*analyzer.Place, error) {
	if !r.Pods.Synced() {
		return nil, fmt.Errorf("read the pods of namespace %s: %w", ns.Name, ErrPodsNotListed)
	}
	list, err := policies(ctx, r.Cache, ns.Name, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	return analyzer.NewPlace(ns, list, r.Pods.InNamespace(ns.Name))
}
