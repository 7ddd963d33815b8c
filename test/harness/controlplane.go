package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// startTimeout bounds the start and the stop of each program of the control plane. It takes about four seconds on an
// idle machine; the bound is for one that compiles something else meanwhile.
const startTimeout = 90 * time.Second

// Options say what a control plane is made of. The zero value is etcd and kube-apiserver with Firebreak's CRDs.
type Options struct {
	// ControllerManager adds kube-controller-manager with the controllers for namespaces, ServiceAccounts, garbage
	// collection and role aggregation. Without it, a deleted namespace stays terminating and dependents stay.
	ControllerManager bool

	// Controllers are further controllers for kube-controller-manager, by its names for them. They imply it.
	Controllers []string

	// WithoutCRDs leaves Firebreak's CRDs out.
	WithoutCRDs bool

	// APIServerFlags are further flags of kube-apiserver, without the leading dashes. They replace a flag of the same
	// name that the harness sets.
	APIServerFlags map[string]string

	// Durable makes etcd wait until the disk has what it is told, as it does in a cluster. Tests do not need that.
	Durable bool

	// Outages lets Kill take etcd and kube-apiserver down, and Revive bring them back.
	Outages bool

	// Dir is where kubeconfigs and logs are kept, and it must exist. When empty, a temporary directory is used, which
	// Stop removes.
	Dir string
}

func (o Options) needsControllerManager() bool { return o.ControllerManager || len(o.Controllers) > 0 }

// ControlPlane is a running control plane. Its methods may be used side by side, Stop excepted.
type ControlPlane struct {
	root    string
	bin     string
	dir     string
	ownsDir bool

	env               *envtest.Environment
	config            *rest.Config
	logs              []*os.File
	controllerManager *Process
	// controllers are those that it has besides the usual ones.
	controllers []string
	// outages is nil when nothing can be taken down.
	outages *outages

	mu sync.Mutex
	// operators are those that were started.
	operators []*Process
}

// Start starts a control plane and returns when it answers and serves the CRDs. It fails with advice when the programs
// are not there. The control plane outlives ctx: whoever starts it calls Stop.
func Start(ctx context.Context, opts Options) (*ControlPlane, error) {
	c, err := newControlPlane(opts)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx, opts); err != nil {
		return nil, errors.Join(fmt.Errorf("start the control plane: %w", err), c.Stop())
	}
	return c, nil
}

func newControlPlane(opts Options) (*ControlPlane, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return nil, err
	}
	programs := []string{"etcd", "kube-apiserver", "kubectl"}
	if opts.needsControllerManager() {
		programs = append(programs, "kube-controller-manager")
	}
	bin, err := binaries(root, programs...)
	if err != nil {
		return nil, err
	}
	c := &ControlPlane{root: root, bin: bin, dir: opts.Dir}
	if c.dir == "" {
		c.ownsDir = true
		if c.dir, err = os.MkdirTemp("", "firebreak-"); err != nil {
			return nil, fmt.Errorf("start the control plane: %w", err)
		}
	}
	return c, nil
}

func (c *ControlPlane) start(ctx context.Context, opts Options) error {
	if err := c.configure(opts); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	config, err := c.env.Start()
	if err != nil {
		return err
	}
	c.config = config
	if err := c.AdminKubeconfig(c.adminKubeconfig()); err != nil {
		return err
	}
	if opts.needsControllerManager() {
		return c.startControllerManager(ctx, opts.Controllers)
	}
	return nil
}

