package analyzer

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/internal/snapshot"
)

// bench is a namespace with many tiers and Deployments.
type bench struct {
	tiers, entries, deployments int
	mode                        string
	// foreign are policies of others.
	foreign []string
	// elsewhere is a number of other namespaces, with pods in each.
	elsewhere, podsElsewhere int
	allow                    string
}

func (b bench) build(t testing.TB) (*fixture, *Place, []*Place) {
	var doc strings.Builder
	fmt.Fprintf(&doc, "kind: SegmentationProfile\nmetadata: {name: shop, namespace: shop}\nspec:\n  mode: %s\n  tiers:\n", b.mode)
	for i := range b.tiers {
		fmt.Fprintf(&doc, "  - {name: t%d, podSelector: {matchLabels: {app: a%d}}, ports: [{port: 8080}, {port: 9090}]}\n", i, i)
	}
	doc.WriteString("  allow:\n")
	for i := range b.entries {
		fmt.Fprintf(&doc, "  - {name: e%d, from: [{tier: t%d}], to: [{tier: t%d}]}\n", i, i%b.tiers, (i*7+3)%b.tiers)
	}
	doc.WriteString(b.allow)
	for _, f := range b.foreign {
		doc.WriteString("---\n" + f)
	}
	f := given(t, doc.String())
	for i := range b.deployments {
		f.pods = append(f.pods, benchPod("shop", fmt.Sprintf("a%d", i%(b.tiers+b.tiers/5+1)), i))
	}
	here := f.place("shop")
	var others []*Place
	for n := range b.elsewhere {
		name := fmt.Sprintf("ns%d", n)
		var pods []snapshot.Pod
		for i := range b.podsElsewhere {
			pods = append(pods, benchPod(name, fmt.Sprintf("b%d", i), n*100+i))
		}
		p, err := NewPlace(f.namespace(name), nil, pods)
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, p)
	}
	return f, here, others
}

func benchPod(namespace, app string, i int) snapshot.Pod {
	return snapshot.Pod{
		Namespace: namespace, Count: 3, Labels: map[string]string{"app": app, "pod-template-hash": fmt.Sprint(i), "app.kubernetes.io/instance": "x"},
		Ports:     []snapshot.ContainerPort{{Name: "web", Protocol: corev1.ProtocolTCP, Port: 8080}},
		Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})},
		Workload:  snapshot.Workload{Kind: "Deployment", Name: fmt.Sprint(app, "-", i)},
	}
}

func policyDoc(name, spec string) string {
	return fmt.Sprintf("kind: NetworkPolicy\nmetadata: {name: %s, namespace: shop}\nspec: %s\n", name, spec)
}

func repeat(n int, format string) string {
	var parts []string
	for i := range n {
		parts = append(parts, strings.ReplaceAll(format, "#", fmt.Sprint(i)))
	}
	return strings.Join(parts, ", ")
}

// adversaries are policies that cost as much as somebody could wish.
func adversaries() map[string]bench {
	large := bench{tiers: 60, entries: 128, deployments: 300, mode: "Enforce"}
	peers := repeat(500, "{podSelector: {matchLabels: {app: x#}}}")
	expressions := repeat(100, "{key: k#, operator: NotIn, values: ["+repeat(50, "v#")+"]}")
	out := map[string]bench{}
	for name, spec := range map[string]string{
		"peers":       "{podSelector: {}, ingress: [{from: [" + peers + "]}]}",
		"ports":       "{podSelector: {}, ingress: [{from: [" + peers + "], ports: [" + repeat(500, "{port: 1#}") + "]}]}",
		"names":       "{podSelector: {}, ingress: [{from: [" + peers + "], ports: [" + repeat(500, "{port: n#}") + "]}]}",
		"blocks":      "{podSelector: {}, egress: [{to: [" + repeat(250, "{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.#.0/24]}}") + "]}]}",
		"expressions": "{podSelector: {matchExpressions: [" + expressions + "]}, ingress: [{from: [{podSelector: {matchExpressions: [" + expressions + "]}}]}]}",
	} {
		with := large
		for i := range 20 {
			with.foreign = append(with.foreign, policyDoc(fmt.Sprint("p", i), spec))
		}
		out["adversary/"+name] = with
		with.foreign = with.foreign[:1]
		out["large/"+name] = with
	}
	return out
}

func BenchmarkAnalyze(b *testing.B) {
	const toEverybody = "  - {name: all, from: [{pods: {namespaceSelector: {}}}], to: [{tier: t1}]}\n"
	allowAll := []string{policyDoc("allow-all", "{podSelector: {}, ingress: [{}], egress: [{}]}")}
	cases := adversaries()
	maps.Copy(cases, map[string]bench{
		"small":                    {tiers: 3, entries: 5, deployments: 6, mode: "Enforce"},
		"small/allow-all":          {tiers: 3, entries: 5, deployments: 6, mode: "Enforce", foreign: allowAll},
		"large":                    {tiers: 60, entries: 128, deployments: 300, mode: "Enforce"},
		"large/allow-all":          {tiers: 60, entries: 128, deployments: 300, mode: "Enforce", foreign: allowAll},
		"preview/deployments":      {tiers: 60, entries: 128, deployments: 300, mode: "Preview"},
		"preview/namespaces":       {tiers: 10, entries: 20, deployments: 30, mode: "Preview", elsewhere: 5000, podsElsewhere: 10},
		"preview/namespaces/named": {tiers: 10, entries: 20, deployments: 30, mode: "Preview", elsewhere: 5000, podsElsewhere: 10, allow: toEverybody},
		"half-open/namespaces":     {tiers: 10, entries: 20, deployments: 30, mode: "Enforce", elsewhere: 5000, podsElsewhere: 10, allow: toEverybody},
	})
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		b.Run(name, func(b *testing.B) {
			f, here, others := cases[name].build(b)
			outputs := f.outputs("shop")
			b.ReportAllocs()
			for b.Loop() {
				if out, err := Analyze(outputs, here, others); err != nil || len(out) != 1 {
					b.Fatal(out, err)
				}
			}
		})
	}
}
