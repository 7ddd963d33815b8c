package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/metadata"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/log"

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
		nodes := informerOfNodes(ctx, mgr.GetCache())
		if nodes == nil {
			return nil
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

// discoveryPoll is how often it is tried to find out how nodes are read, while the API server does not answer.
const discoveryPoll = 5 * time.Second

// informerOfNodes returns that of nodes as soon as the API server says that there is such a thing; nil when ctx ended before. An error
// would end the operator, which would be started ever more rarely while the API server is away.
func informerOfNodes(ctx context.Context, all cache.Cache) (nodes cache.Informer) {
	_ = wait.PollUntilContextCancel(ctx, discoveryPoll, true, func(ctx context.Context) (bool, error) {
		var err error
		if nodes, err = all.GetInformer(ctx, &corev1.Node{}, cache.BlockUntilSynced(false)); err != nil {
			log.FromContext(ctx).Error(err, "Watch nodes")
		}
		return err == nil, nil
	})
	return nodes
}
