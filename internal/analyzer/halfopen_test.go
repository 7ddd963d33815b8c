package analyzer

import (
	"strings"
	"testing"

	"firebreak.dev/firebreak/api/v1alpha1"
)

const shopCallsPayments = `
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  dns: None
  tiers: [{name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 8080}]}]
  allow: [{name: pay, from: [{tier: api}], to: [{remoteTier: {namespace: pay, profile: pay, tier: gateway}}]}]
`

const payments = `
---
kind: SegmentationProfile
metadata: {name: pay, namespace: pay}
spec:
  dns: None
  tiers: [{name: gateway, podSelector: {matchLabels: {app: gw}}, ports: [{port: 8443}]}]
`

func TestAFlowIsHalfOpenUntilTheOtherSideAllowsIt(t *testing.T) {
	const want = "allow entry pay: As far as this profile goes, tier api may connect to Deployment pay/gateway on TCP/8443, but SegmentationProfile pay/pay does not admit it where it arrives; " +
		"add to allow of SegmentationProfile pay/pay: {name: from-shop-api, from: [{remoteTier: {namespace: shop, profile: shop, tier: api}}], to: [{tier: gateway}], ports: [{port: 8443}]}."
	f := given(t, shopCallsPayments+payments).running("shop/api app=api 8080", "pay/gateway app=gw 8443")
	mustEqual(t, said(f.judged("shop", "shop"), v1alpha1.CodeHalfOpen), want)

	agreed := given(t, shopCallsPayments+payments+`
  allow: [{name: from-shop-api, from: [{remoteTier: {namespace: shop, profile: shop, tier: api}}], to: [{tier: gateway}], ports: [{port: 8443}]}]
`).running("shop/api app=api 8080", "pay/gateway app=gw 8443")
	mustEqual(t, said(agreed.judged("shop", "shop"), v1alpha1.CodeHalfOpen))
	mustEqual(t, said(agreed.judged("pay", "pay"), v1alpha1.CodeHalfOpen))
}

func TestAFlowIsHalfOpenBeforeAnyPodRuns(t *testing.T) {
	f := given(t, shopCallsPayments+payments).also("shop", "pay")
	mustEqual(t, said(f.judged("shop", "shop"), v1alpha1.CodeHalfOpen),
		"allow entry pay: As far as this profile goes, tier api may connect to pods with app=gw of namespace pay on TCP/8443, but SegmentationProfile pay/pay does not admit it where it arrives; "+
			"add to allow of SegmentationProfile pay/pay: {name: from-shop-api, from: [{remoteTier: {namespace: shop, profile: shop, tier: api}}], to: [{tier: gateway}], ports: [{port: 8443}]}.")
}

func TestHalfOpenFlows(t *testing.T) {
	const metrics = `
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  dns: None
  tiers: [{name: api, podSelector: {matchLabels: {app: api, track: "1"}}, ports: [{port: 8080}]}]
  allow: [{name: metrics, from: [{pods: {namespaces: [mon], podSelector: {matchLabels: {app: prom}}}}], to: [{tier: api}]}]
`
	const deny = `
---
kind: NetworkPolicy
metadata: {name: egress, namespace: mon}
spec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}], ports: [{port: 9090}]}]}
`
	const pods = "shop/api app=api track=1 8080"
	for name, c := range map[string]struct {
		documents string
		pods      []string
		want      []string
	}{
		"open when nothing isolates the other end": {metrics, []string{pods, "mon/prom app=prom"}, nil},
		"the source's egress may be what is missing": {metrics + deny, []string{pods, "mon/prom app=prom"}, []string{
			`allow entry metrics: As far as this profile goes, Deployment mon/prom may connect to tier api on TCP/8080, but NetworkPolicy mon/egress does not admit it where it leaves; ` +
				`add to egress of NetworkPolicy mon/egress: {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, podSelector: {matchLabels: {app: api, track: "1"}}}], ports: [{port: 8080}]}.`}},
		"other pods do not matter":                          {metrics + deny, []string{pods, "mon/other app=other"}, []string{`allow entry metrics: As far as this profile goes, pods with app=prom of namespace mon may connect to tier api on TCP/8080, but NetworkPolicy mon/egress does not admit it where it leaves; add to egress of NetworkPolicy mon/egress: {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, podSelector: {matchLabels: {app: api, track: "1"}}}], ports: [{port: 8080}]}.`}},
		"a pod on the host network is not isolated":         {metrics + deny, []string{pods, "mon/prom app=prom host", "mon/prom app=prom host"}, []string{`allow entry metrics: As far as this profile goes, pods with app=prom of namespace mon may connect to tier api on TCP/8080, but NetworkPolicy mon/egress does not admit it where it leaves; add to egress of NetworkPolicy mon/egress: {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, podSelector: {matchLabels: {app: api, track: "1"}}}], ports: [{port: 8080}]}.`}},
		"a namespace that does not exist denies nothing":    {metrics, []string{pods}, nil},
		"the ports that are admitted are open at both ends": {metrics[:len(metrics)-len("}]\n")] + ", ports: [{port: 9090}]}]\n" + deny, []string{pods, "mon/prom app=prom"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			mustEqual(t, said(given(t, c.documents).running(c.pods...).judged("shop", "shop"), v1alpha1.CodeHalfOpen), c.want...)
		})
	}
}

