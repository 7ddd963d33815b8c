package dataplane_test

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"firebreak.dev/firebreak/test/dataplane/testbed"
)

var _ = Describe("A pod that talks to the API server", func() {
	It("reaches it at its Service and at its own address when it may, and nothing else on that node", func(ctx SpecContext) {
		team := newNamespace(ctx, "team", nil)
		controller := runPod(ctx, team, "controller", app("controller"))
		worker := runPod(ctx, team, "worker", app("worker"))
		port := apiServerPort()
		ways := []string{"10.96.0.1:443", netip.AddrPortFrom(testbed.NodeAddresses()[0], uint16(port)).String()}
		other := listenOnNode(ctx)
		for _, pod := range []*testbed.Host{controller, worker} {
			for _, address := range ways {
				Eventually(func() error { return askVersion(ctx, pod, address) }).Should(Succeed(), "%s > %s", pod.Name, address)
			}
			Eventually(func() error { return connect(ctx, pod, other) }).Should(Succeed(), "%s > %s", pod.Name, other)
		}

		newProfile(ctx, team, "operator", `
tiers: [{name: controller, podSelector: {matchLabels: {app: controller}}}, {name: worker, podSelector: {matchLabels: {app: worker}}}]
allow: [{name: watch, from: [{tier: controller}], to: [{kubeAPIServer: {}}]}]
`)
		calls := []call{{worker, other}, {controller, other}}
		for _, address := range ways {
			calls = append(calls, call{worker, address})
		}
		Eventually(func(g Gomega) {
			for range denials {
				for _, address := range ways {
					g.Expect(askVersion(ctx, controller, address)).To(Succeed(), "%s > %s", controller.Name, address)
				}
				expectDenied(ctx, g, calls)
			}
		}).Should(Succeed())
		flows := testbed.Between([]*testbed.Host{controller, worker}, []*testbed.Host{cluster.Node()}, testbed.TCP(port))
		allowed, undecidable := foretold(ctx, flows)
		Expect(allowed).To(HaveExactElements(flows[0].String()), "what the evaluator says will pass")
		Expect(undecidable).To(BeEmpty())
	})
})

// denials is how often in a row a connection must be denied that a profile denies, beside one that it allows.
const denials = 3

// call is a connection of a pod to an address and port.
type call struct {
	from    *testbed.Host
	address string
}

// expectDenied expects that none of some connections, begun together, is made, and that the enforcer has judged each.
func expectDenied(ctx context.Context, g Gomega, calls []call) {
	before, err := cluster.Judged()
	g.Expect(err).NotTo(HaveOccurred())
	errs := make([]error, len(calls))
	var all sync.WaitGroup
	for i, c := range calls {
		all.Go(func() { errs[i] = connect(ctx, c.from, c.address) })
	}
	all.Wait()
	for i, c := range calls {
		g.Expect(errs[i]).To(MatchError(context.DeadlineExceeded), "%s > %s", c.from.Name, c.address)
	}
	after, err := cluster.Judged()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(after.Packets-after.Waiting).To(BeNumerically(">=", before.Packets+uint64(len(calls))), "packets that were judged")
	g.Expect(after.Lost).To(Equal(before.Lost), "packets that were judged by nobody")
}

// connect opens a TCP connection and says nothing over it.
func connect(ctx context.Context, from *testbed.Host, address string) error {
	ctx, cancel := context.WithTimeout(ctx, unanswered)
	defer cancel()
	conn, err := from.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// unanswered is how long a connection is waited for that nobody may answer. Whoever answers does so in milliseconds; a packet
// that was lost is sent again after a second.
const unanswered = 1500 * time.Millisecond

// apiServerPort returns the port on which the API server listens.
func apiServerPort() int32 {
	GinkgoHelper()
	server, err := url.Parse(cluster.Plane.Config().Host)
	Expect(err).NotTo(HaveOccurred())
	number, err := strconv.ParseUint(server.Port(), 10, 16)
	Expect(err).NotTo(HaveOccurred())
	return int32(number)
}

// askVersion asks the API server for its version over a new connection, as a program in a pod does.
func askVersion(ctx context.Context, from *testbed.Host, address string) error {
	config := cluster.Plane.Config()
	config.Host = "https://" + address
	config.ServerName = "localhost"
	config.Dial = from.DialContext
	config.Timeout = unanswered
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	defer utilnet.CloseIdleConnectionsFor(httpClient.Transport)
	api, err := discovery.NewDiscoveryClientForConfigAndClient(config, httpClient)
	if err != nil {
		return err
	}
	return api.RESTClient().Get().AbsPath("/version").Do(ctx).Error()
}

// listenOnNode lets a program listen on the node besides the API server, and returns its address.
func listenOnNode(ctx context.Context) string {
	GinkgoHelper()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(testbed.NodeAddresses()[0].String(), "0"))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(listener.Close)
	return listener.Addr().String()
}
