package faults_test

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/snapshot"
)

// outside is the namespace from which users come.
const outside = "ingress"

// trace is every committed write of a NetworkPolicy in a namespace, in order, as the API server tells an admin's watch.
type trace struct {
	namespace string

	mu     sync.Mutex
	writes []write
	// from is what is admitted where the step began.
	from admission
}

// write is one write and the policies that it leads to, by name.
type write struct {
	what  string
	after map[string]*networkingv1.NetworkPolicy
}

// record begins a trace, which ends with the spec, of a namespace that has no policies yet.
func record(ctx context.Context, namespace string) *trace {
	GinkgoHelper()
	t := &trace{namespace: namespace, from: admitted(namespace, nil)}
	events, err := admin.NetworkingV1().NetworkPolicies(namespace).Watch(context.WithoutCancel(ctx), metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Stop)
	go func() {
		now := map[string]*networkingv1.NetworkPolicy{}
		for event := range events.ResultChan() {
			policy, ok := event.Object.(*networkingv1.NetworkPolicy)
			if !ok {
				continue
			}
			now = maps.Clone(now)
			now[policy.Name] = policy
			if event.Type == watch.Deleted {
				delete(now, policy.Name)
			}
			t.mu.Lock()
			t.writes = append(t.writes, write{fmt.Sprintf("%s %s", event.Type, policy.Name), now})
			t.mu.Unlock()
		}
	}()
	return t
}

// take returns the writes of a step, once the watch has delivered all of them.
func (t *trace) take(ctx context.Context) []write {
	GinkgoHelper()
	list, err := admin.NetworkingV1().NetworkPolicies(t.namespace).List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	live := map[string]string{}
	for i := range list.Items {
		live[list.Items[i].Name] = list.Items[i].ResourceVersion
	}
	var taken []write
	Eventually(func() map[string]string {
		t.mu.Lock()
		defer t.mu.Unlock()
		taken = slices.Clone(t.writes)
		seen := map[string]string{}
		if len(taken) > 0 {
			for name, policy := range taken[len(taken)-1].after {
				seen[name] = policy.ResourceVersion
			}
		}
		return seen
	}).Should(Equal(live))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.writes = t.writes[len(taken):]
	return taken
}

// expectNothingLostOrOpened looks at the writes of a step: after each of them, at every end of every connection, what was
// and will be admitted is, and what neither was nor will be is not.
func (t *trace) expectNothingLostOrOpened(writes []write, during string) {
	GinkgoHelper()
	Expect(writes).NotTo(BeEmpty(), during)
	was, will := t.from, admitted(t.namespace, writes[len(writes)-1].after)
	Expect(maps.Equal(was, will)).To(BeFalse(), "%s changes nothing that is looked at", during)
	story := ""
	for _, w := range writes {
		story += "\n" + w.what
		now := admitted(t.namespace, w.after)
		for connection, is := range now {
			switch {
			case was[connection] && will[connection] && !is:
				Fail(fmt.Sprintf("%s: %s was cut off, and is allowed before and after, by the last of:%s\n%v", during, connection, story, before.Acts()))
			case !was[connection] && !will[connection] && is:
				Fail(fmt.Sprintf("%s: %s was opened, and is allowed neither before nor after, by the last of:%s\n%v", during, connection, story, before.Acts()))
			}
		}
	}
	t.from = will
}

// admission says for each end of a connection in the namespace whether it lets the connection pass.
type admission map[string]bool

// admitted reads policies for every kind of pod that the scenario's selectors tell apart.
func admitted(namespace string, policies map[string]*networkingv1.NetworkPolicy) admission {
	GinkgoHelper()
	world := evaluator.World{
		Namespaces: []snapshot.Namespace{{Name: namespace}, {Name: outside}, {Name: "elsewhere"}},
		Policies:   slices.Collect(maps.Values(policies)),
	}
	ends := map[string]evaluator.Endpoint{"an address": evaluator.OfAddress(netip.MustParseAddr("198.51.100.7"))}
	for _, app := range []string{"web", "api", "backend", "db", "cache", "other"} {
		ends[app] = evaluator.OfPod(&snapshot.Pod{Namespace: namespace, Name: app, Labels: map[string]string{"app": app}})
	}
	for _, ns := range []string{outside, "elsewhere"} {
		ends["a pod in "+ns] = evaluator.OfPod(&snapshot.Pod{Namespace: ns, Name: "client", Labels: map[string]string{"app": "web"}})
	}
	e, err := evaluator.New(world)
	Expect(err).NotTo(HaveOccurred())

	inside := func(end evaluator.Endpoint) bool { return end.Pod != nil && end.Pod.Namespace == namespace }
	out := admission{}
	for source, from := range ends {
		for destination, to := range ends {
			for _, port := range []int32{80, 8080, 8081, 5432, 5433, 6379} {
				if source == destination || !inside(from) && !inside(to) {
					continue
				}
				answer := e.Evaluate(evaluator.Connection{Source: from, Destination: to, Protocol: corev1.ProtocolTCP, Port: port})
				name := fmt.Sprintf("%s to %s at %d", source, destination, port)
				if inside(from) {
					out[name+", at its source,"] = passes(answer.Egress)
				}
				if inside(to) {
					out[name+", at its destination,"] = passes(answer.Ingress)
				}
			}
		}
	}
	return out
}

func passes(d evaluator.Decision) bool {
	GinkgoHelper()
	Expect(d.Verdict).NotTo(Equal(evaluator.Undecidable), d.Reason)
	return d.Verdict != evaluator.Denied
}
