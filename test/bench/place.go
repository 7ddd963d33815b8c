package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/harness"
)

// readyWithin is how long the operator has to start.
const readyWithin = time.Minute

// bareAccount is the namespace and name of the bare client's ServiceAccount.
const bareAccount = "bare"

// place is a control plane with whom works there.
type place struct {
	*bench
	dir   string
	plane *harness.ControlPlane
	// admin is the bench's own client, which has all rights.
	admin client.WithWatch
	// operator and bare are the kubeconfigs of the two sides, each a ServiceAccount's.
	operator, bare string
	// operatorBinary and bareBinary are the programs.
	operatorBinary, bareBinary string
	// shown is where it is kept what operators do.
	shown profiles
	// scraper is the token of one who may read the operator's metrics.
	scraper string
}

// placeOptions say what a place has besides.
type placeOptions struct {
	// counted: what the operator asks for is logged, which costs it some time.
	counted bool
}

// at does something at a place of its own.
func (b *bench) at(ctx context.Context, o placeOptions, do func(context.Context, *place) error) (err error) {
	dir, err := os.MkdirTemp("", "firebreak-bench-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	p := &place{bench: b, dir: dir}
	defer func() { err = errors.Join(err, p.stop()) }()
	if p.shown, err = newProfiles(ctx, b.profiles); err != nil {
		return err
	}
	if err := p.start(ctx, o); err != nil {
		return err
	}
	return do(ctx, p)
}

func (p *place) start(ctx context.Context, o placeOptions) error {
	root, err := harness.RepositoryRoot()
	if err != nil {
		return err
	}
	if err := p.build(ctx, root); err != nil {
		return err
	}
	options := harness.Options{Durable: true}
	if !o.counted {
		// The log is of the operator's requests alone: it would wrong it.
		options.APIServerFlags = map[string]string{"audit-log-path": "", "audit-policy-file": ""}
	}
	if p.plane, err = harness.Start(ctx, options); err != nil {
		return err
	}
	if err := p.plane.ApplyConfig(ctx); err != nil {
		return err
	}
	if p.admin, err = newAdmin(p.plane); err != nil {
		return err
	}
	return p.allow(ctx)
}

// build builds the programs once, not with every start.
func (p *place) build(ctx context.Context, root string) (err error) {
	p.bareBinary = filepath.Join(p.dir, "bare")
	build := exec.CommandContext(ctx, "go", "build", "-o", p.bareBinary, "./test/bench/bare")
	build.Dir = root
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the bare client: %w\n%s", err, output)
	}
	p.operatorBinary, err = harness.BuildManager(ctx)
	return err
}

func newAdmin(plane *harness.ControlPlane) (client.WithWatch, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	config := plane.Config()
	config.QPS = -1
	admin, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return admin, nil
}

// allow lets the two sides, and who scrapes the metrics, do what they need.
func (p *place) allow(ctx context.Context) (err error) {
	if err := p.allowBare(ctx); err != nil {
		return err
	}
	p.operator, err = p.plane.ServiceAccountKubeconfig(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount)
	if err != nil {
		return err
	}
	if p.bare, err = p.plane.ServiceAccountKubeconfig(ctx, bareAccount, bareAccount); err != nil {
		return err
	}
	p.scraper, err = p.plane.ServiceAccountToken(ctx, bareAccount, bareAccount)
	return err
}

// allowBare gives the bare client a ServiceAccount with the rights that it needs, and lets it read the operator's metrics.
func (p *place) allowBare(ctx context.Context) error {
	meta := metav1.ObjectMeta{Name: bareAccount}
	for _, object := range []client.Object{
		&corev1.Namespace{ObjectMeta: meta},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: bareAccount, Name: bareAccount}},
		&rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{networkingv1.GroupName}, Resources: []string{"networkpolicies"}, Verbs: []string{"create", "update"}},
			{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}},
			{APIGroups: []string{rbacv1.APIGroupAll}, Resources: []string{rbacv1.ResourceAll}, Verbs: []string{"list", "watch"}},
		}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: bareAccount},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: bareAccount, Name: bareAccount}},
		},
	} {
		if err := p.admin.Create(ctx, object); err != nil {
			return fmt.Errorf("allow the bare client what it needs: %w", err)
		}
	}
	return nil
}

func (p *place) stop() error {
	var err error
	if p.plane != nil {
		err = p.plane.Stop()
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}

// launchOperator starts the operator as it is shipped and does not wait. Whoever starts it stops it.
func (p *place) launchOperator(ctx context.Context) (*harness.Manager, error) {
	return p.plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: p.operator, Binary: p.operatorBinary, Args: p.shown.arguments()})
}

// startOperator starts the operator as it is shipped, and waits until it serves. Whoever starts it stops it.
func (p *place) startOperator(ctx context.Context) (*harness.Manager, error) {
	manager, err := p.launchOperator(ctx)
	if err != nil {
		return nil, err
	}
	if err := manager.WaitReady(ctx, readyWithin); err != nil {
		return nil, errors.Join(err, manager.Kill())
	}
	return manager, nil
}
