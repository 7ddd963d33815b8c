package analyzer

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/evaluator"
)

const shopInPreview = `
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  mode: Preview
  dns: None
  tiers:
  - {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8080}]}
  - {name: database, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
  allow:
  - {name: api-uses-database, from: [{tier: api}], to: [{tier: database}]}
  - {name: metrics, from: [{pods: {namespaces: [mon]}}], to: [{tier: api}]}
`

// lines are the connections in the order in which they are listed.
func lines(c Connections) []string {
	var out []string
	for _, l := range c.Listed {
		out = append(out, fmt.Sprintf("%s: %s -> %s %s", l.Namespace, l.From, l.To, Words(l.Ports)))
	}
	return out
}

func TestAPreviewNamesWhatWouldBeCut(t *testing.T) {
	f := given(t, shopInPreview).running("shop/api app=api 8080", "shop/db app=db 5432", "shop/legacy-worker app=legacy", "mon/prom app=prom 9090", "shop/agent app=db host 5432")
	p := *f.judged("shop", "shop").Preview
	mustEqual(t, lines(p.Cut),
		"shop: Deployment legacy-worker -> tier api TCP/8080",
		"shop: Deployment legacy-worker -> tier database TCP/5432",
		"shop: tier api -> Deployment legacy-worker every port",
		"shop: tier database -> Deployment legacy-worker every port",
		"shop: tier database -> tier api TCP/8080",
		"shop: Deployment legacy-worker -> Deployment mon/prom TCP/9090",
		"shop: Deployment mon/prom -> Deployment legacy-worker every port",
		"shop: Deployment mon/prom -> tier database TCP/5432",
		"shop: tier api -> Deployment mon/prom TCP/9090",
		"shop: tier database -> Deployment mon/prom TCP/9090",
		"shop: Deployment legacy-worker -> link-local addresses, such as cloud metadata every port",
		"shop: Deployment legacy-worker -> private addresses outside the cluster every port",
		"shop: Deployment legacy-worker -> the internet every port",
		"shop: Deployment legacy-worker -> the internet (IPv6) every port",
		"shop: private addresses outside the cluster -> Deployment legacy-worker every port",
		"shop: private addresses outside the cluster -> tier api TCP/8080",
		"shop: private addresses outside the cluster -> tier database TCP/5432",
		"shop: the internet -> Deployment legacy-worker every port",
		"shop: the internet -> tier api TCP/8080",
		"shop: the internet -> tier database TCP/5432",
	)
	if p.Cut.Count != 10+3*(4+3) || p.Opened.Count != 0 {
		t.Errorf("%d cut, %d opened", p.Cut.Count, p.Opened.Count)
	}
}

func TestAPreviewComparesWithWhatIsInForce(t *testing.T) {
	closed := `
---
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
kind: NetworkPolicy
metadata: {name: legacy, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress: [{from: [{podSelector: {matchLabels: {app: legacy}}}]}]
---
kind: NetworkPolicy
metadata: {name: legacy-out, namespace: shop}
spec:
  podSelector: {matchLabels: {app: legacy}}
  egress: [{to: [{podSelector: {}}]}]
`
	f := given(t, shopInPreview+closed).running("shop/api app=api 8080", "shop/db app=db 5432", "shop/legacy app=legacy", "mon/prom app=prom")
	p := *f.judged("shop", "shop").Preview
	// What other policies admit stays admitted, for policies only add.
	mustEqual(t, lines(p.Cut))
	mustEqual(t, lines(p.Opened), "shop: tier api -> tier database TCP/5432", "shop: Deployment mon/prom -> tier api TCP/8080")
	if p.Opened.Count != 2 {
		t.Errorf("%d opened", p.Opened.Count)
	}
}

func TestAPreviewCutsNothingThatTheOtherEndDeniesAlready(t *testing.T) {
	f := given(t, shopInPreview+`
---
kind: NetworkPolicy
metadata: {name: closed, namespace: mon}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
`).running("shop/db app=db 5432", "mon/prom app=prom")
	for _, line := range lines(f.judged("shop", "shop").Preview.Cut) {
		if line == "shop: Deployment mon/prom -> tier database TCP/5432" || line == "shop: tier database -> Deployment mon/prom every port" {
			t.Errorf("%s: it is cut already", line)
		}
	}
}

