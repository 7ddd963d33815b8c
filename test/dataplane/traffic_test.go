package dataplane_test

import (
	"context"
	"net/netip"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/live"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/dataplane/testbed"
	"firebreak.dev/firebreak/test/harness"
)

// enforcementTimeout is how long the enforcer may take to know of the last policy: it watches the API server, and takes milliseconds
// on an idle machine. On a busy one, there is time for some rounds that prove nothing.
const enforcementTimeout = time.Minute

// expectOpen expects every flow to pass: each of them has somebody who answers, so whatever does not pass later was denied.
func expectOpen(ctx context.Context, flows []testbed.Flow) {
	GinkgoHelper()
	expectOnly(ctx, flows, nil)
}

// expectOnly expects the open flows to pass, and the closed ones not to.
func expectOnly(ctx context.Context, open, closed []testbed.Flow) {
	GinkgoHelper()
	expectTraffic(ctx, slices.Concat(open, closed), texts(open)...)
}

// texts returns flows as expectTraffic names them.
func texts(flows []testbed.Flow) []string {
	var out []string
	for _, f := range flows {
		out = append(out, f.String())
	}
	return out
}

// expectTraffic opens a connection for each flow and expects just those that are wanted to pass, and the evaluator to foretell it
// from the policies that stand in the API server. It names a flow as testbed does, "shop/web-1 > shop/api-1 8080/TCP".
func expectTraffic(ctx context.Context, flows []testbed.Flow, wanted ...string) {
	GinkgoHelper()
	Eventually(func() (contradiction, error) {
		passing, err := cluster.Passing(ctx, flows)
		return compare(wanted, passing), err
	}).WithTimeout(enforcementTimeout).Should(BeZero(), "where packets contradict what is wanted")

	allowed, undecidable := foretold(ctx, flows)
	Expect(undecidable).To(BeEmpty(), "what the evaluator cannot foretell")
	Expect(compare(wanted, allowed)).To(BeZero(), "where the evaluator contradicts what is wanted")
}

// contradiction is how some flows differ from those that are wanted; the zero value is no difference.
type contradiction struct {
	// Denied are wanted, and Passing are not.
	Denied, Passing []string
}

func compare(wanted, passing []string) contradiction {
	var out contradiction
	for _, flow := range wanted {
		if !slices.Contains(passing, flow) {
			out.Denied = append(out.Denied, flow)
		}
	}
	for _, flow := range passing {
		if !slices.Contains(wanted, flow) {
			out.Passing = append(out.Passing, flow)
		}
	}
	return out
}

// foretold returns what the evaluator says of flows: those that pass, and those of which it cannot say.
func foretold(ctx context.Context, flows []testbed.Flow) (allowed, undecidable []string) {
	GinkgoHelper()
	c := liveCluster(ctx)
	e, err := evaluator.New(evaluator.World{Namespaces: c.Namespaces, Pods: c.Pods, Policies: c.Policies})
	Expect(err).NotTo(HaveOccurred())
	for i, connection := range connectionsOf(c, flows) {
		verdict := e.Evaluate(connection).Verdict()
		if verdict == evaluator.Allowed {
			allowed = append(allowed, flows[i].String())
		}
		if verdict == evaluator.Undecidable {
			undecidable = append(undecidable, flows[i].String())
		}
	}
	return allowed, undecidable
}

// liveCluster reads the cluster from the API server, each pod for itself.
func liveCluster(ctx context.Context) *snapshot.Cluster {
	GinkgoHelper()
	found, err := live.Read(ctx, cluster.Client, live.Request{})
	Expect(err).NotTo(HaveOccurred())
	c := found.Inventory.Cluster(snapshot.DefaultOptions(harness.ManagerNamespace))
	c.Pods = nil
	for _, object := range found.Inventory.Objects() {
		if pod, ok := object.(*corev1.Pod); ok {
			c.Pods = append(c.Pods, snapshot.FromPod(pod))
		}
	}
	return c
}

// connectionsOf returns what each flow is called in terms of the cluster.
func connectionsOf(c *snapshot.Cluster, flows []testbed.Flow) []evaluator.Connection {
	GinkgoHelper()
	pods := map[netip.Addr]*snapshot.Pod{}
	for i := range c.Pods {
		for _, a := range c.Pods[i].Addresses {
			pods[a] = &c.Pods[i]
		}
	}
	end := func(h *testbed.Host, family netip.Addr) evaluator.Endpoint {
		if pod := pods[h.Addresses[0]]; pod != nil {
			return evaluator.OfPod(pod)
		}
		return evaluator.OfAddress(h.Address(family))
	}
	var out []evaluator.Connection
	for _, f := range flows {
		called, err := f.Address()
		Expect(err).NotTo(HaveOccurred())
		out = append(out, evaluator.Connection{
			Source: end(f.From, called.Addr()), Destination: end(f.To, called.Addr()), Protocol: f.Port.Protocol, Port: f.Port.Number,
		})
	}
	return out
}
