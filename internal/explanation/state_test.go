package explanation

import (
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
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

// states are those of the policies that isolate an end.
func states(d Decision) string {
	var out []string
	for _, p := range d.Isolating {
		out = append(out, string(p.State))
	}
	return strings.Join(out, " ")
}

func TestWhoStandsBehindAPolicyDependsOnItsProfile(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*fixture)
		state  State
		// effect is what a remedy says; a rule of the policy itself when there is no profile to turn to.
		effect string
		kind   RemedyKind
	}{
		"that enforces":       {func(*fixture) {}, StateEnforced, "", RemedyAllow},
		"that is previewed":   {func(f *fixture) { f.cluster.Profiles[0].Mode = v1alpha1.ModePreview }, StatePreviewed, "opens nothing before it is enforced again", RemedyAllow},
		"that is invalid":     {func(f *fixture) { f.cluster.Profiles[0].DNS = "Nonsense" }, StateFrozen, "opens nothing before it is put right", RemedyAllow},
		"that is deleted":     {func(f *fixture) { f.cluster.Profiles[0].Deleting = true }, StateLeaving, "goes with SegmentationProfile shop/shop", RemedyAdvice},
		"that is gone":        {func(f *fixture) { f.cluster.Profiles = nil }, StateGone, "", RemedyRule},
		"that was made again": {func(f *fixture) { f.cluster.Profiles[0].UID = "another" }, StateGone, "", RemedyAllow},
		"that retains and is deleted": {func(f *fixture) {
			f.cluster.Profiles[0].Deleting, f.cluster.Profiles[0].DeletionPolicy = true, v1alpha1.DeletionPolicyRetain
		}, StateRetained, "", RemedyRule},
	} {
		t.Run(name, func(t *testing.T) {
			f := live(t, shop)
			c.change(f)
			a := f.explain("deploy/web", "deploy/db:22").Answers[0]
			if want := string(c.state + " " + c.state); a.Verdict != evaluator.Denied || states(a.Egress) != want {
				t.Errorf("%s by %s, want %s", a.Verdict, states(a.Egress), want)
			}
			if len(a.Remedies) == 0 || a.Remedies[0].Kind != c.kind || !strings.Contains(a.Remedies[0].Note, c.effect) {
				t.Errorf("got %+v", a.Remedies)
			}
		})
	}
}

func TestAPolicyLeftFromBeforeAPreviewIsComparedWithThePreview(t *testing.T) {
	f := live(t, shop)
	f.cluster.Profiles[0].Mode = v1alpha1.ModePreview
	f.cluster.Profiles[0].Allow = nil
	a := f.explain("deploy/web", "deploy/db").Answers[0]
	if a.Verdict != evaluator.Allowed || len(a.Previews) != 1 || a.Previews[0].Verdict != evaluator.Denied || len(a.Previews[0].Remedies) != 1 {
		t.Fatalf("got %+v", a)
	}
	if note := a.Previews[0].Remedies[0].Note; note != "" {
		t.Errorf("once it is enforced, the line holds: %s", note)
	}
}

func TestPodsThatPoliciesDoNotGovernAreSaidToBe(t *testing.T) {
	f := live(t, shop).running("shop/agent app=db host 5432", "shop/job app=db done 5432")
	for end, reason := range map[string]string{
		"deploy/agent": "is on the host network, which NetworkPolicies do not govern",
		"deploy/job":   "has completed and has no network",
	} {
		if a := f.explain("deploy/web", end).Answers[0]; !strings.Contains(a.Ingress.Reason, reason) {
			t.Errorf("%s: got %+v", end, a.Ingress)
		}
	}
	if a := f.explain("deploy/web", "deploy/job").Answers[0]; len(a.Remedies) > 0 {
		t.Errorf("nothing would allow it, got %+v", a.Remedies)
	}
}

func TestAPodIsFoundByTheNameThatItsWorkloadGivesIt(t *testing.T) {
	f := live(t, shop).running("shop/api pod-template-hash=abc x2 80", "shop/api pod-template-hash=def x2 80", "shop/store statefulset.kubernetes.io/pod-name=store-1 x2")
	for name, hash := range map[string]string{"api-abc-12345": "abc", "api-def-x": "def"} {
		question, err := Ask("pod/"+name, "deploy/db", "shop")
		if err != nil {
			t.Fatal(err)
		}
		e, err := resolver{f.world(), "shop"}.resolve(question.Source)
		if err != nil || len(e.pods) != 1 || e.pods[0].Labels["pod-template-hash"] != hash {
			t.Errorf("%s: got %+v, %v", name, e, err)
		}
	}
	if e := f.explain("rs/api-abc", "deploy/db:1"); e.Source.Pods != 2 {
		t.Errorf("got %+v", e.Source)
	}
	for _, name := range []string{"pod/api-abc", "pod/api-xyz-1", "pod/store-2"} {
		question, _ := Ask(name, "deploy/db:1", "shop")
		if _, err := Explain(f.world(), question); err == nil || !strings.Contains(err.Error(), "no running pod") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestAServiceWhoseAddressARuleNamesIsUndecidable(t *testing.T) {
	f := live(t, shop+"\n---\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {clusterIP: 10.96.0.5, selector: {app: db}, ports: [{port: 15432, targetPort: 5432}]}")
	f.policy("web").Spec.Egress[0].To = []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "10.96.0.5/32"}}}
	f.policy("web").Spec.Egress[0].Ports[0].Port.IntVal = 15432
	a := f.explain("deploy/web", "svc/db").Answers[0]
	if a.Verdict != evaluator.Undecidable || !strings.Contains(a.Egress.Reason, "the Service's own address 10.96.0.5") || len(a.Egress.Admitting) != 1 {
		t.Errorf("got %+v", a)
	}
	if a := f.explain("deploy/web", "deploy/db").Answers[0]; a.Verdict != evaluator.Denied {
		t.Errorf("at the pods: got %+v", a)
	}
}

