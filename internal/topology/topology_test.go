package topology

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

const shop = `
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  tiers:
  - {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 8080}, {port: 5060, protocol: UDP}]}
  - {name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 9000, endPort: 9010}]}
  allow:
`

// none is an entry that opens nothing new.
const none = "  - {name: none, from: [{tier: web}], to: [{tier: api}]}"

func TestSeveralEntriesBetweenTheSameTwoAreOneArrow(t *testing.T) {
	g := draw(t, given(t, shop+`
  - {name: calls, from: [{tier: web}], to: [{tier: api}]}
  - {name: more, from: [{tier: web}, {tier: web}], to: [{tier: api}], ports: [{port: metrics}, {port: 443}, {port: 443, protocol: SCTP}]}
  - {name: around, from: [{tier: api}], to: [{tier: api}, {tier: web}]}`))
	mustDraw(t, g,
		"tier web -> tier api: 443 SCTP/443 9000-9010 metrics by calls more (Open)",
		"tier api -> tier web: UDP/5060 8080 by around (Open)",
		"tier api -> tier api: 9000-9010 by around (Open)",
	)
	if g.Arrows[0].Policies == nil || len(g.Arrows[0].Policies) != 2 {
		t.Errorf("the arrow names policies %q, want those at both ends", g.Arrows[0].Policies)
	}
}

func TestPeersThatMeanTheSameAreOneBoxWhoeverNamesThem(t *testing.T) {
	g := draw(t, given(t, shop+`
  - {name: users, from: [{pods: {namespaces: [ingress]}}, {pods: {namespaces: [ingress], podSelector: {}}}], to: [{tier: web}]}
  - {name: out, from: [{tier: web}], to: [{internet: {except: [203.0.113.0/24, 198.51.100.0/24]}}, {internet: {except: [198.51.100.0/24, 203.0.113.0/24]}}], ports: [{port: 443}]}
---
kind: SegmentationProfile
metadata: {name: blog, namespace: blog}
spec:
  tiers:
  - {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 80}]}
  allow:
  - {name: users, from: [{pods: {namespaces: [ingress]}}], to: [{tier: web}]}
  - {name: own, from: [{pods: {podSelector: {matchLabels: {app: cron}}}}], to: [{tier: web}]}
`))
	mustDraw(t, g,
		"every pod of ingress -> tier web: 80 by users (Open)",
		"every pod of ingress -> tier web: UDP/5060 8080 by users (Open)",
		"cron in blog -> tier web: 80 by own (HalfOpen) half open",
		"tier web -> the internet except 198.51.100.0/24, 203.0.113.0/24: 443 by out (Open)",
	)
}

const twoTeams = `
kind: SegmentationProfile
metadata: {name: checkout, namespace: checkout}
spec:
  tiers:
  - {name: basket, podSelector: {matchLabels: {app: basket}}}
  allow:
  - {name: pay, from: [{tier: basket}], to: [{remoteTier: {namespace: payments, profile: payments, tier: api}}, {remoteTier: {namespace: stock, profile: stock, tier: api}}]}
---
kind: SegmentationProfile
metadata: {name: payments, namespace: payments}
spec:
  tiers:
  - {name: api, podSelector: {matchLabels: {app: payments}}, ports: [{port: 8443}]}
  allow:
  - {name: checkout, from: [{remoteTier: {namespace: checkout, profile: checkout, tier: basket}}], to: [{tier: api}]}
---
kind: SegmentationProfile
metadata: {name: stock, namespace: stock}
spec:
  tiers:
  - {name: api, podSelector: {matchLabels: {app: stock}}, ports: [{port: 5432}]}
`

func TestWhatBothTeamsDeclareIsOneArrowAndWhatOneDeclaresIsHalfOpen(t *testing.T) {
	mustDraw(t, draw(t, given(t, twoTeams)),
		"tier basket -> tier api: 8443 by pay checkout (Open)",
		"tier basket -> tier api: 5432 by pay (HalfOpen) half open",
	)
}

func TestATierOfAProfileThatIsNotDrawnIsABoxOfItsOwn(t *testing.T) {
	c := given(t, twoTeams)
	settled := mustSettle(t, c)
	g, err := Of(Input{Profiles: c.Profiles[:1], Outlook: settled})
	if err != nil {
		t.Fatal(err)
	}
	mustDraw(t, g,
		"tier basket -> tier api of payments/payments: 8443 by pay (Open)",
		"tier basket -> tier api of stock/stock: 5432 by pay (HalfOpen) half open",
	)
	if len(g.Groups) != 1 {
		t.Errorf("there are %d groups, want that of the one profile", len(g.Groups))
	}
}

