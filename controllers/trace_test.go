package controllers_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
)

// trace records every committed write of a NetworkPolicy, in order, from a watch of the API server.
type trace struct {
	start state
	mu    sync.Mutex
	steps []step
}

// step is one write and the state that it leads to.
type step struct {
	what  string
	after state
}

// state is the policies of the cluster: namespace, name, policy.
type state map[string]map[string]*networkingv1.NetworkPolicy

func (s state) with(event watch.Event, policy *networkingv1.NetworkPolicy) state {
	next := maps.Clone(s)
	namespace := maps.Clone(s[policy.Namespace])
	if namespace == nil {
		namespace = map[string]*networkingv1.NetworkPolicy{}
	}
	if event.Type == watch.Deleted {
		delete(namespace, policy.Name)
	} else {
		namespace[policy.Name] = policy
	}
	next[policy.Namespace] = namespace
	return next
}

// record begins a trace of some namespaces, which ends with the spec.
func record(ctx context.Context, namespaces ...string) *trace {
	GinkgoHelper()
	clientset, err := kubernetes.NewForConfig(config)
	Expect(err).NotTo(HaveOccurred())
	api := clientset.NetworkingV1().NetworkPolicies(metav1.NamespaceAll)
	list, err := api.List(ctx, metav1.ListOptions{})
	Expect(err).NotTo(HaveOccurred())
	t := &trace{start: state{}}
	for i := range list.Items {
		t.start = t.start.with(watch.Event{Type: watch.Added}, &list.Items[i])
	}
	events, err := api.Watch(context.Background(), metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(events.Stop)
	go func() {
		now := t.start
		for event := range events.ResultChan() {
			policy, ok := event.Object.(*networkingv1.NetworkPolicy)
			if !ok || !slices.Contains(namespaces, policy.Namespace) {
				continue
			}
			now = now.with(event, policy)
			t.mu.Lock()
			t.steps = append(t.steps, step{fmt.Sprintf("%s %s/%s", event.Type, policy.Namespace, policy.Name), now})
			t.mu.Unlock()
		}
	}()
	return t
}

// writes returns what has been written so far.
func (t *trace) writes() []step {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.steps)
}

// everything stands for the traffic of a pod that no policy isolates.
var everything = networkpolicy.Atom{Peer: networkpolicy.Everyone, Port: networkpolicy.EveryPort}

// admitted returns what a pod may exchange in one direction: the union over all policies that select it and isolate that
// direction, and everything when there is none.
func admitted(policies map[string]*networkingv1.NetworkPolicy, pod map[string]string, d networkpolicy.Direction) map[networkpolicy.Atom]bool {
	out := map[networkpolicy.Atom]bool{}
	isolated := false
	for _, policy := range policies {
		selects, err := selector.Matches(&policy.Spec.PodSelector, pod)
		Expect(err).NotTo(HaveOccurred())
		kind := networkingv1.PolicyTypeIngress
		if d == networkpolicy.Egress {
			kind = networkingv1.PolicyTypeEgress
		}
		if !selects || !slices.Contains(policy.Spec.PolicyTypes, kind) {
			continue
		}
		isolated = true
		for atom := range networkpolicy.Admitted(policy.Spec) {
			if atom.Direction == d {
				out[atom] = true
			}
		}
	}
	if !isolated {
		out[everything] = true
	}
	return out
}

// has says whether an atom is admitted, be it that everything is.
func has(set map[networkpolicy.Atom]bool, atom networkpolicy.Atom) bool {
	return set[everything] || set[atom]
}

// expectNothingLostOrOpened checks over every write that each pod keeps what it may both before and after, and gets
// nothing that it may neither before nor after.
func (t *trace) expectNothingLostOrOpened(namespaces []string, pods ...map[string]string) {
	GinkgoHelper()
	writes := t.writes()
	Expect(writes).NotTo(BeEmpty())
	end := writes[len(writes)-1].after
	for _, ns := range namespaces {
		for _, pod := range pods {
			for _, d := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
				before, after := admitted(t.start[ns], pod, d), admitted(end[ns], pod, d)
				for _, w := range writes {
					expectBetween(admitted(w.after[ns], pod, d), before, after, fmt.Sprintf("%s: %s of pod %v in %s", w.what, d, pod, ns))
				}
			}
		}
	}
}

func expectBetween(now, before, after map[networkpolicy.Atom]bool, where string) {
	GinkgoHelper()
	for atom := range now {
		if !has(before, atom) && !has(after, atom) {
			Fail(fmt.Sprintf("%s admits %v, which is allowed neither before nor after", where, atom))
		}
	}
	for _, set := range []map[networkpolicy.Atom]bool{before, after} {
		for atom := range set {
			if has(before, atom) && has(after, atom) && !has(now, atom) {
				Fail(fmt.Sprintf("%s loses %v, which is allowed before and after", where, atom))
			}
		}
	}
}

// expectNothingLost checks the first half alone: what a pod may before and after it may at every moment.
func (t *trace) expectNothingLost(namespace string, pods ...map[string]string) {
	GinkgoHelper()
	writes := t.writes()
	Expect(writes).NotTo(BeEmpty())
	end := writes[len(writes)-1].after
	for _, pod := range pods {
		for _, d := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
			before, after := admitted(t.start[namespace], pod, d), admitted(end[namespace], pod, d)
			for _, w := range writes {
				now := admitted(w.after[namespace], pod, d)
				for atom := range after {
					Expect(!has(before, atom) || has(now, atom)).To(BeTrue(), "%s: pod %v loses %v", w.what, pod, atom)
				}
			}
		}
	}
}
