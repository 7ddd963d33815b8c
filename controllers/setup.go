package controllers

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/events"
	"firebreak.dev/firebreak/internal/leadership"
	"firebreak.dev/firebreak/internal/ledger"
	"firebreak.dev/firebreak/internal/metrics"
	"firebreak.dev/firebreak/internal/snapshot"
)

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 15 * time.Second
	// cacheSyncTimeout is after how long the operator gives up when not all caches have been filled, and is started anew. Whoever takes
	// over lists all anew, so a list that an API server under load is slow to answer must have its time.
	cacheSyncTimeout = 10 * time.Minute
	// defaultNodeDelay gathers the changes of nodes: a cluster that grows must not rewrite policies with every node.
	defaultNodeDelay = 10 * time.Second
)

// Options say how the controllers run.
type Options struct {
	Cluster snapshot.Options
	// Workers is the number of namespaces that are worked on at once; at least 1.
	Workers int
	// Registerer is where the metrics about profiles go; nil when nobody asks for them.
	Registerer prometheus.Registerer
	// MaxWritesPerSecond caps the writes of policies; drift is corrected at once all the same. 0 is no cap.
	MaxWritesPerSecond float64
	// NodeDelay is how long changes of nodes are gathered before policies follow; 10 seconds when zero.
	NodeDelay time.Duration
	// NamePrefix distinguishes the controllers of several managers in one process; empty otherwise.
	NamePrefix string
	// Term is for how long this replica may write; nil without leader election, for ever.
	Term *leadership.Term
	// Contention limits how somebody who keeps changing policies back is met.
	Contention ContentionLimits
}

// Setup adds the controllers to a manager.
func Setup(mgr ctrl.Manager, o Options) error {
	reader := &cluster.Reader{Cache: mgr.GetCache(), Live: mgr.GetAPIReader(), Options: o.Cluster}
	writer := leadership.Client(mgr.GetClient(), o.Term)
	queues := &statusQueues{}
	addresses := &podAddressQueue{}
	record := ledger.New(queues.onOutcome)
	shared := &compiler.Compiler{}
	analysis := newAnalysis(reader, shared, record)
	pods, err := watchPods(mgr, podEvents(reader, queues, addresses, analysis))
	if err != nil {
		return err
	}
	reader.Pods = pods
	plugins, err := watchPlugins(mgr, func() { queues.allProfiles(reader) })
	if err != nil {
		return err
	}
	others, err := watchOtherPolicies(mgr, func(namespace string) { queues.onOtherPolicies(namespace, reader) })
	if err != nil {
		return err
	}
	recorder := events.NewRecorder(mgr.GetEventRecorder("firebreak"), time.Now)
	meter := metrics.New(mgr.Elected(), time.Now)
	if o.Registerer != nil {
		if err := o.Registerer.Register(meter); err != nil {
			return fmt.Errorf("register the metrics: %w", err)
		}
	}
	for _, kind := range []v1alpha1.Kind{v1alpha1.KindSegmentationProfile, v1alpha1.KindClusterSegmentationProfile} {
		r := &ProfileStatusReconciler{
			kind: kind, client: writer, reader: reader, ledger: record, pods: pods, plugins: plugins, others: others,
			events: recorder, metrics: meter, writes: newStatusClock(), queues: queues,
		}
		if err := r.setup(mgr, o, queues); err != nil {
			return fmt.Errorf("set up the status controller of %s: %w", kind, err)
		}
	}
	r := &NamespaceReconciler{
		client: writer, reader: reader, compiler: shared, ledger: record, events: recorder, metrics: meter, writes: newOwnWrites(),
		facts: newFactIndex(), graves: newTombstones(), pace: newPace(o.MaxWritesPerSecond), fights: newContention(o.Contention),
		analysis: analysis.wakes,
	}
	if err := r.setup(mgr, o, queues, addresses); err != nil {
		return fmt.Errorf("set up the namespace controller: %w", err)
	}
	if err := analysis.setup(mgr, o); err != nil {
		return fmt.Errorf("set up the analysis controller: %w", err)
	}
	return nil
}