// TestAPreviewOfAChange has the present profile enforced, and a copy of it with one entry less and one port more in preview.
func TestAPreviewOfAChange(t *testing.T) {
	f := given(t, `
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  dns: None
  tiers:
  - {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8080}]}
  - {name: database, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
  allow:
  - {name: api-uses-database, from: [{tier: api}], to: [{tier: database}]}
  - {name: out, from: [{tier: api}], to: [{internet: {}}], ports: [{port: 443}]}
---
kind: SegmentationProfile
metadata: {name: next, namespace: shop}
spec:
  mode: Preview
  previewOf: shop
  dns: None
  tiers:
  - {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8080}]}
  - {name: database, podSelector: {matchLabels: {app: db}}, ports: [{port: 5432}]}
  allow:
  - {name: api-uses-database, from: [{tier: api}], to: [{tier: database}], ports: [{port: 5432}, {port: 9187}]}
  - {name: database-calls-api, from: [{tier: database}], to: [{tier: api}]}
`).running("shop/api app=api 8080", "shop/db app=db 5432 9187", "mon/prom app=prom")
	p := *f.judged("shop", "next").Preview
	mustEqual(t, lines(p.Cut), "shop: tier api -> the internet TCP/443", "shop: tier api -> the internet (IPv6) TCP/443")
	mustEqual(t, lines(p.Opened), "shop: tier api -> tier database TCP/9187", "shop: tier database -> tier api TCP/8080")
}

func TestAnAddressThatIsOnlyCalledIsNoSource(t *testing.T) {
	f := given(t, strings.Replace(shopInPreview, "  allow:\n", "  allow:\n  - {name: mail, from: [{tier: api}], to: [{ipBlocks: {cidrs: [192.0.2.25/32]}}], ports: [{port: 25}]}\n", 1)).
		running("shop/api app=api 8080", "shop/db app=db 5432")
	p := *f.judged("shop", "shop").Preview
	listed := strings.Join(lines(p.Cut), "\n")
	if strings.Contains(listed, "192.0.2.25/32 ->") || !strings.Contains(listed, "tier database -> 192.0.2.25/32 every port") {
		t.Errorf("the preview lists\n%s", listed)
	}
}

func TestAPreviewNamesTheNameServers(t *testing.T) {
	f := given(t, strings.Replace(shopInPreview, "  dns: None\n", "", 1)).running("shop/legacy-worker app=legacy", "shop/db app=db 5432")
	listed := strings.Join(lines(f.judged("shop", "shop").Preview.Cut), "\n")
	if !strings.Contains(listed, "shop: Deployment legacy-worker -> DNS at 169.254.20.10 every port") || strings.Contains(listed, "169.254.20.10/32") {
		t.Errorf("the preview lists\n%s", listed)
	}
}

func TestAPreviewCountsManyNamespacesThatFareAlike(t *testing.T) {
	f := given(t, shopInPreview).running("shop/db app=db 5432")
	for i := range 9 {
		f.running(fmt.Sprintf("team-%d/web app=web", i))
	}
	p := *f.judged("shop", "shop").Preview
	mustEqual(t, lines(p.Cut)[:2], "shop: pods of 9 other namespaces, such as team-0 -> tier database TCP/5432", "shop: tier database -> pods of 9 other namespaces, such as team-0 every port")
	if p.Cut.Count != 2*9+4+3 {
		t.Errorf("%d cut", p.Cut.Count)
	}
}

// TestSwitchingToEnforceDoesWhatThePreviewSaid evaluates the namespace anew with the profile enforced.
func TestSwitchingToEnforceDoesWhatThePreviewSaid(t *testing.T) {
	f := given(t, shopInPreview).running("shop/api app=api 8080", "shop/db app=db 5432", "shop/legacy app=legacy", "mon/prom app=prom")
	preview := *f.judged("shop", "shop").Preview
	said := map[string]bool{}
	for _, line := range lines(preview.Cut) {
		said[line] = true
	}
	f.profiles[0].Mode = "Enforce"
	var policies []*networkingv1.NetworkPolicy
	for _, name := range f.names {
		policies = append(policies, f.place(name).Policies...)
	}
	world := evaluator.World{Pods: f.pods, Policies: policies}
	for _, name := range f.names {
		world.Namespaces = append(world.Namespaces, f.namespace(name))
	}
	e, err := evaluator.New(world)
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]string{"api": "tier api", "db": "tier database", "legacy": "Deployment legacy", "prom": "Deployment mon/prom"}
	denied := 0
	for i := range f.pods {
		for j := range f.pods {
			if i == j || (f.pods[i].Namespace == "mon" && f.pods[j].Namespace == "mon") {
				continue
			}
			for _, port := range append(f.pods[j].Ports, portOrAny(f.pods[j].Ports)...) {
				answer := e.Evaluate(evaluator.Connection{Source: evaluator.OfPod(&f.pods[i]), Destination: evaluator.OfPod(&f.pods[j]), Protocol: port.Protocol, Port: port.Port})
				line := fmt.Sprintf("shop: %s -> %s TCP/%d", called[f.pods[i].Workload.Name], called[f.pods[j].Workload.Name], port.Port)
				if len(f.pods[j].Ports) == 0 {
					line = fmt.Sprintf("shop: %s -> %s every port", called[f.pods[i].Workload.Name], called[f.pods[j].Workload.Name])
				}
				if cut := answer.Verdict() == evaluator.Denied; cut != said[line] {
					t.Errorf("%s is %s, and the preview said that it would be cut: %t", line, answer.Verdict(), said[line])
				} else if cut {
					denied++
				}
			}
		}
	}
	if denied != 10 {
		t.Errorf("%d connections were cut", denied)
	}
}

