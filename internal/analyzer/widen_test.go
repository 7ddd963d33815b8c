package analyzer

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// neighbours is namespace production with profiles, policies of others, and pods.
type neighbours struct {
	t        *testing.T
	profiles []snapshot.Profile
	in       WidenInput
}

// inProduction reads profiles and NetworkPolicies, divided by ---. Profiles are compiled when they are asked about.
func inProduction(t *testing.T, documents ...string) *neighbours {
	t.Helper()
	n := &neighbours{t: t, in: WidenInput{Namespace: snapshot.Namespace{Name: "production"}}}
	for text := range strings.SplitSeq(strings.Join(documents, "\n---\n"), "\n---\n") {
		if strings.Contains(text, "kind: NetworkPolicy") {
			p := &networkingv1.NetworkPolicy{}
			n.read(text, p)
			n.in.Live = append(n.in.Live, p)
			continue
		}
		p := &v1alpha1.SegmentationProfile{}
		n.read(text, p)
		p.Namespace = "production"
		n.profiles = append(n.profiles, snapshot.FromSegmentationProfile(p))
	}
	return n
}

func (n *neighbours) read(text string, into any) {
	n.t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		n.t.Fatalf("%v in\n%s", err, text)
	}
}

// pod adds a pod with an address, and with TCP ports by name.
func (n *neighbours) pod(labels map[string]string, address string, ports map[string]int32) *neighbours {
	p := snapshot.Pod{Namespace: "production", Labels: labels, Addresses: []netip.Addr{netip.MustParseAddr(address)}}
	for name, port := range ports {
		p.Ports = append(p.Ports, snapshot.ContainerPort{Name: name, Protocol: "TCP", Port: port})
	}
	n.in.Pods = append(n.in.Pods, p)
	return n
}

func (n *neighbours) compiled() WidenInput {
	n.in.Outputs = compiler.Compile(snapshot.Snapshot{Namespace: n.in.Namespace, Profiles: n.profiles})
	return n.in
}

// live writes the policies of the first profile as they are, and lets somebody else change each.
func (n *neighbours) live(change func(*networkingv1.NetworkPolicy)) *neighbours {
	for _, p := range n.compiled().Outputs[0].Policies {
		policy := p.DeepCopy()
		change(policy)
		n.in.Live = append(n.in.Live, policy)
	}
	return n
}

// said returns what is said about profile shop: each finding, and why something is undecided.
func (n *neighbours) said() []string {
	n.t.Helper()
	list, err := Widened(n.compiled())
	if err != nil {
		n.t.Fatal(err)
	}
	var out []string
	findings, undecided := WidenedFindings("production", list)
	key := snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "production", Name: "shop"}
	for _, f := range findings[key] {
		if f.Code != v1alpha1.CodeForeignPolicyWidens || f.Severity != v1alpha1.SeverityError || f.Namespace != "production" {
			n.t.Errorf("%+v", f)
		}
		out = append(out, f.Place+": "+f.Message)
	}
	if undecided[key] != "" {
		out = append(out, "undecided: "+undecided[key])
	}
	return out
}

const shop = `
metadata: {name: shop}
spec:
  isolation: Tiers
  dns: None
  tiers:
  - {name: api, podSelector: {matchLabels: {tier: api}}, ports: [{port: 8080}]}
  allow:
  - {name: web, from: [{pods: {namespaces: [web]}}], to: [{tier: api}]}
  - {name: cards, from: [{tier: api}], to: [{ipBlocks: {cidrs: [198.51.100.0/24]}}], ports: [{port: 443}]}
`

func foreign(spec string) string {
	return "kind: NetworkPolicy\nmetadata: {name: x, namespace: production}\nspec: " + strings.TrimSpace(spec)
}

const whatToDo = ", which no profile declares; delete the policy, narrow its rules, or declare the connection under allow."