func TestAPeerThatIsNotThereIsVoidUnlessOnlyAPartIsKnown(t *testing.T) {
	c := given(t, shop+`
  - {name: buy, from: [{tier: web}], to: [{service: {name: gone}}, {remoteTier: {namespace: nowhere, profile: none, tier: api}}]}
  - {name: watch, from: [{tier: api}], to: [{kubeAPIServer: {}}]}`)
	mustDraw(t, draw(t, c),
		"tier web -> Service gone in shop:  by buy (Void) not found",
		"tier web -> tier api of nowhere/none:  by buy (Void) not found",
		"tier api -> the Kubernetes API server:  by watch (Void) not found not found",
	)
	mustDraw(t, drawPartly(t, c),
		"tier web -> Service gone in shop:  by buy (Open)",
		"tier web -> tier api of nowhere/none:  by buy (Open)",
		"tier api -> the Kubernetes API server:  by watch (Open)",
	)
}

func TestFindingsAreAtWhatTheyAreAbout(t *testing.T) {
	c := given(t, strings.Replace(shop, "ports: [{port: 8080}, ", "dns: Any, ports: [{port: 8080}, ", 1)+`
  - {name: all, from: [{pods: {namespaces: [ops]}}, {anywhere: {}}], to: [{tier: web}]}
  - {name: wide, from: [{tier: api}], to: [{ipBlocks: {cidrs: [10.0.0.0/24]}}, {ipBlocks: {cidrs: [0.0.0.0/0]}}], ports: [{port: 443}]}
---
kind: NetworkPolicy
metadata: {name: hole, namespace: shop}
spec: {podSelector: {matchLabels: {app: api}}, policyTypes: [Ingress], ingress: [{}]}`)
	g := draw(t, c)
	mustDraw(t, g,
		"tier api -> 10.0.0.0/24: 443 by wide (Open)",
		"tier api -> 0.0.0.0/0: 443 by wide (Open) very wide",
		"every pod of ops -> tier web: UDP/5060 8080 by all (Open)",
		"anywhere -> tier web: UDP/5060 8080 by all (Open) everybody",
	)
	for _, a := range g.Arrows {
		if isWeb := boxNamed(g, a.From).Name == "web"; a.Kind == ArrowDNS && (len(a.Findings) > 0) != isWeb {
			t.Errorf("DNS of tier %s has findings %v", boxNamed(g, a.From).Name, a.Findings)
		}
	}
	for _, box := range g.Boxes {
		if box.Kind == BoxTier && (len(box.Findings) > 0) != (box.Name == "api") {
			t.Errorf("%s has findings %v", box, box.Findings)
		}
	}
}

func TestAThousandNamespacesAreOneGroup(t *testing.T) {
	var namespaces []snapshot.Namespace
	for i := range 1000 {
		namespaces = append(namespaces, namespace(fmt.Sprintf("team-%03d", i), "baseline=yes"))
	}
	g := draw(t, given(t, `
kind: ClusterSegmentationProfile
metadata: {name: baseline}
spec:
  namespaceSelector: {matchLabels: {baseline: "yes"}}
  tiers:
  - {name: web, podSelector: {matchLabels: {app: web}}, ports: [{port: 80}]}
  - {name: all, podSelector: {}, ports: [{port: 81}]}
  - {name: first, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: team-000}}, podSelector: {matchLabels: {app: first}}, ports: [{port: 82}]}
  allow:
  - {name: inside, from: [{tier: web}], to: [{tier: all}]}
  - {name: across, from: [{tier: web}], to: [{tier: first}]}
  - {name: store, from: [{tier: web}], to: [{service: {name: store}}]}
`, namespaces...))
	mustDraw(t, g,
		"tier web -> tier all: 81 by inside (Open)",
		"tier web -> tier first: 82 by across (Open)",
		"tier web -> Service store in the same namespace:  by store (Void) not found",
	)
	var groups []string
	for _, group := range g.Groups {
		groups = append(groups, group.Namespaces.String())
	}
	if want := []string{"1000 namespaces, such as team-000 and team-001", "namespace team-000"}; !slices.Equal(groups, want) {
		t.Errorf("groups in %q, want %q", groups, want)
	}
	if !g.Arrows[0].SameNamespace || g.Arrows[1].SameNamespace {
		t.Error("tiers without a namespaceSelector talk inside one namespace only, and the others do not")
	}
	if n := g.Arrows[2].Findings[0].Namespaces; n != 1000 || len(g.Arrows[2].Findings) != 1 {
		t.Errorf("got %d findings, the first in %d namespaces; want one in 1000", len(g.Arrows[2].Findings), n)
	}
}

