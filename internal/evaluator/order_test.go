package evaluator

import (
	"fmt"
	"net/netip"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

func exists(key string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: metav1.LabelSelectorOpExists}}}
}

func admitting(namespace, name string, peer networkingv1.NetworkPolicyPeer) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{peer}}}
	return p
}

func TestClassesAreAlwaysInTheSameOrder(t *testing.T) {
	w := World{Namespaces: []snapshot.Namespace{{Name: "a"}, {Name: "b"}}}
	for i, ns := range []string{"a", "b"} {
		block := &networkingv1.IPBlock{CIDR: fmt.Sprintf("10.0.%d.0/24", i)}
		w.Policies = append(w.Policies, admitting(ns, "p", networkingv1.NetworkPolicyPeer{IPBlock: block}))
		w.Pods = append(w.Pods, snapshot.Pod{Namespace: "a", Name: fmt.Sprint("pod", i), Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i), 1})}})
	}
	orders := map[string]bool{}
	for range 100 {
		e, err := New(w)
		if err != nil {
			t.Fatal(err)
		}
		orders[fmt.Sprint(e.Matrix().Classes())] = true
	}
	if len(orders) > 1 {
		t.Errorf("classes come in %d orders", len(orders))
	}
}

// TestSelectorsWhoseTextsRunTogetherAreTwo has two peers whose selectors, written one after the other with the word pods
// between, read the same.
func TestSelectorsWhoseTextsRunTogetherAreTwo(t *testing.T) {
	w := World{
		Namespaces: []snapshot.Namespace{{Name: "a"}, {Name: "b"}},
		Pods: []snapshot.Pod{
			{Namespace: "a", Name: "one", Labels: map[string]string{"xpodsy": ""}},
			{Namespace: "a", Name: "destination", Labels: map[string]string{"app": "one"}},
			{Namespace: "b", Name: "other", Labels: map[string]string{"app": "two"}},
		},
		Policies: []*networkingv1.NetworkPolicy{
			admitting("a", "p", networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}, PodSelector: exists("xpodsy")}),
			admitting("b", "p", networkingv1.NetworkPolicyPeer{NamespaceSelector: exists("podsx"), PodSelector: exists("y")}),
		},
	}
	e, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	compareWithPairs(t, w, e, e.Matrix())
}