// watchPods adds a store of pods to a manager.
func watchPods(mgr ctrl.Manager, on cluster.PodEvents) (*cluster.Pods, error) {
	client, err := cluster.NewPodClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("make a client for pods: %w", err)
	}
	pods := cluster.NewPods(on)
	err = mgr.Add(unelected{func(ctx context.Context) error {
		pods.Run(ctx, client)
		return nil
	}})
	if err != nil {
		return nil, fmt.Errorf("add the pod store: %w", err)
	}
	return pods, nil
}

func (r *NamespaceReconciler) setup(mgr ctrl.Manager, o Options, queues *statusQueues, addresses *podAddressQueue) error {
	capture := source.Func(func(ctx context.Context, q workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
		go r.lookForOverdue(ctx, q)
		addresses.set(func(addr netip.Addr) { r.onPodAddress(q, addr) })
		r.pace.onTurn(func(namespace string, after time.Duration) { enqueueAfter(q, handler.LowPriority, after, namespace) })
		return nil
	})
	onNamespace := r.onNamespace(func(ctx context.Context) { queues.allClusterProfiles(ctx, r.reader) })
	return ctrl.NewControllerManagedBy(mgr).
		Named(o.NamePrefix+"namespace").
		Watches(&corev1.Namespace{}, onNamespace).
		Watches(&networkingv1.NetworkPolicy{}, r.onPolicy()).
		Watches(&v1alpha1.SegmentationProfile{}, r.onProfile()).
		Watches(&v1alpha1.ClusterSegmentationProfile{}, r.onProfile()).
		Watches(&corev1.Service{}, r.onService()).
		Watches(&discoveryv1.EndpointSlice{}, r.onEndpointSlice()).
		Watches(&corev1.Node{}, r.onNode(cmp.Or(o.NodeDelay, defaultNodeDelay))).
		Watches(&networkingv1.ServiceCIDR{}, r.onServiceCIDR()).
		WatchesRawSource(capture).
		WithOptions(work(o.Workers)).
		Complete(r)
}

func (r *ProfileStatusReconciler) setup(mgr ctrl.Manager, o Options, queues *statusQueues) error {
	name := "segmentationprofile-status"
	if r.kind == v1alpha1.KindClusterSegmentationProfile {
		name = "clustersegmentationprofile-status"
	}
	capture := source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[ctrl.Request]) error {
		queues.set(r.kind, q)
		return nil
	})
	return ctrl.NewControllerManagedBy(mgr).
		Named(o.NamePrefix+name).
		Watches(newProfileObject(r.kind), &handler.EnqueueRequestForObject{}).
		WatchesRawSource(capture).
		WithOptions(work(4)).
		Complete(r)
}

// work says how a controller works: with so many workers.
func work(workers int) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: workers, CacheSyncTimeout: cacheSyncTimeout,
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[ctrl.Request](firstBackoff, maxBackoff),
	}
}

// unelected runs on every replica, leader or not, so that a new leader knows the pods at once.
type unelected struct {
	run func(context.Context) error
}

var _ manager.LeaderElectionRunnable = unelected{}

// Start implements manager.Runnable.
func (u unelected) Start(ctx context.Context) error { return u.run(ctx) }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (unelected) NeedLeaderElection() bool { return false }

func requestOf(key snapshot.ProfileKey) ctrl.Request {
	return ctrl.Request{NamespacedName: types.NamespacedName{Namespace: key.Namespace, Name: key.Name}}
}

// podEvents leads from pods to those who depend on them.
func podEvents(reader *cluster.Reader, queues *statusQueues, addresses *podAddressQueue, analysis *AnalysisReconciler) cluster.PodEvents {
	changes := &podChanges{
		counted: func(namespaces map[string]bool) { queues.onPods(namespaces, reader) },
		judge:   analysis.onPods,
	}
	changed := func(namespace string, counts bool) {
		analysis.places.drop(namespace)
		changes.add(namespace, counts)
	}
	return cluster.PodEvents{
		Counts:  func(namespace string) { changed(namespace, true) },
		Moved:   func(namespace string) { changed(namespace, false) },
		Address: addresses.tell,
		Synced: func() {
			queues.allProfiles(reader)
			analysis.onAllPods()
		},
	}
}
