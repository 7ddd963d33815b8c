package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// livePage is how many objects are read at once: a node is some ten kilobytes.
const livePage = 500

// rangesMemory keeps what is computed from every node until a node changes: it is the same for all namespaces. The zero
// value is ready to use, by several goroutines.
type rangesMemory struct {
	mu      sync.Mutex
	version int
	nodes   []snapshot.Node
	ranges  []netip.Prefix
	known   bool

	// confirming is held by the one who asks the API server.
	confirming sync.Mutex
	// confirmed are the ranges that were returned last, for this version of what the cache shows; nil before the first time.
	confirmed    []netip.Prefix
	confirmedFor int
}

// RangesChanged says that a node or a ServiceCIDR changed. It must be called after the cache shows the change, and before
// those are woken that depend on it.
func (r *Reader) RangesChanged() {
	r.ranges.mu.Lock()
	defer r.ranges.mu.Unlock()
	r.ranges.version++
	r.ranges.known = false
}

// nodes returns every node, sorted by name.
func (r *Reader) nodes(ctx context.Context) ([]snapshot.Node, error) {
	nodes, _, err := r.nodesAndRanges(ctx)
	return nodes, err
}

// clusterRanges returns the public ranges that the cluster uses, sorted. What is left out of them becomes part of the
// internet, so a cache that lacks some is not believed: the first time, and whenever it changes and then shows fewer than
// before, the API server itself is asked, once for all namespaces.
func (r *Reader) clusterRanges(ctx context.Context) ([]netip.Prefix, error) {
	r.ranges.mu.Lock()
	version := r.ranges.version
	r.ranges.mu.Unlock()
	_, ranges, err := r.nodesAndRanges(ctx)
	if err != nil {
		return nil, err
	}
	r.ranges.confirming.Lock()
	defer r.ranges.confirming.Unlock()
	if r.ranges.confirmed != nil && r.ranges.confirmedFor == version {
		return r.ranges.confirmed, nil
	}
	if r.ranges.confirmed == nil || len(ipset.Subtract(r.ranges.confirmed, ranges)) > 0 {
		live, err := r.liveRanges(ctx)
		if err != nil {
			return nil, err
		}
		ranges = ipset.Aggregate(slices.Concat(ranges, live))
	}
	r.ranges.confirmed, r.ranges.confirmedFor = append([]netip.Prefix{}, ranges...), version
	return ranges, nil
}

// liveRanges returns the public ranges of the nodes and ServiceCIDRs that the API server lists.
func (r *Reader) liveRanges(ctx context.Context) ([]netip.Prefix, error) {
	var ranges []netip.Prefix
	var nodes corev1.NodeList
	for more := true; more; more = nodes.Continue != "" {
		if err := r.Live.List(ctx, &nodes, client.Limit(livePage), client.Continue(nodes.Continue)); err != nil {
			return nil, fmt.Errorf("list nodes, which the internet leaves out, from the API server: %w", err)
		}
		for i := range nodes.Items {
			ranges = append(ranges, snapshot.PublicRangesOfNode(&nodes.Items[i])...)
		}
	}
	var services networkingv1.ServiceCIDRList
	if err := r.Live.List(ctx, &services); err != nil {
		return nil, fmt.Errorf("list service CIDRs, which the internet leaves out, from the API server: %w", err)
	}
	for i := range services.Items {
		ranges = append(ranges, snapshot.PublicRangesOfServices(&services.Items[i])...)
	}
	return ranges, nil
}

func (r *Reader) nodesAndRanges(ctx context.Context) ([]snapshot.Node, []netip.Prefix, error) {
	r.ranges.mu.Lock()
	version, nodes, ranges, known := r.ranges.version, r.ranges.nodes, r.ranges.ranges, r.ranges.known
	r.ranges.mu.Unlock()
	if known {
		return nodes, ranges, nil
	}
	var list corev1.NodeList
	if err := r.Cache.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("list nodes: %w", err)
	}
	var services networkingv1.ServiceCIDRList
	if err := r.Cache.List(ctx, &services, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("list service CIDRs: %w", err)
	}
	nodes, ranges = nil, nil
	for i := range list.Items {
		nodes = append(nodes, snapshot.FromNode(&list.Items[i]))
		ranges = append(ranges, snapshot.PublicRangesOfNode(&list.Items[i])...)
	}
	for i := range services.Items {
		ranges = append(ranges, snapshot.PublicRangesOfServices(&services.Items[i])...)
	}
	slices.SortFunc(nodes, func(a, b snapshot.Node) int { return strings.Compare(a.Name, b.Name) })
	ranges = ipset.Aggregate(ranges)
	r.ranges.mu.Lock()
	defer r.ranges.mu.Unlock()
	if r.ranges.version == version {
		r.ranges.nodes, r.ranges.ranges, r.ranges.known = nodes, ranges, true
	}
	return nodes, ranges, nil
}
