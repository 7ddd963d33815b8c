package explanation

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/outlook"
)

const shop = `
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  dns: None
  tiers: [{name: web, podSelector: {matchLabels: {app: web}}}, {name: db, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}]
  allow: [{name: web-uses-db, description: Orders are kept., from: [{tier: web}], to: [{tier: db}]}]`

// live is a cluster in which the operator has done its work.
func live(t *testing.T, documents string) *fixture {
	t.Helper()
	f := given(t, documents).running("shop/web app=web x2", "shop/db app=db 5432")
	settled, err := outlook.Settled(&f.cluster)
	if err != nil {
		t.Fatal(err)
	}
	f.cluster.Policies = nil
	for _, ns := range settled.Namespaces {
		for _, p := range ns.Policies {
			f.cluster.Policies = append(f.cluster.Policies, p.DeepCopy())
		}
	}
	f.asIs = true
	return f
}

// policy returns the policy of a tier, to be changed.
func (f *fixture) policy(tier string) *networkingv1.NetworkPolicy {
	f.t.Helper()
	for _, p := range f.cluster.Policies {
		if strings.HasPrefix(p.Name, "segp.shop."+tier+"-") {
			return p
		}
	}
	f.t.Fatalf("no policy of tier %s", tier)
	return nil
}

func TestAPolicyThatSomebodyChangedIsSaidToBe(t *testing.T) {
	f := live(t, shop)
	f.policy("db").Spec.Ingress = nil
	e := f.explain("deploy/web", "deploy/db")
	a := e.Answers[0]
	if a.Verdict != evaluator.Denied || a.Egress.Verdict != evaluator.Allowed || a.Egress.Admitting[0].Entries[0].Description != "Orders are kept." {
		t.Errorf("got %+v", a)
	}
	edited := false
	for _, p := range a.Ingress.Isolating {
		edited = edited || p.Edited && p.Tier == "db" && p.State == StateEnforced
	}
	if !edited {
		t.Errorf("no policy is edited: %+v", a.Ingress.Isolating)
	}
	// A line would add nothing: the profile says so already.
	if len(a.Remedies) != 1 || a.Remedies[0].Kind != RemedyAdvice || !strings.Contains(a.Remedies[0].Note, "Allow entry web-uses-db of SegmentationProfile shop/shop already declares it, but somebody changed NetworkPolicy shop/segp.shop.db-") {
		t.Errorf("got %+v", a.Remedies)
	}
	if len(e.Notes) != 1 || !strings.Contains(e.Notes[0], "1 NetworkPolicy is not as the profiles want") {
		t.Errorf("got %q", e.Notes)
	}
}

func TestARuleThatNobodyAskedForHasNoEntry(t *testing.T) {
	f := live(t, shop)
	f.policy("db").Spec.Ingress[0].From = nil
	f.running("other/app app=x")
	a := f.explain("other/deploy/app", "deploy/db").Answers[0]
	if a.Verdict != evaluator.Allowed || len(a.Ingress.Admitting) != 1 || len(a.Ingress.Admitting[0].Entries) != 0 || a.Ingress.Admitting[0].Peer != -1 {
		t.Errorf("got %+v", a.Ingress)
	}
}