func TestWhatAPolicyAddsIsSaidInWords(t *testing.T) {
	for name, c := range map[string]struct {
		spec string
		want []string
	}{
		"everybody": {`{podSelector: {}, ingress: [{}], egress: [{ports: [{port: 53}, {port: 53, protocol: UDP}]}]}`, []string{
			"could let tier api connect to anybody inside the cluster and outside on TCP/53, UDP/53",
			"could let anybody inside the cluster and outside reach tier api on every port"}},
		"every pod of every namespace": {`{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 8080}]}]}`, []string{
			"could let any pod of any namespace reach tier api on TCP/8080"}},
		"what is declared":                   {`{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: web}}}], ports: [{port: 8080}]}]}`, nil},
		"a part of what is declared":         {`{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {a: b}}, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: web, c: d}}}], ports: [{port: 8080}]}]}`, nil},
		"declared peers on other ports":      {`{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: web}}}], ports: [{port: 8079, endPort: 8081}]}]}`, []string{"could let any pod of namespace web reach tier api on TCP/8079, TCP/8081"}},
		"declared addresses":                 {`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 198.51.100.128/25}}], ports: [{port: 443}]}]}`, nil},
		"an address more":                    {`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 198.51.100.0/23, except: [198.51.101.0/25]}}], ports: [{port: 443}]}]}`, []string{"could let tier api connect to 198.51.100.0/23 except 198.51.101.0/25 on TCP/443"}},
		"rules of a type that is not listed": {`{podSelector: {}, policyTypes: [Egress], ingress: [{}]}`, nil},
		"pods that no tier can select":       {`{podSelector: {matchLabels: {tier: db}}, ingress: [{}]}`, nil},
		"several rules": {`{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: a}}}, {podSelector: {}}], ports: [{port: 1}]}, {from: [{namespaceSelector: {matchLabels: {name: b}}}], ports: [{port: 2}]}, {from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: 3}]}, {from: [{ipBlock: {cidr: 10.0.0.0/8}}], ports: [{port: metrics}]}]}`, []string{
			"could let 10.0.0.0/8 reach tier api on TCP/3, TCP/metrics, and pods with app=a of this namespace or any pod of this namespace on TCP/1, and 1 more"}},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			for _, w := range c.want {
				want = append(want, "tier api: NetworkPolicy x in production "+w+", as soon as a pod runs that both select"+whatToDo)
			}
			if got := inProduction(t, shop, foreign(c.spec)).said(); !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func mustSay(t *testing.T, got []string, want ...string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d: %s", len(got), strings.Join(got, "\n"))
	}
	for i := range want {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("got %s\nwant %s", got[i], want[i])
		}
	}
}

func TestAPodThatRunsMakesItTrueToday(t *testing.T) {
	api := map[string]string{"tier": "api"}
	n := inProduction(t, shop, foreign(`{podSelector: {}, ingress: [{ports: [{port: 8080}]}]}`)).pod(api, "10.0.0.1", nil)
	mustSay(t, n.said(), "x in production lets anybody inside the cluster and outside reach tier api on TCP/8080, which no profile declares")
	n.in.Pods[0].HostNetwork = true
	mustSay(t, n.said(), "could let")
	n.in.Pods[0].HostNetwork, n.in.Pods[0].Labels = false, map[string]string{"tier": "other"}
	mustSay(t, n.said(), "could let")
}

func TestPodsInNoTierAreIsolatedToo(t *testing.T) {
	profile := strings.Replace(shop, "isolation: Tiers", "isolation: Namespace", 1)
	got := inProduction(t, profile, foreign(`{podSelector: {matchLabels: {app: legacy}}, ingress: [{from: [{podSelector: {}}]}]}`)).
		pod(map[string]string{"app": "legacy"}, "10.0.0.1", nil).said()
	mustSay(t, got, "could let any pod of this namespace reach tier api on every port",
		"isolation: NetworkPolicy x in production lets any pod of this namespace reach pods that no tier selects on every port")
}

func TestPodsOfATierAreNotAmongThoseInNone(t *testing.T) {
	profile := strings.Replace(shop, "isolation: Tiers", "isolation: Namespace", 1)
	mustSay(t, inProduction(t, profile, foreign(`{podSelector: {matchLabels: {tier: api}}, ingress: [{from: [{podSelector: {}}]}]}`)).said(), "reach tier api")
}

func TestANameIsTakenForTheNumbersThatKnownPodsGiveIt(t *testing.T) {
	policy := foreign(`{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: web}}}], ports: [{port: http}]}]}`)
	api := map[string]string{"tier": "api"}
	mustSay(t, inProduction(t, shop, policy).pod(api, "10.0.0.1", map[string]int32{"http": 8080}).said())
	mustSay(t, inProduction(t, shop, policy).pod(api, "10.0.0.1", map[string]int32{"http": 8081}).said(), "lets any pod of namespace web reach tier api on TCP/http")
	mustSay(t, inProduction(t, shop, policy).said(), "could let any pod of namespace web reach tier api on TCP/http, as soon as a pod runs that both select")
	mustSay(t, inProduction(t, shop, policy).pod(api, "10.0.0.1", nil).said(), "could let any pod of namespace web reach tier api on TCP/http, if not for the pods of today")
	byName := strings.Replace(shop, "{port: 8080}", "{port: http}", 1)
	mustSay(t, inProduction(t, byName, policy).said())
	mustSay(t, inProduction(t, byName, policy).pod(api, "10.0.0.1", map[string]int32{"http": 8080}).pod(api, "10.0.0.2", map[string]int32{"http": 8081}).said())
	number := strings.Replace(policy, "port: http", "port: 8080", 1)
	mustSay(t, inProduction(t, byName, number).said(), "on TCP/8080")
	mustSay(t, inProduction(t, byName, number).pod(api, "10.0.0.1", map[string]int32{"http": 8080}).said())
}