// configure prepares the environment. It never falls back to an existing cluster, whatever the environment variables
// say: the tests create and delete without asking.
func (c *ControlPlane) configure(opts Options) error {
	c.env = &envtest.Environment{
		UseExistingCluster:       new(bool),
		ControlPlaneStartTimeout: startTimeout,
		ControlPlaneStopTimeout:  startTimeout,
		ErrorIfCRDPathMissing:    true,
	}
	if !opts.WithoutCRDs {
		c.env.CRDDirectoryPaths = []string{filepath.Join(c.root, "config", "crd", "bases")}
	}
	etcdLog, err := c.log("etcd.log")
	if err != nil {
		return err
	}
	serverLog, err := c.log("kube-apiserver.log")
	if err != nil {
		return err
	}
	c.env.ControlPlane.KubectlPath = filepath.Join(c.bin, "kubectl")
	etcd, apiServer, err := c.componentPaths(opts)
	if err != nil {
		return err
	}
	c.env.ControlPlane.Etcd = &envtest.Etcd{Path: etcd, Out: etcdLog, Err: etcdLog}
	if opts.Durable {
		c.env.ControlPlane.Etcd.Configure().Set("unsafe-no-fsync", "false")
	}
	server := c.env.ControlPlane.GetAPIServer()
	server.Path = apiServer
	server.Out, server.Err = serverLog, serverLog

	flags := server.Configure()
	// Already what envtest defaults to, said here because the tests rely on both: RBAC decides, and a pod can be
	// created in a namespace whose default ServiceAccount does not exist yet.
	flags.Set("authorization-mode", "RBAC").Set("disable-admission-plugins", "ServiceAccount")
	policy, err := c.auditPolicy()
	if err != nil {
		return err
	}
	// In MB: one file for a whole run.
	flags.Set("audit-policy-file", policy).Set("audit-log-path", c.AuditLog()).Set("audit-log-maxsize", "8192")
	for name, value := range opts.APIServerFlags {
		flags.Set(name, value)
	}
	return nil
}

// componentPaths returns what runs etcd and kube-apiserver.
func (c *ControlPlane) componentPaths(opts Options) (etcd, apiServer string, err error) {
	if !opts.Outages {
		return filepath.Join(c.bin, string(Etcd)), filepath.Join(c.bin, string(APIServer)), nil
	}
	c.outages = &outages{bin: c.bin, dir: c.dir, again: map[Component]*Process{}}
	if etcd, err = c.outages.scriptFor(Etcd); err != nil {
		return "", "", err
	}
	apiServer, err = c.outages.scriptFor(APIServer)
	return etcd, apiServer, err
}

// auditPolicy writes a policy that records what the operator asked for and what was answered, without bodies.
func (c *ControlPlane) auditPolicy() (string, error) {
	const policy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts:` + ManagerNamespace + `"]
- level: None
`
	path := filepath.Join(c.dir, "audit-policy.yaml")
	return path, os.WriteFile(path, []byte(policy), 0o600)
}

func (c *ControlPlane) log(name string) (*os.File, error) {
	file, err := os.Create(filepath.Join(c.dir, name))
	if err == nil {
		c.logs = append(c.logs, file)
	}
	return file, err
}

// Config returns a client configuration with all rights, a copy each time.
func (c *ControlPlane) Config() *rest.Config {
	return rest.CopyConfig(c.config)
}

// Dir returns the directory that holds kubeconfigs and logs.
func (c *ControlPlane) Dir() string {
	return c.dir
}

// AuditLog returns the path of the file to which the API server writes one line of JSON for each request of the operator's
// ServiceAccount.
func (c *ControlPlane) AuditLog() string {
	return filepath.Join(c.dir, "audit.log")
}

// Root returns the root directory of the repository.
func (c *ControlPlane) Root() string {
	return c.root
}

// Stop stops every program of the control plane, and removes Dir if Start made it. It goes on past a failure. An operator that
// still runs is one: it wrote while other tests thought themselves alone with theirs.
func (c *ControlPlane) Stop() error {
	errs := []error{c.killOperators()}
	if c.controllerManager != nil {
		errs = append(errs, c.controllerManager.Kill())
		c.controllerManager = nil
	}
	if c.outages != nil {
		errs = append(errs, c.outages.stop())
	}
	if c.env != nil {
		errs = append(errs, c.env.Stop())
		c.env = nil
	}
	for _, file := range c.logs {
		errs = append(errs, file.Close())
	}
	c.logs = nil
	if c.ownsDir {
		errs = append(errs, os.RemoveAll(c.dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("stop the control plane: %w", err)
	}
	return nil
}

// killOperators kills the operators that nobody stopped, and names them.
func (c *ControlPlane) killOperators() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, operator := range c.operators {
		if operator.Failure() == nil {
			errs = append(errs, fmt.Errorf("the operator with the log %s was left running", operator.log), operator.Kill())
		}
	}
	c.operators = nil
	return errors.Join(errs...)
}