// TestAPreviewBesideTheRecipesShowsWhatTheyCutOff has them closed to the frontend, which never reaches the api.
func TestAPreviewBesideTheRecipesShowsWhatTheyCutOff(t *testing.T) {
	sample := strings.Replace(mustReadFile(t, "../../config/samples/three-tier.yaml"), "spec:", "spec:\n  mode: Preview", 1)
	recipes := strings.ReplaceAll(mustReadFile(t, "testdata/recipes.in.yaml"), "apiVersion: networking.k8s.io/v1\n", "")
	f := given(t, strings.Replace(sample, "apiVersion: firebreak.dev/v1alpha1\n", "", 1)+"\n---\n"+recipes).running(
		"production/frontend tier=frontend 8080", "production/api tier=api app=api 8080", "production/database tier=database 5432",
		"ingress-nginx/controller app=nginx", "monitoring/prometheus app.kubernetes.io/name=prometheus")
	opens := lines(f.judged("production", "shop").Preview.Opened)
	for _, want := range []string{
		"production: tier frontend -> tier api TCP/8080", "production: tier api -> tier database TCP/5432",
		"production: Deployment ingress-nginx/controller -> tier frontend TCP/8080", "production: Deployment monitoring/prometheus -> tier api TCP/8080",
	} {
		if !slices.Contains(opens, want) {
			t.Errorf("%q is not among what would be opened:\n%s", want, strings.Join(opens, "\n"))
		}
	}
}

func TestAPreviewNamesItsOwnProfileWhereThatClosesTheOtherEnd(t *testing.T) {
	f := given(t, strings.Replace(shopInPreview, "  allow:\n", "  allow:\n  - {name: old, from: [{tier: api}], to: [{pods: {podSelector: {matchLabels: {app: legacy}}}}], ports: [{port: 1234}]}\n", 1)).
		running("shop/api app=api 8080", "shop/db app=db 5432", "shop/legacy app=legacy 1234")
	mustEqual(t, said(f.judged("shop", "shop"), v1alpha1.CodeHalfOpen),
		"allow entry old: As far as this profile goes, tier api may connect to Deployment shop/legacy on TCP/1234, but SegmentationProfile shop/shop does not admit it where it arrives; "+
			"no tier of SegmentationProfile shop/shop selects these pods: add one to it, or to another profile of that namespace, and to allow: "+
			"{name: from-shop-api, from: [{remoteTier: {namespace: shop, profile: shop, tier: api}}], to: [{tier: ...}], ports: [{port: 1234}]}.")
}

func TestABlockIsJudgedByWhatNoOtherBlockInItHolds(t *testing.T) {
	f := given(t, strings.Replace(shopInPreview, "  allow:\n", "  allow:\n  - {name: office, from: [{tier: database}], to: [{ipBlocks: {cidrs: [203.0.112.0/20], except: [203.0.112.0/24]}}], ports: [{port: 443}]}\n", 1)+`---
kind: NetworkPolicy
metadata: {name: closed, namespace: shop}
spec: {podSelector: {}, policyTypes: [Egress]}
`).running("shop/db app=db 5432")
	mustEqual(t, lines(f.judged("shop", "shop").Preview.Opened), "shop: tier database -> 203.0.112.0/20 TCP/443")
}

func TestAPreviewCountsAllConnectionsWithOtherNamespacesAndListsTheFirst(t *testing.T) {
	f := given(t, strings.Replace(shopInPreview, "{pods: {namespaces: [mon]}}", "{pods: {namespaceSelector: {matchLabels: {team: m}}}}", 1)).
		running("shop/db app=db 5432", "shop/db2 app=db 5432", "shop/legacy app=legacy 80", "shop/node app=legacy host")
	for _, name := range []string{"m1", "m2", "m3"} {
		for i := range 9 {
			f.running(fmt.Sprintf("%s/w%d app=w%d 9090", name, i, i))
		}
		f.running(name + "/agent app=agent host")
	}
	p := *f.judged("shop", "shop").Preview
	// Both ways between 27 workloads and two names here.
	listed := lines(p.Cut)
	if within := 3; p.Cut.Count != within+2*2*27+2*(4+3) || len(listed) != MaxListed {
		t.Errorf("%d cut, %d listed", p.Cut.Count, len(listed))
	}
	mustEqual(t, listed[3:5], "shop: Deployment legacy -> Deployment m1/w0 TCP/9090", "shop: Deployment legacy -> Deployment m1/w1 TCP/9090")
}
