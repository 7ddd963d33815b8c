package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/clusterflags"
	"firebreak.dev/firebreak/internal/snapshot"
)

// defaultNamespace is where Firebreak runs when nothing says otherwise.
const defaultNamespace = "firebreak-system"

// namespaceFile is where Kubernetes tells a pod its namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// options are the parsed flags.
type options struct {
	probeAddress            string
	metricsAddress          string
	metricsCertDir          string
	pprofAddress            string
	leaderElect             bool
	leaderElectionNamespace string
	workers                 int
	maxWritesPerSecond      float64
	logFormat               string
	verbosity               int
	cluster                 snapshot.Options
}

func parseFlags(args []string) (options, error) {
	o := options{}
	own := ownNamespace()
	o.cluster = snapshot.DefaultOptions(own)
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	config.RegisterFlags(flags)
	flags.StringVar(&o.probeAddress, "health-probe-bind-address", ":8081", "`address` of the health probes /healthz and /readyz; 0 turns them off")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443", "`address` of the Prometheus metrics /metrics, served over HTTPS to whom the API server allows to get them; 0 turns them off")
	flags.StringVar(&o.metricsCertDir, "metrics-cert-dir", "", "`directory` of the metrics' certificate, tls.crt and tls.key, which are read again when they change; a self-signed one is made in memory when not given")
	flags.StringVar(&o.pprofAddress, "pprof-bind-address", "0", "`address` of Go's profiles /debug/pprof/, to look into what takes time or memory; whoever reaches it may read them, so bind it to 127.0.0.1; 0 turns them off")
	flags.BoolVar(&o.leaderElect, "leader-elect", true, "act only while holding the lease, so that several replicas can run")
	flags.StringVar(&o.leaderElectionNamespace, "leader-election-namespace", own, "`namespace` of the lease")
	flags.IntVar(&o.workers, "workers", 16, "`number` of namespaces that are worked on at once")
	flags.Float64Var(&o.maxWritesPerSecond, "max-writes-per-second", 0, "`number` of writes of policies that are made in a second at most, so that a roll-out over many namespaces does not overwhelm the network plugin; drift is corrected at once all the same; 0 is no limit")
	mode := flags.String("mode", string(v1alpha1.ModeEnforce), "`mode` of the operator: with Preview it writes no policy, whatever the profiles say, and reports in their status what it would do")
	flags.StringVar(&o.logFormat, "log-format", "json", "json or text")
	flags.IntVar(&o.verbosity, "v", 0, "verbosity of the log; 1 and more is for debugging")
	clusterflags.Add(flags, &o.cluster)
	// pflag reads and prints flags with two dashes, as every Kubernetes program does.
	parser := pflag.NewFlagSet("manager", pflag.ContinueOnError)
	parser.AddGoFlagSet(flags)
	if err := parser.Parse(args); err != nil {
		return o, err
	}
	if parser.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", parser.Arg(0))
	}
	if err := o.setMode(*mode); err != nil {
		return o, err
	}
	if o.leaderElect && o.leaderElectionNamespace == "" {
		return o, errors.New("--leader-election-namespace must not be empty")
	}
	if o.workers < 1 {
		return o, errors.New("--workers must be at least 1")
	}
	if o.maxWritesPerSecond != 0 && !(o.maxWritesPerSecond >= 0.01) {
		return o, errors.New("--max-writes-per-second must be 0.01 or more, or 0 for no limit")
	}
	return o, nil
}

func (o *options) setMode(mode string) error {
	switch v1alpha1.Mode(mode) {
	case v1alpha1.ModeEnforce:
	case v1alpha1.ModePreview:
		o.cluster.PreviewOnly = true
	default:
		return fmt.Errorf("--mode is %q; want %s or %s", mode, v1alpha1.ModeEnforce, v1alpha1.ModePreview)
	}
	return nil
}

// ownNamespace is the namespace of the pod that this runs in.
func ownNamespace() string {
	data, err := os.ReadFile(namespaceFile)
	if namespace := strings.TrimSpace(string(data)); err == nil && namespace != "" {
		return namespace
	}
	return defaultNamespace
}
