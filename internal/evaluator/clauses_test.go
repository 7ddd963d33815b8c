package evaluator

import (
	"net/netip"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

func mustMatch(t *testing.T, s *metav1.LabelSelector, labels map[string]string) bool {
	t.Helper()
	match, err := selector.Matches(s, labels)
	if err != nil {
		t.Fatal(err)
	}
	return match
}

// admittedByClauses is what Admits says for certain, from the clauses alone.
func admittedByClauses(t *testing.T, n *Namespace, direction networkpolicy.Direction, pod *snapshot.Pod, other Other) portset.Set {
	t.Helper()
	isolated := false
	for _, s := range n.IsolatedBy(direction) {
		isolated = isolated || mustMatch(t, s, pod.Labels)
	}
	if !isolated {
		return portset.All()
	}
	var out portset.Set
	for _, c := range n.Clauses(direction) {
		speaks := c.Everyone
		switch {
		case speaks:
		case other.Pod == nil:
			speaks = c.HasAddress(other.Address)
		case c.Pods == nil || other.Pod.HostNetwork:
		case c.Namespaces == nil:
			speaks = other.Namespace.name == n.name && mustMatch(t, c.Pods, other.Pod.Labels)
		default:
			speaks = mustMatch(t, c.Namespaces, other.Namespace.labels) && mustMatch(t, c.Pods, other.Pod.Labels)
		}
		if speaks && mustMatch(t, c.Subject, pod.Labels) {
			out = out.Union(ports{c.Numbers, c.Names}.of(destinationOf(direction, pod, other)))
		}
	}
	return out
}

func TestClausesAndIsolationAreAllThatPoliciesSay(t *testing.T) {
	w := world(t, specs()...)
	e, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	others := []Other{{Address: netip.MustParseAddr("203.0.113.1")}, {Address: netip.MustParseAddr("10.0.0.1")}, {Address: netip.MustParseAddr("2001:db8::1")}}
	for i := range w.Pods {
		others = append(others, Other{Pod: &w.Pods[i], Namespace: e.namespaces[w.Pods[i].Namespace]})
	}
	compared := 0
	for i := range w.Policies {
		n, err := Read(w.Namespaces[0], w.Policies[i:i+1])
		if err != nil {
			t.Fatal(err)
		}
		for j := range w.Pods {
			for _, other := range others {
				pod := &w.Pods[j]
				if pod.Namespace != "shop" || pod.HostNetwork || isItself(pod, other.Pod) {
					continue
				}
				for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
					compared++
					want, got := n.Admits(direction, pod, other).Ports, admittedByClauses(t, n, direction, pod, other)
					if !got.Equal(want) {
						t.Errorf("%s of %s and %v: the clauses admit %s, not %s:\n%s", direction, pod.Name, other, got, want, networkpolicy.Key(w.Policies[i].Spec))
					}
				}
			}
		}
	}
	if compared < 100 {
		t.Errorf("%d were compared", compared)
	}
}