func TestANamespaceWithoutTiersIsClosed(t *testing.T) {
	g := draw(t, given(t, `
kind: ClusterSegmentationProfile
metadata: {name: app}
spec:
  namespaceSelector: {matchLabels: {app: "yes"}}
  tiers:
  - {name: web, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: one}}, podSelector: {}}
---
kind: SegmentationProfile
metadata: {name: archive, namespace: archive}
spec: {tiers: []}
`, namespace("one", "app=yes"), namespace("two", "app=yes")))
	var closed []string
	for _, box := range g.Boxes {
		if box.Kind == BoxClosed {
			closed = append(closed, box.Group)
		}
	}
	if want := []string{"ClusterSegmentationProfile app in two", "SegmentationProfile archive/archive"}; !slices.Equal(closed, want) {
		t.Errorf("closed are %q, want %q", closed, want)
	}
}

func TestPodsInNoTierStayOpenUnlessAnotherProfileDeniesThem(t *testing.T) {
	tiersOnly := strings.Replace(shop, "spec:\n", "spec:\n  isolation: Tiers\n", 1) + none
	for want, documents := range map[Others]string{
		OthersOpen: tiersOnly,
		OthersDenied: tiersOnly + `
---
kind: SegmentationProfile
metadata: {name: closed, namespace: shop}
spec: {tiers: []}`,
	} {
		g := draw(t, given(t, documents))
		if got := g.Groups[len(g.Groups)-1].Others; got != want {
			t.Errorf("others are %s, want %s", got, want)
		}
	}
}

func TestWhatAPreviewDeclaresIsNotInForce(t *testing.T) {
	c := given(t, shop+"  - {name: calls, from: [{tier: web}], to: [{tier: api}]}")
	c.Profiles[0].Mode = v1alpha1.ModePreview
	g := draw(t, c)
	mustDraw(t, g, "tier web -> tier api: 9000-9010 by calls (Preview)")
	if g.Profiles[0].State != StatePreview {
		t.Errorf("the profile is %s", g.Profiles[0].State)
	}
}

func TestWhatCannotBeDrawnIsListedWithTheReason(t *testing.T) {
	c := given(t, shop+"  - {name: calls, from: [{tier: web}], to: [{tier: typo}]}\n---\n"+`
kind: ClusterSegmentationProfile
metadata: {name: nowhere}
spec: {namespaceSelector: {matchLabels: {no: such}}, tiers: []}
---
kind: SegmentationProfile
metadata: {name: system, namespace: kube-system}
spec: {tiers: []}`)
	g := draw(t, c)
	for i, want := range []string{"No namespace has the labels", "Namespace kube-system is protected", "It is invalid"} {
		if p := g.Profiles[i]; p.State != StateUnknown || !strings.HasPrefix(p.Reason, want) {
			t.Errorf("%s is %s: %q, want %q", p.ID, p.State, p.Reason, want)
		}
	}
	if len(g.Boxes) > 0 || len(g.Groups) > 0 {
		t.Errorf("something is drawn: %v", g.Boxes)
	}
}

func TestPodsAreCountedWhereAnyAreKnown(t *testing.T) {
	c := given(t, shop+none)
	if g := draw(t, c); g.Boxes[0].Pods != nil {
		t.Errorf("there are said to be %d pods, and nothing is known of pods", *g.Boxes[0].Pods)
	}
	web := map[string]string{"app": "web"}
	c.Pods = []snapshot.Pod{
		{Namespace: "shop", Labels: web, Count: 3}, {Namespace: "shop", Labels: web}, {Namespace: "shop", Labels: web, HostNetwork: true},
		{Namespace: "other", Labels: web},
	}
	for _, box := range draw(t, c).Boxes {
		if want := map[string]int{"web": 4, "api": 0}; box.Kind == BoxTier && (box.Pods == nil || *box.Pods != want[box.Name]) {
			t.Errorf("%s has %v pods, want %d", box, box.Pods, want[box.Name])
		}
	}
}

func TestOnlyThePeerThatIsClosedMakesAnArrowHalfOpen(t *testing.T) {
	mustDraw(t, draw(t, given(t, `apiVersion: firebreak.dev/v1alpha1
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  dns: None
  tiers:
  - {name: every-pod, podSelector: {}}
  - {name: redis, podSelector: {matchLabels: {app: redis}}, ports: [{port: 6379}]}
  - {name: web, podSelector: {matchLabels: {app: web}}}
  allow:
  - name: redis
    from: [{pods: {podSelector: {matchLabels: {client: "true"}}}}, {tier: redis}, {tier: web}]
    to: [{tier: redis}]
`)),
		"tier web -> tier redis: 6379 by redis (Open)",
		"pods with client=true in shop -> tier redis: 6379 by redis (HalfOpen) half open",
		"tier redis -> tier redis: 6379 by redis (Open)",
	)
}
