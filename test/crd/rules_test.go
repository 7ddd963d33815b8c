package crd_test

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// rule is one thing that the API server refuses, beside its nearest neighbour that it accepts.
type rule struct {
	// refuses completes the sentence "the API server refuses ...".
	refuses string
	// accepted and refused are the YAML of a spec.
	accepted, refused string
	// message is what the refusal says; it names field and entry. Where it has " ... ", API servers of different
	// versions print the value or leave it out.
	message string
}

// tiers is a spec with two tiers, of which only web has ports.
const tiers = `tiers:
- {name: web, podSelector: {matchLabels: {tier: web}}, ports: [{port: 8080}]}
- {name: bare, podSelector: {matchLabels: {tier: bare}}}
`

// entry is a spec with those tiers and an allow entry "first" of which the rest is given.
func entry(rest string) string { return tiers + "allow: [{name: first, " + rest + "}]\n" }

// tierPorts is a spec whose only tier has these ports.
func tierPorts(ports string) string {
	return "tiers: [{name: web, podSelector: {}, ports: [" + ports + "]}]"
}

// tierSelector is a spec whose only tier has this podSelector.
func tierSelector(selector string) string {
	return "tiers: [{name: web, podSelector: " + selector + "}]"
}

// source is a spec in which an entry allows this peer as a source.
func source(peer string) string { return entry("from: [" + peer + "], to: [{tier: web}]") }

// destination is a spec in which an entry allows this peer as a destination, on one port.
func destination(peer string) string {
	return entry("from: [{tier: web}], to: [" + peer + "], ports: [{port: 443}]")
}

var _ = Describe("The API server", func() {
	for _, k := range bothKinds() {
		Context("asked for a "+k.name, func() {
			for _, r := range allRules() {
				It("refuses "+r.refuses, func(ctx context.Context) {
					Expect(tried(ctx, profile(k, "shop", r.accepted))).To(Succeed())

					err := tried(ctx, profile(k, "shop", r.refused))
					Expect(err).To(HaveOccurred())
					Expect(apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)).To(BeTrue(), err.Error())
					for part := range strings.SplitSeq(r.message, " ... ") {
						Expect(err.Error()).To(ContainSubstring(part))
					}
					Expect(err.Error()).NotTo(ContainSubstring("evaluating rule"), "a rule must not fail, it must answer")
				})
			}
		})
	}
})

func allRules() []rule {
	var rules []rule
	for _, some := range [][]rule{settingsRules(), tierRules(), portRules(), selectorRules(), entryRules(), peerRules(), addressRules()} {
		rules = append(rules, some...)
	}
	return rules
}

func settingsRules() []rule {
	return []rule{
		{"a spec that says nothing", "tiers: []", "", "spec.tiers: Required value"},
		{"an unknown mode", "tiers: []\nmode: Preview", "tiers: []\nmode: DryRun", `spec.mode: Unsupported value: "DryRun"`},
		{"an unknown isolation", "tiers: []\nisolation: Namespace", "tiers: []\nisolation: Pods", `spec.isolation: Unsupported value: "Pods"`},
		{"an unknown dns", "tiers: []\ndns: Any", "tiers: []\ndns: All", `spec.dns: Unsupported value: "All"`},
		{
			"an unknown deletionPolicy", "tiers: []\ndeletionPolicy: Retain", "tiers: []\ndeletionPolicy: Orphan",
			`spec.deletionPolicy: Unsupported value: "Orphan"`,
		},
		{"previewOf without mode Preview", "tiers: []\nmode: Preview\npreviewOf: live", "tiers: []\npreviewOf: live", "spec.previewOf: ... previewOf needs mode Preview"},
		{
			"a profile that previews itself", "tiers: []\nmode: Preview\npreviewOf: shop.live", "tiers: []\nmode: Preview\npreviewOf: shop",
			"spec.previewOf: ... previewOf names this profile itself",
		},
		{
			"a previewOf that cannot be a name", "tiers: []\nmode: Preview\npreviewOf: a.b", "tiers: []\nmode: Preview\npreviewOf: a..b",
			"spec.previewOf in body should match",
		},
		{
			"isolation of tiers where there are none", "tiers: [{name: web, podSelector: {}}]\nisolation: Tiers", "tiers: []\nisolation: Tiers",
			"spec.tiers: ... isolation Tiers needs at least one tier",
		},
		{"a field it does not know", "tiers: []", "tiers: []\negress: []", `unknown field "spec.egress"`},
	}
}

