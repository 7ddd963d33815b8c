// Command manager is the Firebreak operator: it turns SegmentationProfiles and ClusterSegmentationProfiles into
// NetworkPolicies and keeps them as written.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/controllers"
	"firebreak.dev/firebreak/internal/metrics"
	"firebreak.dev/firebreak/internal/overview"
	"firebreak.dev/firebreak/internal/version"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return
		}
		fmt.Fprintln(os.Stderr, "firebreak:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	o, err := parseFlags(args)
	if err != nil {
		return err
	}
	logger, err := newLogger(o.logFormat, o.verbosity, os.Stderr)
	if err != nil {
		return err
	}
	ctrl.SetLogger(logger)
	klog.SetLogger(logger)
	collectLess()
	mgr, err := newManager(o)
	if err != nil {
		return err
	}
	logger.Info("Starting Firebreak", "version", version.String(), "protectedNamespaces", o.cluster.ProtectedNamespaces, "previewOnly", o.cluster.PreviewOnly)
	// SIGTERM ends the work at hand, gives the lease back, and returns.
	if err := mgr.Start(ctrl.SetupSignalHandler()); err != nil {
		return fmt.Errorf("run the manager: %w", err)
	}
	logger.Info("Stopped")
	return nil
}

func newManager(o options) (ctrl.Manager, error) {
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("find the API server (in a cluster, or by --kubeconfig): %w", err)
	}
	// The API server's priority and fairness holds clients back where it must; a second brake here would only make
	// corrections late.
	config.QPS = -1
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("build the scheme: %w", err)
	}
	server, err := metricsServer(o)
	if err != nil {
		return nil, err
	}
	if err := ctrlmetrics.Registry.Register(metrics.NewBuildInfo(version.String())); err != nil {
		return nil, fmt.Errorf("register the metrics: %w", err)
	}
	cached, err := controllers.CacheOptions()
	if err != nil {
		return nil, fmt.Errorf("decide what to cache: %w", err)
	}
	election, err := newElection(config, o)
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, manager.Options{
		Scheme:                              scheme,
		Cache:                               cached,
		Metrics:                             server,
		HealthProbeBindAddress:              o.probeAddress,
		PprofBindAddress:                    o.pprofAddress,
		LeaderElection:                      o.leaderElect,
		LeaderElectionResourceLockInterface: election.lock,
		// It names the elector in the metric that says who leads.
		LeaderElectionID:              overview.LeaseName(),
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 new(leaseDuration),
		RenewDeadline:                 new(renewDeadline),
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	election.announcer.of(mgr)
	if err := errors.Join(mgr.AddHealthzCheck("ping", healthz.Ping), mgr.AddReadyzCheck("ping", healthz.Ping)); err != nil {
		return nil, fmt.Errorf("add a health check: %w", err)
	}
	if err := controllers.Setup(mgr, controllers.Options{Cluster: o.cluster, Workers: o.workers, MaxWritesPerSecond: o.maxWritesPerSecond, Registerer: ctrlmetrics.Registry, Term: election.term}); err != nil {
		return nil, err
	}
	if err := mgr.Add(onEveryReplica(giveBack)); err != nil {
		return nil, fmt.Errorf("watch over memory: %w", err)
	}
	return mgr, nil
}
