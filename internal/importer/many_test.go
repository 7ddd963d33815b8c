package importer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// manyApps are two policies for each of many applications: one that denies everything, and one that admits some. Every fourth has two
// labels, every fifth is open to namespaces of a label, every seventh to who bears a label that only it asks for, as many charts do.
func manyApps(count int) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for i := range count {
		name := fmt.Sprintf("app-%03d", i)
		allow := policy("allow-"+name, name, "Ingress")
		deny := policy("deny-"+name, name, "Ingress", "Egress")
		if i%4 == 0 {
			for _, p := range []*networkingv1.NetworkPolicy{allow, deny} {
				p.Spec.PodSelector.MatchLabels["track"] = "stable"
			}
		}
		ports := []networkingv1.NetworkPolicyPort{port(8000 + i), port("http")}
		from(allow, ports, pods(fmt.Sprintf("app-%03d", i/2)))
		if i%5 == 0 {
			from(allow, ports, networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": fmt.Sprint("team-", i)}}})
		}
		if i%7 == 0 {
			from(allow, ports, networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{name + "-client": "true"}}})
		}
		out = append(out, allow, deny)
	}
	return out
}

// halved are policies that mean the same: each in two, for the pods that bear a label and those that do not.
func halved(list []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, p := range list {
		for _, operator := range []metav1.LabelSelectorOperator{metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist} {
			half := p.DeepCopy()
			half.Name += "-" + strings.ToLower(string(operator))
			half.Spec.PodSelector.MatchExpressions = append(half.Spec.PodSelector.MatchExpressions, metav1.LabelSelectorRequirement{Key: "half", Operator: operator})
			out = append(out, half)
		}
	}
	return out
}

func TestManyApplicationsAreImported(t *testing.T) {
	result, err := Import(shop(manyApps(maxTiers)...))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Replaced) != 2*maxTiers || len(result.LeftOut) > 0 {
		t.Errorf("%d are replaced, and left out are %v", len(result.Replaced), result.LeftOut)
	}
}

func TestOfTooManyApplicationsTheLastAreLeftOut(t *testing.T) {
	result, err := Import(shop(manyApps(100)...))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Profile.Spec.Tiers) != maxTiers || len(result.Replaced) != 2*maxTiers || len(result.LeftOut) != 2*(100-maxTiers) {
		t.Errorf("%d tiers take the place of %d policies, and %d are left out", len(result.Profile.Spec.Tiers), len(result.Replaced), len(result.LeftOut))
	}
	for _, o := range result.LeftOut {
		if o.Policy[strings.Index(o.Policy, "app-"):] < fmt.Sprintf("app-%03d", maxTiers) || !strings.Contains(o.Reason, "at most 64 tiers") {
			t.Errorf("%s is left out: %s", o.Policy, o.Why())
		}
	}
}

func TestAPolicyWithMoreEntriesThanAProfileIsLeftOutAlone(t *testing.T) {
	huge := policy("a-huge-one", "web", "Ingress", "Egress")
	for i := range maxEntries + 1 {
		from(huge, []networkingv1.NetworkPolicyPort{port(8000 + i)}, pods("api"))
	}
	result, err := Import(shop(huge, from(policy("other", "web", "Ingress", "Egress"), nil, pods("db"))))
	if err != nil {
		t.Fatal(err)
	}
	if len(result.LeftOut) != 1 || result.LeftOut[0].Policy != "a-huge-one" {
		t.Errorf("left out are %v", result.LeftOut)
	}
}

// manyLabels are policies for pods that may bear any number of labels at once, so that they tell more kinds of pods apart than could
// ever be looked at one by one.
func manyLabels(count int) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for i := range count {
		p := policy(fmt.Sprint("needs-", i), "", "Ingress")
		p.Spec.PodSelector.MatchLabels = map[string]string{fmt.Sprint("needs-", i): "true"}
		client := networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{fmt.Sprint("client-", i): "true"}}}
		out = append(out, from(p, []networkingv1.NetworkPolicyPort{port(8000 + i)}, client))
	}
	return out
}

func TestManyPoliciesAreCompared(t *testing.T) {
	for name, list := range map[string][]*networkingv1.NetworkPolicy{"applications": manyApps(100), "labels": manyLabels(30)} {
		t.Run(name, func(t *testing.T) {
			ns := shop().Namespace
			if err := Same(ns, list, halved(list)); err != nil {
				t.Error(err)
			}
			other := halved(list)
			last := &other[len(other)-2].Spec
			last.Egress, last.Ingress = nil, []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{pods("intruder")}}}
			if err := Same(ns, list, other); !errors.Is(err, ErrDiffers) {
				t.Errorf("of one that differs among many: %v", err)
			}
		})
	}
}

func TestWhatCannotBeToldIsNotTheSame(t *testing.T) {
	list := manyApps(20)
	other := halved(list)
	other[0].Spec.Ingress = append(other[0].Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{pods("intruder")}})
	untold := 0
	for steps := 1; steps < maxSteps; steps *= 2 {
		err := sameWithin(steps, shop().Namespace, list, other)
		if errors.Is(err, errUntold) {
			untold++
		} else if !errors.Is(err, ErrDiffers) {
			t.Errorf("after %d steps: %v", steps, err)
		}
	}
	if untold == 0 {
		t.Error("a single step is enough")
	}
}