func TestWhetherAddressesOfPodsMeanPodsIsUndecided(t *testing.T) {
	policy := foreign(`{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.2/31}}], ports: [{port: 8080}]}]}`)
	n := inProduction(t, shop, policy).pod(nil, "10.0.0.2", nil)
	mustSay(t, n.said(), "could let 10.0.0.2/31 reach")
	mustSay(t, n.pod(nil, "10.0.0.3", nil).said(), "undecided: NetworkPolicy x names 10.0.0.2/31, where only pods are")
	// A pod on the host network has the address of its node.
	n.in.Pods[1].HostNetwork = true
	mustSay(t, n.said(), "could let 10.0.0.2/31 reach")
}

func TestSelectorsThatAreTooManyToCompareAreUndecided(t *testing.T) {
	var policies []string
	var ingress, domains []string
	for i := range 12 {
		domains = append(domains, fmt.Sprintf("{key: k%d, operator: In, values: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10']}", i))
		for j := range i {
			for hole := range 11 {
				ingress = append(ingress, fmt.Sprintf("{podSelector: {matchLabels: {k%d: '%d', k%d: '%d'}}}", i, hole, j, hole))
			}
		}
	}
	declared := fmt.Sprintf("kind: NetworkPolicy\nmetadata: {name: declared, namespace: production}\nspec: {podSelector: {}, ingress: [{from: [%s]}]}", strings.Join(ingress, ", "))
	policies = append(policies, shop, foreign(fmt.Sprintf(`{podSelector: {}, ingress: [{from: [{podSelector: {matchExpressions: [%s]}}]}]}`, strings.Join(domains, ", "))), declared)
	n := inProduction(t, policies...)
	frozen := n.in.Live[1]
	frozen.Annotations = map[string]string{v1alpha1.AnnotationSpecHash: networkpolicy.Hash(frozen.Spec)}
	*frozen = ownedBy("gone", *frozen)
	mustSay(t, n.said(), "undecided: the label selectors of NetworkPolicy x and of the profiles are too many to be compared")
}

func TestAPolicyThatCannotBeReadIsAnError(t *testing.T) {
	n := inProduction(t, shop, foreign(`{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: nonsense}}]}]}`))
	if _, err := Widened(n.compiled()); err == nil || !strings.Contains(err.Error(), "NetworkPolicy x") {
		t.Errorf("got %v", err)
	}
}

func open(p *networkingv1.NetworkPolicy) {
	p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{}}
}

func asIs(*networkingv1.NetworkPolicy) {}

// other is a profile whose tier may be that of shop, too.
const other = `
metadata: {name: other}
spec:
  isolation: Tiers
  dns: None
  tiers: [{name: blue, podSelector: {matchLabels: {colour: blue}}}]
  allow: [{name: all, from: [{anywhere: {}}], to: [{tier: blue}], ports: [{port: 1}]}]
`

func TestOtherProfilesPoliciesAreForeignOnlyWhenSomebodyChangedThem(t *testing.T) {
	for name, c := range map[string]struct {
		disposition compiler.Disposition
		change      func(*networkingv1.NetworkPolicy)
		want        []string
	}{
		"enforced":             {compiler.Enforce, asIs, nil},
		"enforced and drifted": {compiler.Enforce, open, nil},
		"going":                {compiler.Remove, open, nil},
		"frozen":               {compiler.Freeze, asIs, nil},
		"frozen and changed":   {compiler.Freeze, open, []string{", which Firebreak wrote and somebody changed by hand, could let anybody inside the cluster and outside reach tier api on every port"}},
		"left and changed":     {compiler.Release, open, []string{"changed by hand"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := inProduction(t, other, shop).live(c.change)
			in := n.compiled()
			if in.Outputs[0].Disposition = c.disposition; c.disposition != compiler.Enforce {
				in.Outputs[0].Policies, in.Outputs[0].Selected = nil, false
			}
			list, err := Widened(in)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range list {
				got = append(got, w.message("production"))
			}
			mustSay(t, got, c.want...)
		})
	}
}

