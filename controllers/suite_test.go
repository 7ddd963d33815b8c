package controllers_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/controllers"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/harness"
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(15 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	SetDefaultConsistentlyDuration(500 * time.Millisecond)
	RunSpecs(t, "controllers")
}

// calm is how long after the last correction a fight over a policy is over.
const calm = 3 * time.Second

// The suite has one control plane and one running set of controllers; each spec has namespaces of its own.
var (
	k8s    client.Client
	config *rest.Config
	faults *writeFaults
	asked  *requests
	names  int
)

// nodeDelay is how long the controllers of the suite gather changes of nodes.
const nodeDelay = 600 * time.Millisecond

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter)))
	plane, err := harness.Start(ctx, harness.Options{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	config = rest.CopyConfig(plane.Config())
	config.QPS = -1

	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	k8s, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())

	faults = &writeFaults{}
	options := snapshot.DefaultOptions("firebreak-system")
	cached, err := controllers.CacheOptions()
	Expect(err).NotTo(HaveOccurred())
	asked = &requests{}
	counted := rest.CopyConfig(config)
	counted.Wrap(asked.wrap)
	mgr, err := ctrl.NewManager(counted, manager.Options{
		Scheme:  scheme,
		Cache:   cached,
		Metrics: metricsserver.Options{BindAddress: "0"},
		NewClient: func(config *rest.Config, o client.Options) (client.Client, error) {
			plain, err := client.NewWithWatch(config, o)
			if err != nil {
				return nil, err
			}
			return interceptor.NewClient(plain, faults.funcs()), nil
		},
	})
	Expect(err).NotTo(HaveOccurred())
	Expect(controllers.Setup(mgr, controllers.Options{
		Cluster: options, Workers: 16, NodeDelay: nodeDelay, Contention: controllers.ContentionLimits{Calm: calm},
	})).To(Succeed())

	running, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(running) }()
	DeferCleanup(func() {
		stop()
		Eventually(done, "30s").Should(Receive(BeNil()))
	})
	dns := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "kube-dns", Namespace: "kube-system"},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"k8s-app": "kube-dns"},
			Ports:    []corev1.ServicePort{{Name: "dns", Port: 53, Protocol: "UDP"}, {Name: "dns-tcp", Port: 53, Protocol: "TCP"}},
		},
	}
	Expect(k8s.Create(ctx, dns)).To(Succeed())
})

// writeFaults lets a spec make the operator's writes of policies fail.
type writeFaults struct {
	mu   sync.Mutex
	fail func(verb string, policy *networkingv1.NetworkPolicy) error
}

// set installs a rule until the spec ends.
func (f *writeFaults) set(rule func(verb string, policy *networkingv1.NetworkPolicy) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = rule
	DeferCleanup(f.clear)
}

func (f *writeFaults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = nil
}

func (f *writeFaults) check(verb string, obj client.Object) error {
	policy, ok := obj.(*networkingv1.NetworkPolicy)
	f.mu.Lock()
	rule := f.fail
	f.mu.Unlock()
	if !ok || rule == nil {
		return nil
	}
	return rule(verb, policy)
}

func (f *writeFaults) funcs() interceptor.Funcs {
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if err := f.check("create", obj); err != nil {
				return err
			}
			return c.Create(ctx, obj, opts...)
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			if err := f.check("update", obj); err != nil {
				return err
			}
			return c.Update(ctx, obj, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			if err := f.check("delete", obj); err != nil {
				return err
			}
			return c.Delete(ctx, obj, opts...)
		},
	}
}

// requests records what the operator asks of the API server, but for watches.
type requests struct {
	mu   sync.Mutex
	list []string
}

func (r *requests) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if !req.URL.Query().Has("watch") {
			r.mu.Lock()
			r.list = append(r.list, req.Method+" "+req.URL.Path)
			r.mu.Unlock()
		}
		return next.RoundTrip(req)
	})
}

// since returns what was asked after the first so many, and how many there are.
func (r *requests) since(first int) (list []string, count int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list[first:]), len(r.list)
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

// newName returns a name that no other spec uses.
func newName(prefix string) string {
	names++
	return fmt.Sprintf("%s-%d", prefix, names)
}