func tierRules() []rule {
	named := func(name string) string { return "tiers: [{name: " + name + ", podSelector: {}}]" }
	return []rule{
		{"a tier named default-deny", named("default-deny-2"), named("default-deny"), `spec.tiers[0].name: ... "default-deny" is reserved`},
		{"a tier whose name is not a DNS label", named("web-2"), named("Web"), "spec.tiers[0].name in body should match"},
		{"a tier whose name is too long", named(strings.Repeat("a", 63)), named(strings.Repeat("a", 64)), "spec.tiers[0].name: Too long"},
		{"a tier without a podSelector", named("web"), "tiers: [{name: web}]", "spec.tiers[0].podSelector: Required value"},
		{"two tiers of one name", tiers, tiers + "- {name: web, podSelector: {}}\n", `spec.tiers[2]: Duplicate value: {"name":"web"}`},
		{"a field of a tier it does not know", named("web"), "tiers: [{name: web, podSelector: {}, egress: []}]", `unknown field "spec.tiers[0].egress"`},
		{"an unknown dns of a tier", "tiers: [{name: web, podSelector: {}, dns: None}]", "tiers: [{name: web, podSelector: {}, dns: All}]", `spec.tiers[0].dns: Unsupported value: "All"`},
		{
			"a description that is too long", "tiers: [{name: web, podSelector: {}, description: " + strings.Repeat("ä", 256) + "}]",
			"tiers: [{name: web, podSelector: {}, description: " + strings.Repeat("ä", 257) + "}]", "spec.tiers[0].description: Too long",
		},
	}
}

func portRules() []rule {
	const grammar = "is neither a number from 1 to 65535 nor the name of a container port"
	return []rule{
		{"port 0", tierPorts("{port: 1}"), tierPorts("{port: 0}"), "spec.tiers[0].ports[0].port: ... port 0 " + grammar},
		{"a port beyond 65535", tierPorts("{port: 65535}"), tierPorts("{port: 65536}"), "port 65536 " + grammar},
		{"a port name in capitals", tierPorts("{port: http}"), tierPorts("{port: HTTP}"), `spec.tiers[0].ports[0].port: ... port HTTP ` + grammar},
		{"a port name without a letter", tierPorts("{port: 80-a}"), tierPorts("{port: '8080'}"), "port 8080 " + grammar},
		{"a port name with two hyphens in a row", tierPorts("{port: a-1-b}"), tierPorts("{port: a--b}"), "port a--b " + grammar},
		{"a port name that begins with a hyphen", tierPorts("{port: 1-1a}"), tierPorts("{port: '-1a'}"), "port -1a " + grammar},
		{"a port name that ends with a hyphen", tierPorts("{port: a1}"), tierPorts("{port: a1-}"), "port a1- " + grammar},
		{"an empty port name", tierPorts("{port: a}"), tierPorts("{port: ''}"), "spec.tiers[0].ports[0].port"},
		{
			"a port name of more than 15 characters", tierPorts("{port: abcdefghijklmno}"), tierPorts("{port: abcdefghijklmnop}"),
			"spec.tiers[0].ports[0].port: Too long",
		},
		{"an endPort below port", tierPorts("{port: 80, endPort: 80}"), tierPorts("{port: 80, endPort: 79}"), "spec.tiers[0].ports[0].endPort: ... endPort must not be less than port"},
		{"an endPort with a named port", tierPorts("{port: http}"), tierPorts("{port: http, endPort: 90}"), "spec.tiers[0].ports[0].endPort: ... endPort needs a numeric port"},
		{"an endPort beyond 65535", tierPorts("{port: 1, endPort: 65535}"), tierPorts("{port: 1, endPort: 65536}"), "spec.tiers[0].ports[0].endPort: Invalid value: 65536"},
		{"an unknown protocol", tierPorts("{port: 1, protocol: SCTP}"), tierPorts("{port: 1, protocol: ICMP}"), `spec.tiers[0].ports[0].protocol: Unsupported value: "ICMP"`},
		{"ports without any", tierPorts("{port: 1}"), tierPorts(""), "spec.tiers[0].ports: ... spec.tiers[0].ports in body should have at least 1 items"},
		{"a port name in capitals in an entry", entry("from: [{tier: web}], to: [{tier: bare}], ports: [{port: pg}]"), entry("from: [{tier: web}], to: [{tier: bare}], ports: [{port: PG}]"), "spec.allow[0].ports[0].port: ... port PG " + grammar},
	}
}

