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
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"firebreak.dev/firebreak/internal/snapshot"
)

// outside is the namespace from which users come.
const outside = "ingress"

// trace is every committed write of a NetworkPolicy in a namespace, in order, as the API server tells an admin's watch.
type trace struct {
	namespace string
	admin     kubernetes.Interface

	mu     sync.Mutex
	writes []write
	// now are the policies after the last write that the watch delivered.
	now policySet
	// from are the policies where the step began.
	from policySet
}

// write is one write and the policies that it leads to, by name.
type write struct {
	what  string
	after policySet
}

// record begins a trace, which ends with the spec, of a namespace that has no policies yet.
func record(ctx context.Context, namespace string) *trace {
	GinkgoHelper()
	t := &trace{namespace: namespace, admin: admin}
	api := admin.NetworkingV1().NetworkPolicies(namespace)
	list, err := api.List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	Expect(list.Items).To(BeEmpty())
	// An API server that has much to do ends watches that are not read fast enough.
	events, err := watchtools.NewRetryWatcherWithContext(context.WithoutCancel(ctx), list.ResourceVersion, &cache.ListWatch{
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			return api.Watch(ctx, options)
		},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Stop)
	go func() {
		now := policySet{}
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
			t.note(fmt.Sprintf("%s %s", event.Type, policy.Name), now)
		}
	}()
	return t
}

// note adds a write and what it leads to.
func (t *trace) note(what string, now policySet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = now
	t.writes = append(t.writes, write{what, now})
}

// take returns the writes of a step, once the watch has delivered all of them.
func (t *trace) take(ctx context.Context) []write {
	GinkgoHelper()
	list, err := t.admin.NetworkingV1().NetworkPolicies(t.namespace).List(ctx, metav1.ListOptions{})
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
		for name, policy := range t.now {
			seen[name] = policy.ResourceVersion
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
	found, err := scenarioUniverse(t.namespace).judge(t.from, writes)
	Expect(err).NotTo(HaveOccurred())
	Expect(found.breach).To(BeEmpty(), "%s; %s", during, lastActs())
	Expect(found.changed).NotTo(BeZero(), "%s changes nothing that is looked at", during)
	Expect(found.tangled).To(BeZero(), during)
	t.from = writes[len(writes)-1].after
}

// scenarioUniverse is every kind of pod that the scenario's selectors tell apart, and whom they may talk to.
func scenarioUniverse(namespace string) *universe {
	u := &universe{
		home:       snapshot.Namespace{Name: namespace},
		namespaces: []snapshot.Namespace{{Name: outside}, {Name: "elsewhere"}},
		addresses:  []netip.Addr{netip.MustParseAddr("198.51.100.7")},
	}
	pod := func(namespace, app string) snapshot.Pod {
		return snapshot.Pod{Namespace: namespace, Labels: map[string]string{"app": app}, Addresses: []netip.Addr{}}
	}
	for _, app := range []string{"web", "api", "backend", "db", "cache", "other"} {
		u.pods = append(u.pods, pod(namespace, app))
	}
	for _, ns := range u.namespaces {
		u.strangers = append(u.strangers, pod(ns.Name, "web"))
	}
	return u
}