func TestAPreviewIsJudgedAsItWouldBe(t *testing.T) {
	preview := strings.NewReplacer("name: shop", "name: next", "spec:", "spec:\n  mode: Preview\n  previewOf: shop", "198.51.100.0/24", "192.0.2.0/24").Replace(shop)
	policy := foreign(`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 198.51.100.0/24}}], ports: [{port: 443}]}, {to: [{ipBlock: {cidr: 192.0.2.0/24}}], ports: [{port: 443}]}]}`)
	n := inProduction(t, shop, preview, policy).live(asIs)
	list, err := Widened(n.compiled())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range list {
		got = append(got, w.Profile.Name+" "+w.connections())
	}
	// What the preview declares is not declared yet, and what it replaces is not declared then.
	mustSay(t, got, "next tier api connect to 198.51.100.0/24 on TCP/443", "shop tier api connect to 192.0.2.0/24 on TCP/443")
	if len(got) == 2 && (strings.Contains(got[0], "192.0.2.0") || strings.Contains(got[1], "198.51.100.0")) {
		t.Errorf("got %q", got)
	}
}

func TestWhatAPreviewReplacesIsNoLongerDeclaredAlsoWhenItIsFrozen(t *testing.T) {
	preview := strings.NewReplacer("name: shop", "name: next", "spec:", "spec:\n  mode: Preview\n  previewOf: shop", "198.51.100.0/24", "192.0.2.0/24").Replace(shop)
	policy := foreign(`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 198.51.100.0/24}}], ports: [{port: 443}]}]}`)
	in := inProduction(t, shop, preview, policy).live(asIs).compiled()
	in.Outputs[0].Disposition, in.Outputs[0].Policies, in.Outputs[0].Selected = compiler.Freeze, nil, false
	list, err := Widened(in)
	if err != nil || len(list) != 1 || list[0].Policy != "x" {
		t.Errorf("got %+v, %v", list, err)
	}
}

func TestProfilesOfANamespaceAddUp(t *testing.T) {
	n := inProduction(t, other, shop).pod(map[string]string{"tier": "api", "colour": "blue"}, "10.0.0.1", nil)
	got, err := WidenedByProfiles(n.compiled())
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, o := range n.in.Outputs {
		for _, f := range got[o.Profile.Key] {
			said = append(said, fmt.Sprintf("%s: %s %s %s: %s", o.Profile.Key.Name, f.Severity, f.Code, f.Place, f.Message))
		}
	}
	mustSay(t, said,
		"other: Info WidenedByProfile SegmentationProfile production/shop: SegmentationProfile production/shop allows more than this profile does for pods of tier blue: profiles of a namespace add up.",
		"shop: Info WidenedByProfile SegmentationProfile production/other: SegmentationProfile production/other allows more than this profile does for pods of tier api: profiles of a namespace add up.")
	n.in.Pods = nil
	if got, err = WidenedByProfiles(n.compiled()); err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	for _, list := range got {
		if !strings.Contains(list[0].Message, "No pod runs now of which that is true") {
			t.Errorf("got %+v", list)
		}
	}
	same := strings.Replace(shop, "name: shop", "name: twin", 1)
	if got, err = WidenedByProfiles(inProduction(t, shop, same).compiled()); err != nil || len(got) != 0 {
		t.Errorf("equal profiles add nothing to each other: %v, %v", got, err)
	}
}

func TestABaselineIsToldOfTheProfilesThatOpenWhatItCloses(t *testing.T) {
	f := given(t, `
kind: ClusterSegmentationProfile
metadata: {name: baseline}
spec: {namespaceSelector: {}, tiers: []}
---
kind: SegmentationProfile
metadata: {name: shop, namespace: shop}
spec:
  dns: None
  tiers: [{name: api, podSelector: {matchLabels: {app: api}}, ports: [{port: 80}]}]
  allow: [{name: in, from: [{pods: {namespaces: [mon]}}], to: [{tier: api}]}]
`).running("shop/api app=api").also("quiet")
	const want = "SegmentationProfile shop/shop: SegmentationProfile shop/shop allows more than this profile does for pods that no tier of this profile selects: " +
		"profiles of a namespace add up. If that is not meant, narrow it, or make the selectors of tiers exclude each other."
	mustEqual(t, said(f.judged("shop", "baseline"), v1alpha1.CodeWidenedByProfile), want)
	mustEqual(t, said(f.judged("shop", "shop"), v1alpha1.CodeWidenedByProfile))
	mustEqual(t, said(f.judged("quiet", "baseline"), v1alpha1.CodeWidenedByProfile))
}
