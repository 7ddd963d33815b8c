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

	"firebreak.dev/firebreak/test/faults/proxy"
	"firebreak.dev/firebreak/test/harness"
)

// firstBackoff is how long Kubernetes waits before it starts a program that ended for the second time; each time twice as
// long. The first time it does not wait.
const firstBackoff = 10 * time.Second

// replica is one replica of the operator. When it ends by itself, as one that lost its lease must, it is started again as
// Kubernetes does.
type replica struct {
	plane   *harness.ControlPlane
	options harness.ManagerOptions

	mu      sync.Mutex
	manager *harness.Manager
	// ends is how often it ended by itself.
	ends int
	errs []error
	// over is closed when it is to run no more, and ended when it does not.
	over  chan struct{}
	ended chan struct{}
	once  sync.Once
}

// startReplica starts the operator, which reaches the API server through a proxy only, until the spec or the container ends.
func (s *site) startReplica(ctx context.Context, through *proxy.Proxy, args ...string) *replica {
	GinkgoHelper()
	binary, err := harness.BuildManager(ctx)
	Expect(err).NotTo(HaveOccurred())
	server := harness.Server{URL: through.URL(), CA: through.CA()}
	kubeconfig, err := s.plane.ServiceAccountKubeconfigVia(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount, server)
	Expect(err).NotTo(HaveOccurred())
	args = append([]string{"--health-probe-bind-address=0", "--metrics-bind-address=0"}, args...)
	r := &replica{
		plane: s.plane, options: harness.ManagerOptions{Kubeconfig: kubeconfig, Binary: binary, Args: args},
		over: make(chan struct{}), ended: make(chan struct{}),
	}
	r.manager, err = s.plane.StartManager(ctx, r.options)
	Expect(err).NotTo(HaveOccurred())
	go r.keep(context.WithoutCancel(ctx))
	DeferCleanup(func() {
		r.kill()
		Expect(errors.Join(r.errs...)).To(Succeed())
	})
	return r
}

// keep starts the operator again whenever it has ended, until it is to run no more.
func (r *replica) keep(ctx context.Context) {
	defer close(r.ended)
	wait := time.Duration(0)
	for {
		<-r.running().Exited()
		r.examine()
		select {
		case <-r.over:
			return
		case <-time.After(wait):
		}
		wait = max(2*wait, firstBackoff)
		if !r.startAgain(ctx) {
			return
		}
	}
}

// startAgain starts the operator unless it is to run no more.
func (r *replica) startAgain(ctx context.Context) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.over:
		return false
	default:
	}
	manager, err := r.plane.StartManager(ctx, r.options)
	if err != nil {
		r.errs = append(r.errs, err)
		return false
	}
	r.ends++
	r.manager = manager
	return true
}

// examine looks for what the operator must never say.
func (r *replica) examine() {
	log, err := r.running().Log()
	if err == nil && (strings.Contains(log, "DATA RACE") || strings.Contains(log, "panic:")) {
		err = fmt.Errorf("the operator's log: %s", log)
	}
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errs = append(r.errs, err)
	}
}

func (r *replica) running() *harness.Manager {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.manager
}

// endedByItself returns how often it did.
func (r *replica) endedByItself() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ends
}

// end makes the replica run no more, by what is given: Kill or Stop of its process.
func (r *replica) end(by func() error) {
	r.once.Do(func() {
		r.mu.Lock()
		close(r.over)
		r.mu.Unlock()
		if err := by(); err != nil {
			r.mu.Lock()
			r.errs = append(r.errs, err)
			r.mu.Unlock()
		}
		<-r.ended
	})
}

// kill ends the replica as a node does that fails.
func (r *replica) kill() { r.end(func() error { return r.running().Kill() }) }

// terminate ends the replica as Kubernetes does: it may finish what it does, and gives its lease back.
func (r *replica) terminate() { r.end(func() error { return r.running().Stop() }) }
