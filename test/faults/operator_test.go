package faults_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/test/harness"
)

// mortal is the operator, which is started again whenever it has crashed, as Kubernetes does. It reaches the API server
// through the proxy only.
type mortal struct {
	options harness.ManagerOptions

	mu      sync.Mutex
	manager *harness.Manager
	crashes int
	// last is when it crashed last, or was started first.
	last time.Time
	// over: the specs have ended, and it is not started again. A write that it made before may crash it yet.
	over bool
	errs []error
}

// startMortal starts the operator until the spec ends. It does not elect a leader: a lease that nobody gave back would have
// to run out first.
func startMortal(ctx context.Context) *mortal {
	GinkgoHelper()
	binary, err := harness.BuildManager(ctx)
	Expect(err).NotTo(HaveOccurred())
	server := harness.Server{URL: before.URL(), CA: before.CA()}
	kubeconfig, err := plane.ServiceAccountKubeconfigVia(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount, server)
	Expect(err).NotTo(HaveOccurred())
	o := &mortal{options: harness.ManagerOptions{
		Kubeconfig: kubeconfig,
		Binary:     binary,
		Args:       []string{"--leader-elect=false", "--health-probe-bind-address=0", "--metrics-bind-address=0"},
	}}
	o.start()
	DeferCleanup(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.over = true
		o.kill()
		Expect(errors.Join(o.errs...)).To(Succeed())
	})
	return o
}

func (o *mortal) start() {
	o.last = time.Now()
	manager, err := plane.StartManager(context.Background(), o.options)
	if err != nil {
		o.errs = append(o.errs, err)
		return
	}
	o.manager = manager
}

// crash kills the operator and starts another one. It is a hook of the proxy, so that failures are kept for later.
func (o *mortal) crash() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.over {
		return
	}
	o.kill()
	o.crashes++
	o.start()
}

// kill ends the operator, which may be about to start, and looks for what it must never say.
func (o *mortal) kill() {
	if err := o.manager.Failure(); err != nil {
		o.errs = append(o.errs, fmt.Errorf("the operator ended by itself: %w", err))
	}
	if err := o.manager.Kill(); err != nil {
		o.errs = append(o.errs, err)
	}
	log, err := o.manager.Log()
	if err == nil && (strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic:")) {
		err = errors.New(log)
	}
	if err != nil {
		o.errs = append(o.errs, err)
	}
}

// ailing returns what went wrong other than by crashes; nil while all is well.
func (o *mortal) ailing() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return errors.Join(append(o.errs, o.manager.Failure())...)
}

// history returns how often the operator has crashed, and when it was last started.
func (o *mortal) history() (crashes int, last time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.crashes, o.last
}
