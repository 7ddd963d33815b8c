package testbed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/harness"
)

// NodeName is the name of the one node.
const NodeName = "node1"

// startTimeout bounds the start of the enforcer and of kube-proxy, which take about a second on an idle machine.
const startTimeout = time.Minute

// Cluster is a control plane, a network, and the enforcer between them. Its methods may be used side by side, Stop excepted.
type Cluster struct {
	Plane *harness.ControlPlane
	// Client has all rights, and no limit of its own.
	Client client.WithWatch

	network  Network
	enforcer *harness.Process
	proxy    *harness.Process

	mu sync.Mutex
	// pods is the number of addresses given to pods so far.
	pods int
}

// Installed returns an error that says what there is to do when a program is missing that Start starts.
func Installed() error {
	root, err := harness.RepositoryRoot()
	if err != nil {
		return err
	}
	for _, program := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kubectl"} {
		if _, err := harness.Program(program); err != nil {
			return err
		}
	}
	if _, err := os.Stat(enforcerPath(root)); err != nil {
		return fmt.Errorf(`no kube-network-policies: run "make bin/kube-network-policies": %w`, err)
	}
	return nil
}

func enforcerPath(root string) string { return filepath.Join(root, "bin", "kube-network-policies") }

// Start starts a cluster with one node and no pods. The enforcer is at work when it returns.
func Start(ctx context.Context) (*Cluster, error) {
	if err := Installed(); err != nil {
		return nil, err
	}
	plane, err := harness.Start(ctx, harness.Options{
		Controllers: []string{"endpointslice-controller"},
		APIServerFlags: map[string]string{
			"service-cluster-ip-range": "10.96.0.0/16,fd00:96::/112",
			// Pods reach it at the node's address, and it keeps the endpoints of its Service itself.
			"bind-address":             "0.0.0.0",
			"advertise-address":        NodeAddresses()[0].String(),
			"endpoint-reconciler-type": "lease",
		},
	})
	if err != nil {
		return nil, err
	}
	c := &Cluster{Plane: plane}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) (err error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	config := c.Plane.Config()
	config.QPS = -1
	if c.Client, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if err := c.createNode(ctx); err != nil {
		return fmt.Errorf("create the node: %w", err)
	}
	if err := c.startEnforcer(ctx); err != nil {
		return err
	}
	return c.startProxy(ctx)
}

func (c *Cluster) createNode(ctx context.Context) error {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: NodeName}}
	if err := c.Client.Create(ctx, node); err != nil {
		return err
	}
	for _, a := range NodeAddresses() {
		node.Status.Addresses = append(node.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a.String()})
	}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	return c.Client.Status().Update(ctx, node)
}

// startEnforcer starts kube-network-policies. It is at work when it takes packets from its queue.
func (c *Cluster) startEnforcer(ctx context.Context) error {
	var err error
	c.enforcer, err = c.run(ctx, enforcerPath(c.Plane.Root()),
		"--hostname-override="+NodeName,
		// There is no container runtime to ask about pods.
		"--disable-nri=true",
		"--fail-open=false",
		// Only the first packet of a connection is judged, as most network plugins do.
		"--strict-mode=false",
		"--netfilter-bug-1766-fix=false",
		"--metrics-bind-address=127.0.0.1:9080")
	if err != nil {
		return err
	}
	return c.await(ctx, c.enforcer, "kube-network-policies takes packets", func() bool {
		_, err := judged()
		return err == nil
	})
}

// startProxy starts kube-proxy, which makes the addresses of Services lead to their pods.
func (c *Cluster) startProxy(ctx context.Context) error {
	program, err := harness.Program("kube-proxy")
	if err != nil {
		return err
	}
	const health = "127.0.0.1:10256"
	c.proxy, err = c.run(ctx, program,
		"--hostname-override="+NodeName,
		"--proxy-mode=nftables",
		"--cluster-cidr=10.244.0.0/16,fd00:244::/64",
		"--healthz-bind-address="+health,
		"--metrics-bind-address=127.0.0.1:10249",
		// These would be settings of the whole machine.
		"--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0")
	if err != nil {
		return err
	}
	return c.await(ctx, c.proxy, "kube-proxy is ready", func() bool {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+health+"/healthz", http.NoBody)
		if err != nil {
			return false
		}
		response, err := http.DefaultClient.Do(request)
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
}

// run starts a program that works on the cluster with all rights; its log is in the control plane's directory.
func (c *Cluster) run(ctx context.Context, program string, args ...string) (*harness.Process, error) {
	name := filepath.Base(program)
	kubeconfig := filepath.Join(c.Plane.Dir(), name+".kubeconfig")
	if err := c.Plane.AdminKubeconfig(kubeconfig); err != nil {
		return nil, err
	}
	return harness.StartProcess(ctx, harness.Command{
		Program: program,
		Args:    append([]string{"--kubeconfig=" + kubeconfig}, args...),
		Log:     filepath.Join(c.Plane.Dir(), name+".log"),
	})
}

// await waits until something that a program does has happened, or the program has ended.
func (c *Cluster) await(ctx context.Context, p *harness.Process, what string, happened func() bool) error {
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, startTimeout, true, func(context.Context) (bool, error) {
		return happened(), p.Failure()
	})
	if err != nil {
		return fmt.Errorf("wait until %s: %w\n%s", what, err, p.Tail())
	}
	return nil
}

// Judged says how many packets the enforcer has been handed. It fails when the enforcer has ended, or is not where the kernel hands
// packets to: then nothing passes, whatever the policies are.
func (c *Cluster) Judged() (Judged, error) {
	if err := c.enforcer.Failure(); err != nil {
		return Judged{}, err
	}
	return judged()
}

// Outside adds a host that is not the cluster's.
func (c *Cluster) Outside(ctx context.Context, name string, addresses ...string) (*Host, error) {
	var list []netip.Addr
	for _, text := range addresses {
		list = append(list, netip.MustParseAddr(text))
	}
	return c.network.Attach(ctx, name, list...)
}

// Node returns the node as a host whose ports can be called; it cannot open connections.
func (c *Cluster) Node() *Host {
	return &Host{Name: NodeName, Addresses: NodeAddresses()}
}

// Stop stops everything.
func (c *Cluster) Stop() error {
	var errs []error
	for _, p := range []*harness.Process{c.proxy, c.enforcer} {
		if p != nil {
			errs = append(errs, p.Kill())
		}
	}
	return errors.Join(append(errs, c.Plane.Stop())...)
}
