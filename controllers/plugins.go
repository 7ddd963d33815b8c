package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/metadata"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"firebreak.dev/firebreak/internal/cluster"
)

// watchPlugins adds to a manager the watches that tell of network plugins. They wake no namespace, and profiles by onChange
// alone: nodes and DaemonSets change all the time in what does not matter here.
func watchPlugins(mgr ctrl.Manager, onChange func()) (*cluster.Plugins, error) {
	client, err := metadata.NewForConfigAndClient(metadata.ConfigFor(mgr.GetConfig()), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("make a client for daemon sets: %w", err)
	}
	plugins := cluster.NewPlugins(onChange)
	onNodes := func(ctx context.Context) error {
		nodes, err := mgr.GetCache().GetInformer(ctx, &corev1.Node{}, cache.BlockUntilSynced(false))
		if err != nil {
			return fmt.Errorf("watch nodes: %w", err)
		}
		return plugins.WatchNodes(ctx, nodes)
	}
	onDaemonSets := func(ctx context.Context) error {
		plugins.WatchDaemonSets(ctx, client)
		return nil
	}
	for _, run := range []func(context.Context) error{onNodes, onDaemonSets} {
		if err := mgr.Add(unelected{run}); err != nil {
			return nil, fmt.Errorf("add the watch for network plugins: %w", err)
		}
	}
	return plugins, nil
}