func selectorRules() []rule {
	expression := func(text string) string { return tierSelector("{matchExpressions: [{" + text + "}]}") }
	label := func(key string) string { return tierSelector("{matchLabels: {" + key + ": x}}") }
	return []rule{
		{"a label key with a space", label("app"), label("'a b'"), `spec.tiers[0].podSelector.matchLabels: ... "a b" is not a label key`},
		{"a label key with two slashes", label("a.b/c"), label("a/b/c"), `"a/b/c" is not a label key`},
		{"a label key in capitals before the slash", label("example.com/App"), label("Example.com/app"), `"Example.com/app" is not a label key`},
		{"a label key whose name is too long", label("a/" + strings.Repeat("n", 63)), label("a/" + strings.Repeat("n", 64)), "is not a label key"},
		{"a label key whose prefix is too long", label(strings.Repeat("p", 253) + "/n"), label(strings.Repeat("p", 254) + "/n"), "is not a label key"},
		{"an empty label key", label("a"), label("''"), `"" is not a label key`},
		{"a label value with a space", tierSelector("{matchLabels: {a: ''}}"), tierSelector("{matchLabels: {a: 'b c'}}"), "spec.tiers[0].podSelector.matchLabels.a in body should match"},
		{"a key with a space in an expression", expression("key: a.b/c, operator: Exists"), expression("key: a b, operator: Exists"), `spec.tiers[0].podSelector.matchExpressions: ... "a b" is not a label key`},
		{
			"a key with too long a prefix in an expression", expression("key: " + strings.Repeat("p", 253) + "/n, operator: Exists"),
			expression("key: " + strings.Repeat("p", 254) + "/n, operator: Exists"), "is not a label key",
		},
		{"an unknown operator", expression("key: a, operator: NotIn, values: [b]"), expression("key: a, operator: Gt, values: ['1']"), `spec.tiers[0].podSelector.matchExpressions[0].operator: Unsupported value: "Gt"`},
		{"In without values", expression("key: a, operator: In, values: [b]"), expression("key: a, operator: In, values: []"), "spec.tiers[0].podSelector.matchExpressions[0].values: ... In needs values"},
		{"NotIn without values", expression("key: a, operator: NotIn, values: ['']"), expression("key: a, operator: NotIn"), "matchExpressions[0].values: ... NotIn needs values"},
		{"Exists with values", expression("key: a, operator: Exists, values: []"), expression("key: a, operator: Exists, values: [b]"), "Exists takes no values"},
		{"DoesNotExist with values", expression("key: a, operator: DoesNotExist"), expression("key: a, operator: DoesNotExist, values: [b]"), "DoesNotExist takes no values"},
		{"a value with a space in an expression", expression("key: a, operator: In, values: [b_c.d]"), expression("key: a, operator: In, values: [b c]"), "matchExpressions[0].values[0] in body should match"},
		{
			"a bad selector of namespaces", source("{pods: {namespaceSelector: {matchLabels: {a: b}}}}"), source("{pods: {namespaceSelector: {matchLabels: {a b: c}}}}"),
			`spec.allow[0].from[0].pods.namespaceSelector.matchLabels: ... "a b" is not a label key`,
		},
		{
			"a bad selector of nodes", source("{nodes: {nodeSelector: {matchLabels: {a: b}}}}"), source("{nodes: {nodeSelector: {matchLabels: {a b: c}}}}"),
			`spec.allow[0].from[0].nodes.nodeSelector.matchLabels: ... "a b" is not a label key`,
		},
	}
}
