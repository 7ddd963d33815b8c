package dataplane_test

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"strconv"
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
		connects := func(pod *testbed.Host) error {
			ctx, cancel := context.WithTimeout(ctx, unanswered)
			defer cancel()
			conn, err := pod.DialContext(ctx, "tcp", other)
			if err == nil {
				err = conn.Close()
			}
			return err
		}
		for _, pod := range []*testbed.Host{controller, worker} {
			for _, address := range ways {
				Eventually(func() error { return askVersion(ctx, pod, address) }).Should(Succeed(), "%s > %s", pod.Name, address)
			}
			Eventually(func() error { return connects(pod) }).Should(Succeed(), "%s > %s", pod.Name, other)
		}

		newProfile(ctx, team, "operator", `
tiers: [{name: controller, podSelector: {matchLabels: {app: controller}}}, {name: worker, podSelector: {matchLabels: {app: worker}}}]
allow: [{name: watch, from: [{tier: controller}], to: [{kubeAPIServer: {}}]}]
`)
		for _, address := range ways {
			Eventually(func() error { return askVersion(ctx, worker, address) }).Should(MatchError(context.DeadlineExceeded), "%s > %s", worker.Name, address)
			Eventually(func() error { return askVersion(ctx, controller, address) }).Should(Succeed(), "%s > %s", controller.Name, address)
		}
		for _, pod := range []*testbed.Host{controller, worker} {
			Eventually(func() error { return connects(pod) }).Should(MatchError(context.DeadlineExceeded), "%s > %s", pod.Name, other)
		}
		flows := testbed.Between([]*testbed.Host{controller, worker}, []*testbed.Host{cluster.Node()}, testbed.TCP(port))
		allowed, undecidable := foretold(ctx, flows)
		Expect(allowed).To(HaveExactElements(flows[0].String()), "what the evaluator says will pass")
		Expect(undecidable).To(BeEmpty())
	})
})

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
