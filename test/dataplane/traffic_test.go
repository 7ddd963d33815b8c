package dataplane_test

import (
	"context"
	"net/netip"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

// enforcementTimeout is how long the enforcer may take to know of the last policy: it watches the API server, and takes
// milliseconds on an idle machine.
const enforcementTimeout = 15 * time.Second

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
	decided := slices.DeleteFunc(slices.Clone(wanted), func(flow string) bool { return slices.Contains(undecidable, flow) })
	Expect(compare(decided, allowed)).To(BeZero(), "where the evaluator contradicts what is wanted")
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
	world, pods := liveWorld(ctx)
	e, err := evaluator.New(world)
	Expect(err).NotTo(HaveOccurred())
	for _, f := range flows {
		verdict := e.Evaluate(evaluator.Connection{
			Source: endpoint(pods, f.From), Destination: endpoint(pods, f.To), Protocol: f.Port.Protocol, Port: f.Port.Number,
		}).Verdict()
		if verdict == evaluator.Allowed {
			allowed = append(allowed, f.String())
		}
		if verdict == evaluator.Undecidable {
			undecidable = append(undecidable, f.String())
		}
	}
	return allowed, undecidable
}

// liveWorld reads the cluster from the API server, and the pods by address, too.
func liveWorld(ctx context.Context) (evaluator.World, map[netip.Addr]*snapshot.Pod) {
	GinkgoHelper()
	var namespaces corev1.NamespaceList
	var pods corev1.PodList
	var policies networkingv1.NetworkPolicyList
	Expect(cluster.Client.List(ctx, &namespaces)).To(Succeed())
	Expect(cluster.Client.List(ctx, &pods)).To(Succeed())
	Expect(cluster.Client.List(ctx, &policies)).To(Succeed())
	var world evaluator.World
	for _, ns := range namespaces.Items {
		world.Namespaces = append(world.Namespaces, snapshot.Namespace{Name: ns.Name, Labels: ns.Labels})
	}
	for i := range pods.Items {
		world.Pods = append(world.Pods, snapshot.FromPod(&pods.Items[i]))
	}
	for i := range policies.Items {
		world.Policies = append(world.Policies, &policies.Items[i])
	}
	byAddress := map[netip.Addr]*snapshot.Pod{}
	for i := range world.Pods {
		for _, a := range world.Pods[i].Addresses {
			byAddress[a] = &world.Pods[i]
		}
	}
	return world, byAddress
}

func endpoint(pods map[netip.Addr]*snapshot.Pod, host *testbed.Host) evaluator.Endpoint {
	if pod := pods[host.Addresses[0]]; pod != nil {
		return evaluator.OfPod(pod)
	}
	return evaluator.OfAddress(host.Addresses[0])
}