func TestARangeOfPortsIsSplitWhereItFaresDifferently(t *testing.T) {
	f := given(t, `
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  tiers: [{name: web, podSelector: {matchLabels: {app: web}}}, {name: rtp, podSelector: {matchLabels: {app: rtp}}, ports: [{port: 1000, endPort: 2000, protocol: UDP}]}]
  allow: [{name: some, from: [{tier: web}], to: [{tier: rtp}], ports: [{port: 1200, endPort: 1300, protocol: UDP}]}]`)
	e := f.explain("tier:web", "tier:rtp")
	var got []string
	for _, a := range e.Answers {
		for _, p := range a.Ports {
			got = append(got, string(a.Verdict)+" "+p.String())
		}
	}
	if want := "Denied UDP/1000-1199, Denied UDP/1301-2000, Allowed UDP/1200-1300"; strings.Join(got, ", ") != want {
		t.Errorf("got %q", got)
	}
	if line := e.Answers[0].Remedies[0].Line; !strings.Contains(line, "ports: [{port: 1000, endPort: 1199, protocol: UDP}, {port: 1301, endPort: 2000, protocol: UDP}]") {
		t.Errorf("got %s", line)
	}
}

func TestAPortNameThatNoPodGivesANumberStaysAName(t *testing.T) {
	f := given(t, `
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  tiers: [{name: web, podSelector: {matchLabels: {app: web}}}, {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: http}]}]`)
	a := f.explain("tier:web", "tier:api").Answers[0]
	if a.Ports[0].Number != 0 || a.Ports[0].String() != "TCP/http" || !strings.HasSuffix(a.Remedies[0].Line, "ports: [{port: http}]}") {
		t.Fatalf("got %+v", a)
	}
	f.follow(a.Remedies[0])
	if a := f.explain("tier:web", "tier:api").Answers[0]; a.Verdict != evaluator.Allowed {
		t.Errorf("got %+v", a)
	}
}

func TestPodsOfOneWorkloadThatFareDifferentlyAreToldApart(t *testing.T) {
	f := live(t, shop+`
---
kind: NetworkPolicy
metadata: {name: canary, namespace: shop}
spec: {podSelector: {matchLabels: {track: canary}}, policyTypes: [Egress], egress: [{}]}
---
kind: NetworkPolicy
metadata: {name: anybody, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{}]}`)
	f.running("shop/web app=web track=canary", "shop/web app=web color=green")
	e := f.explain("deploy/web", "deploy/db:22")
	if len(e.Answers) != 2 || e.Verdict != Mixed || e.Source.Pods != 4 {
		t.Fatalf("got %+v", e)
	}
	for i, want := range []Party{{Name: "Deployment web", Which: "pods without label track", Pods: 3}, {Name: "Deployment web", Which: "pods with track=canary", Pods: 1}} {
		if e.Answers[i].Source != want {
			t.Errorf("got %+v, want %+v", e.Answers[i].Source, want)
		}
	}
}

func TestAwkwardNamesReadBackFromTheLines(t *testing.T) {
	f := given(t, `
kind: SegmentationProfile
metadata: {name: "1.5", namespace: "123"}
spec: {dns: None, tiers: [{name: "on", podSelector: {matchLabels: {"y": "true"}}}]}
---
kind: SegmentationProfile
metadata: {name: "1e3", namespace: "0x1"}
spec: {dns: None, tiers: [{name: "2", podSelector: {matchExpressions: [{key: "null", operator: NotIn, values: ["no", ""]}, {key: app, operator: Exists}]}, ports: [{port: 1}]}]}`)
	f.running("123/on y=true", "0x1/w app=off", "0x1/none x=1")
	for _, ends := range [][2]string{{"123/deploy/on", "0x1/deploy/w:80"}, {"123/deploy/on", "0x1/deploy/none:80"}, {"0x1/deploy/none", "0x1/deploy/w:80/udp"}} {
		a := f.explain(ends[0], ends[1]).Answers[0]
		if a.Verdict != evaluator.Denied {
			t.Fatalf("got %+v", a)
		}
		for _, r := range a.Remedies {
			f.follow(r)
		}
		if a := f.explain(ends[0], ends[1]).Answers[0]; a.Verdict != evaluator.Allowed {
			t.Errorf("%v: got %+v", ends, a)
		}
	}
}