func TestAClusterProfileNamesOneNamespaceAndCountsTheOthers(t *testing.T) {
	f := given(t, `
kind: ClusterSegmentationProfile
metadata: {name: base}
spec:
  namespaceSelector: {matchLabels: {team: m}}
  dns: None
  tiers: [{name: prom, podSelector: {matchLabels: {app: prom}}}]
  allow: [{name: scrape, from: [{tier: prom}], to: [{pods: {namespaceSelector: {matchExpressions: [{key: team, operator: In, values: [a, b]}]}}}], ports: [{port: 9090}]}]
---
kind: NetworkPolicy
metadata: {name: closed, namespace: a1}
spec: {podSelector: {}}
---
kind: NetworkPolicy
metadata: {name: closed, namespace: a2}
spec: {podSelector: {}}
---
kind: NetworkPolicy
metadata: {name: closed, namespace: b1}
spec: {podSelector: {matchLabels: {app: other}}}
`).running("mon/prom app=prom", "a2/web app=web", "a1/web app=web", "b1/web app=web", "c1/web app=web")
	mustEqual(t, said(f.judged("mon", "base"), v1alpha1.CodeHalfOpen),
		"allow entry scrape: As far as this profile goes, tier prom may connect to Deployment a1/web on TCP/9090, but NetworkPolicy a1/closed does not admit it where it arrives; "+
			"add to ingress of NetworkPolicy a1/closed: {from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: mon}}, podSelector: {matchLabels: {app: prom}}}], ports: [{port: 9090}]}. (And the like in 1 namespace more.)")
}

func TestWhereOnlyADefaultDenyClosesTheOtherEndATierIsMissing(t *testing.T) {
	f := given(t, shopCallsPayments[:strings.Index(shopCallsPayments, "  allow:")]+`  allow: [{name: pay, from: [{tier: api}], to: [{pods: {namespaces: [pay]}}], ports: [{port: 8443}]}]
---
kind: NetworkPolicy
metadata: {name: old, namespace: pay}
spec: {podSelector: {}}
`+payments).running("shop/api app=api 8080", "pay/other app=other 8443")
	mustEqual(t, said(f.judged("shop", "shop"), v1alpha1.CodeHalfOpen),
		"allow entry pay: As far as this profile goes, tier api may connect to Deployment pay/other on TCP/8443, but neither NetworkPolicy pay/old nor SegmentationProfile pay/pay admits it where it arrives; "+
			"no tier of SegmentationProfile pay/pay selects these pods: add one to it, or to another profile of that namespace, and to allow: "+
			"{name: from-shop-api, from: [{remoteTier: {namespace: shop, profile: shop, tier: api}}], to: [{tier: ...}], ports: [{port: 8443}]}.")
}
