package validation_test

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// rule is something that is refused, beside its nearest neighbour that is accepted.
type rule struct {
	accepted, refused string
	// message is what the refusal says, with field and entry.
	message string
}

const tiers = `tiers:
- {name: web, podSelector: {matchLabels: {tier: web}}, ports: [{port: 8080}]}
- {name: bare, podSelector: {matchLabels: {tier: bare}}}
`

// entry is a spec with those tiers and an allow entry "first" of which the rest is given.
func entry(rest string) string { return tiers + "allow: [{name: first, " + rest + "}]\n" }

func source(peer string) string { return entry("from: [" + peer + "], to: [{tier: web}]") }

func destination(peer string) string {
	return entry("from: [{tier: web}], to: [" + peer + "], ports: [{port: 443}]")
}

func tierPorts(ports string) string {
	return "tiers: [{name: web, podSelector: {}, ports: [" + ports + "]}]"
}

func tierSelector(selector string) string {
	return "tiers: [{name: web, podSelector: " + selector + "}]"
}

// times repeats a text, in which %d is the number, separated by commas.
func times(n int, text string) string {
	var parts []string
	for i := range n {
		parts = append(parts, strings.ReplaceAll(text, "%d", fmt.Sprint(i)))
	}
	return strings.Join(parts, ", ")
}

func settingsRules() map[string]rule {
	return map[string]rule{
		"another mode":                     {"mode: Preview\n" + tiers, "mode: Dream\n" + tiers, `spec.mode: Unsupported value: "Dream"`},
		"another isolation":                {"isolation: Tiers\n" + tiers, "isolation: Pods\n" + tiers, `spec.isolation: Unsupported value: "Pods"`},
		"another dns":                      {"dns: Any\n" + tiers, "dns: Some\n" + tiers, `spec.dns: Unsupported value: "Some"`},
		"another deletionPolicy":           {"deletionPolicy: Retain\n" + tiers, "deletionPolicy: Keep\n" + tiers, `spec.deletionPolicy: Unsupported value: "Keep"`},
		"previewOf without Preview":        {"mode: Preview\npreviewOf: other\n" + tiers, "previewOf: other\n" + tiers, "spec.previewOf: Forbidden: needs mode Preview"},
		"a preview of itself":              {"mode: Preview\npreviewOf: other\n" + tiers, "mode: Preview\npreviewOf: shop\n" + tiers, "spec.previewOf: Invalid value: \"shop\": a profile cannot be the preview of itself"},
		"previewOf that can be no name":    {"mode: Preview\npreviewOf: a.b\n" + tiers, "mode: Preview\npreviewOf: A\n" + tiers, `spec.previewOf: Invalid value: "A"`},
		"isolation of no tiers":            {"isolation: Tiers\n" + tiers, "isolation: Tiers\ntiers: []", "spec.tiers: Required value: isolation Tiers needs at least one tier"},
		"65 tiers":                         {"tiers: [" + times(64, "{name: t%d, podSelector: {}}") + "]", "tiers: [" + times(65, "{name: t%d, podSelector: {}}") + "]", "spec.tiers: Too many: 65: must have at most 64 items"},
		"two tiers of one name":            {tiers, tiers + "- {name: web, podSelector: {}}", `spec.tiers[2].name: Duplicate value: "web"`},
		"a tier without name":              {tiers, "tiers: [{podSelector: {}}]", "spec.tiers[0].name: Required value"},
		"a tier's name that is no label":   {tiers, "tiers: [{name: We.b, podSelector: {}}]", `spec.tiers[0].name: Invalid value: "We.b"`},
		"a tier's name of 64 characters":   {"tiers: [{name: " + strings.Repeat("a", 63) + ", podSelector: {}}]", "tiers: [{name: " + strings.Repeat("a", 64) + ", podSelector: {}}]", "spec.tiers[0].name: Invalid value"},
		"the reserved name":                {"tiers: [{name: default, podSelector: {}}]", "tiers: [{name: default-deny, podSelector: {}}]", `spec.tiers[0].name: Invalid value: "default-deny": is reserved`},
		"a tier without podSelector":       {tierSelector("{}"), "tiers: [{name: web}]", "spec.tiers[0].podSelector: Required value: use {} to choose all"},
		"another dns of a tier":            {"tiers: [{name: web, podSelector: {}, dns: None}]", "tiers: [{name: web, podSelector: {}, dns: some}]", `spec.tiers[0].dns: Unsupported value: "some"`},
		"a description of 257 characters":  {"tiers: [{name: web, podSelector: {}, description: " + strings.Repeat("ü", 256) + "}]", "tiers: [{name: web, podSelector: {}, description: " + strings.Repeat("ü", 257) + "}]", "spec.tiers[0].description: Too long"},
		"129 entries":                      {tiers + "allow: [" + times(128, "{name: e%d, from: [{tier: web}], to: [{tier: web}]}") + "]", tiers + "allow: [" + times(129, "{name: e%d, from: [{tier: web}], to: [{tier: web}]}") + "]", "spec.allow: Too many: 129: must have at most 128 items"},
		"two entries of one name":          {tiers + "allow: [{name: a, from: [{tier: web}], to: [{tier: web}]}]", tiers + "allow: [{name: a, from: [{tier: web}], to: [{tier: web}]}, {name: a, from: [{tier: web}], to: [{tier: web}]}]", `spec.allow[a].name: Duplicate value: "a"`},
		"an entry without name":            {source("{tier: web}"), tiers + "allow: [{from: [{tier: web}], to: [{tier: web}]}]", "spec.allow[0].name: Required value"},
		"an entry's name that is no label": {source("{tier: web}"), tiers + "allow: [{name: A, from: [{tier: web}], to: [{tier: web}]}]", `spec.allow[A].name: Invalid value: "A"`},
		"an entry's long description":      {entry("description: why, from: [{tier: web}], to: [{tier: web}]"), entry("description: " + strings.Repeat("a", 257) + ", from: [{tier: web}], to: [{tier: web}]"), "spec.allow[first].description: Too long"},
	}
}

func selectorRules() map[string]rule {
	return map[string]rule{
		"a label key that is none":                       {tierSelector("{matchLabels: {example.com/a: b}}"), tierSelector("{matchLabels: {-a: b}}"), `spec.tiers[0].podSelector.matchLabels[-a]: Invalid value: "-a"`},
		"a label value that is none":                     {tierSelector("{matchLabels: {a: ''}}"), tierSelector("{matchLabels: {a: b c}}"), `spec.tiers[0].podSelector.matchLabels[a]: Invalid value: "b c"`},
		"17 labels":                                      {tierSelector("{matchLabels: {" + times(16, "k%d: v") + "}}"), tierSelector("{matchLabels: {" + times(17, "k%d: v") + "}}"), "spec.tiers[0].podSelector.matchLabels: Too many: 17"},
		"17 expressions":                                 {tierSelector("{matchExpressions: [" + times(16, "{key: k%d, operator: Exists}") + "]}"), tierSelector("{matchExpressions: [" + times(17, "{key: k%d, operator: Exists}") + "]}"), "spec.tiers[0].podSelector.matchExpressions: Too many: 17"},
		"33 values":                                      {tierSelector("{matchExpressions: [{key: k, operator: In, values: [" + times(32, "v%d") + "]}]}"), tierSelector("{matchExpressions: [{key: k, operator: In, values: [" + times(33, "v%d") + "]}]}"), "matchExpressions[0].values: Too many: 33"},
		"an operator that is none":                       {tierSelector("{matchExpressions: [{key: a, operator: DoesNotExist}]}"), tierSelector("{matchExpressions: [{key: a, operator: Gt, values: [b]}]}"), "matchExpressions[0].operator: Invalid value: \"Gt\""},
		"In without values":                              {tierSelector("{matchExpressions: [{key: a, operator: In, values: [b]}]}"), tierSelector("{matchExpressions: [{key: a, operator: In}]}"), "matchExpressions[0].values: Required value"},
		"Exists with values":                             {tierSelector("{matchExpressions: [{key: a, operator: Exists}]}"), tierSelector("{matchExpressions: [{key: a, operator: Exists, values: [b]}]}"), "matchExpressions[0].values: Forbidden"},
		"an expression's key that is none":               {tierSelector("{matchExpressions: [{key: a, operator: Exists}]}"), tierSelector("{matchExpressions: [{key: a b, operator: Exists}]}"), "matchExpressions[0].key: Invalid value: \"a b\""},
		"an expression's value that is none":             {tierSelector("{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}"), tierSelector("{matchExpressions: [{key: a, operator: NotIn, values: [b c]}]}"), "matchExpressions[0].values[0]: Invalid value: \"b c\""},
		"a selector of pods peers that is none":          {source("{pods: {podSelector: {matchLabels: {a: b}}}}"), source("{pods: {podSelector: {matchLabels: {a: b c}}}}"), "spec.allow[first].from[0].pods.podSelector.matchLabels[a]: Invalid value"},
		"a namespaceSelector of pods peers that is none": {source("{pods: {namespaceSelector: {}}}"), source("{pods: {namespaceSelector: {matchLabels: {a: b c}}}}"), "spec.allow[first].from[0].pods.namespaceSelector.matchLabels[a]: Invalid value"},
		"a nodeSelector that is none":                    {source("{nodes: {nodeSelector: {matchLabels: {a: b}}}}"), source("{nodes: {nodeSelector: {matchLabels: {a: b c}}}}"), "spec.allow[first].from[0].nodes.nodeSelector.matchLabels[a]: Invalid value"},
	}
}

func portRules() map[string]rule {
	return map[string]rule{
		"33 ports":                        {tierPorts(times(32, "{port: 80}")), tierPorts(times(33, "{port: 80}")), "spec.tiers[0].ports: Too many: 33"},
		"port 0":                          {tierPorts("{port: 1}"), tierPorts("{port: 0}"), "spec.tiers[0].ports[0].port: Invalid value: 0: must be between 1 and 65535"},
		"port 65536":                      {tierPorts("{port: 65535}"), tierPorts("{port: 65536}"), "spec.tiers[0].ports[0].port: Invalid value: 65536"},
		"a number in quotes":              {tierPorts("{port: a80}"), tierPorts("{port: '80'}"), `spec.tiers[0].ports[0].port: Invalid value: "80": must contain at least one letter`},
		"a port name of 16 characters":    {tierPorts("{port: a23456789012345}"), tierPorts("{port: a234567890123456}"), "must be no more than 15 characters"},
		"a port name in upper case":       {tierPorts("{port: http}"), tierPorts("{port: HTTP}"), `spec.tiers[0].ports[0].port: Invalid value: "HTTP"`},
		"a range from a name":             {tierPorts("{port: 80, endPort: 90}"), tierPorts("{port: http, endPort: 90}"), "spec.tiers[0].ports[0].endPort: Forbidden: needs a numeric port"},
		"a range that runs backwards":     {tierPorts("{port: 80, endPort: 80}"), tierPorts("{port: 80, endPort: 79}"), "spec.tiers[0].ports[0].endPort: Invalid value: 79: must not be less than port"},
		"a range beyond 65535":            {tierPorts("{port: 80, endPort: 65535}"), tierPorts("{port: 80, endPort: 65536}"), "spec.tiers[0].ports[0].endPort: Invalid value: 65536"},
		"another protocol":                {tierPorts("{port: 80, protocol: SCTP}"), tierPorts("{port: 80, protocol: ICMP}"), `spec.tiers[0].ports[0].protocol: Unsupported value: "ICMP"`},
		"a port of an entry that is none": {entry("from: [{tier: web}], to: [{tier: web}], ports: [{port: 1}]"), entry("from: [{tier: web}], to: [{tier: web}], ports: [{port: 0}]"), "spec.allow[first].ports[0].port: Invalid value: 0"},
		"no ports towards a tier without": {entry("from: [{tier: web}], to: [{tier: bare}], ports: [{port: 80}]"), entry("from: [{tier: web}], to: [{tier: bare}]"), `spec.allow[first].ports: Required value: tier "bare" declares no ports of its own`},
		"no ports towards pods":           {destination("{pods: {namespaces: [a]}}"), entry("from: [{tier: web}], to: [{pods: {namespaces: [a]}}]"), "spec.allow[first].ports: Required value: the destination spec.allow[first].to[0] has no ports of its own"},
		"no ports towards ipBlocks":       {destination("{ipBlocks: {cidrs: [10.0.0.0/8]}}"), entry("from: [{tier: web}], to: [{ipBlocks: {cidrs: [10.0.0.0/8]}}]"), "spec.allow[first].ports: Required value"},
		"no ports towards the internet":   {destination("{internet: {}}"), entry("from: [{tier: web}], to: [{internet: {}}]"), "spec.allow[first].ports: Required value"},
		"no ports towards nodes":          {destination("{nodes: {}}"), entry("from: [{tier: web}], to: [{nodes: {}}]"), "spec.allow[first].ports: Required value"},
		"no ports towards anywhere":       {destination("{anywhere: {}}"), entry("from: [{tier: web}], to: [{anywhere: {}}]"), "spec.allow[first].ports: Required value"},
		"no ports, for one of two":        {entry("from: [{tier: web}], to: [{tier: web}]"), entry("from: [{tier: web}], to: [{tier: web}, {tier: bare}]"), `tier "bare" declares no ports of its own`},
		"ports towards kubeAPIServer":     {entry("from: [{tier: web}], to: [{kubeAPIServer: {}}]"), destination("{kubeAPIServer: {}}"), "spec.allow[first].ports: Forbidden: kubeAPIServer brings its own ports"},
		"a port name towards ipBlocks":    {destination("{ipBlocks: {cidrs: [10.0.0.0/8]}}"), entry("from: [{tier: web}], to: [{ipBlocks: {cidrs: [10.0.0.0/8]}}], ports: [{port: http}]"), "a port name means nothing towards addresses (spec.allow[first].to[0])"},
		"a port name towards anywhere":    {destination("{anywhere: {}}"), entry("from: [{tier: web}], to: [{tier: web}, {anywhere: {}}], ports: [{port: 80}, {port: http}]"), `spec.allow[first].ports: Invalid value: ["http"]: a port name means nothing towards addresses (spec.allow[first].to[1])`},
	}
}

func peerRules() map[string]rule {
	return map[string]rule{
		"no sources":                         {source("{tier: web}"), entry("from: [], to: [{tier: web}]"), "spec.allow[first].from: Required value: at least one peer is needed"},
		"no destinations":                    {source("{tier: web}"), entry("from: [{tier: web}]"), "spec.allow[first].to: Required value: at least one peer is needed"},
		"33 peers":                           {source(times(32, "{tier: web}")), source(times(33, "{tier: web}")), "spec.allow[first].from: Too many: 33"},
		"strangers on both sides":            {source("{internet: {}}"), entry("from: [{tier: web}, {internet: {}}], to: [{tier: web}, {anywhere: {}}], ports: [{port: 80}]"), "all of from, or all of to, must be tiers of this profile"},
		"an empty peer":                      {source("{tier: web}"), source("{}"), "spec.allow[first].from[0]: Invalid value: 0: exactly one member must be set"},
		"a peer of two members":              {source("{internet: {}}"), source("{internet: {}, anywhere: {}}"), "spec.allow[first].from[0]: Invalid value: 2: exactly one member must be set"},
		"a tier that is not there":           {source("{tier: bare}"), source("{tier: bear}"), `spec.allow[first].from[0].tier: Invalid value: "bear": this profile has no such tier`},
		"an empty pods":                      {source("{pods: {podSelector: {}}}"), source("{pods: {}}"), "spec.allow[first].from[0].pods: Required value"},
		"a namespace that can be none":       {source("{pods: {namespaces: [a]}}"), source("{pods: {namespaces: [a.b]}}"), `pods.namespaces[0]: Invalid value: "a.b"`},
		"a namespace named twice":            {source("{pods: {namespaces: [a, b]}}"), source("{pods: {namespaces: [a, b, a]}}"), `pods.namespaces[2]: Duplicate value: "a"`},
		"65 namespaces":                      {source("{pods: {namespaces: [" + times(64, "n%d") + "]}}"), source("{pods: {namespaces: [" + times(65, "n%d") + "]}}"), "pods.namespaces: Too many: 65"},
		"a remote tier of no namespace":      {source("{remoteTier: {namespace: a, profile: b.c, tier: d}}"), source("{remoteTier: {profile: b, tier: c}}"), "remoteTier.namespace: Required value"},
		"a remote tier of no profile":        {source("{remoteTier: {namespace: a, profile: b, tier: c}}"), source("{remoteTier: {namespace: a, tier: c}}"), "remoteTier.profile: Required value"},
		"a remote profile that is none":      {source("{remoteTier: {namespace: a, profile: b, tier: c}}"), source("{remoteTier: {namespace: a, profile: B, tier: c}}"), `remoteTier.profile: Invalid value: "B"`},
		"a remote tier without tier":         {source("{remoteTier: {namespace: a, profile: b, tier: c}}"), source("{remoteTier: {namespace: a, profile: b}}"), "remoteTier.tier: Required value"},
		"a Service without name":             {source("{service: {name: a}}"), source("{service: {namespace: a}}"), "service.name: Required value"},
		"a Service's namespace that is none": {source("{service: {name: a, namespace: b}}"), source("{service: {name: a, namespace: B}}"), `service.namespace: Invalid value: "B"`},
	}
}

func addressRules() map[string]rule {
	return map[string]rule{
		"no ranges":                            {source("{ipBlocks: {cidrs: [10.0.0.0/8]}}"), source("{ipBlocks: {cidrs: []}}"), "ipBlocks.cidrs: Required value: at least one range is needed"},
		"65 ranges":                            {source("{ipBlocks: {cidrs: [" + times(64, "10.0.%d.0/24") + "]}}"), source("{ipBlocks: {cidrs: [" + times(65, "10.0.%d.0/24") + "]}}"), "ipBlocks.cidrs: Too many: 65"},
		"17 exceptions":                        {source("{ipBlocks: {cidrs: [10.0.0.0/8], except: [" + times(16, "10.0.%d.0/24") + "]}}"), source("{ipBlocks: {cidrs: [10.0.0.0/8], except: [" + times(17, "10.0.%d.0/24") + "]}}"), "ipBlocks.except: Too many: 17"},
		"a range given twice":                  {source("{ipBlocks: {cidrs: [10.0.0.0/8]}}"), source("{ipBlocks: {cidrs: [10.0.0.0/8, 10.0.0.0/8]}}"), `ipBlocks.cidrs[1]: Duplicate value: "10.0.0.0/8"`},
		"an address without length":            {source("{ipBlocks: {cidrs: [10.0.0.1/32]}}"), source("{ipBlocks: {cidrs: [10.0.0.1]}}"), `ipBlocks.cidrs[0]: Invalid value: "10.0.0.1": must be an address range`},
		"a range that is not masked":           {source("{ipBlocks: {cidrs: [10.0.0.0/8]}}"), source("{ipBlocks: {cidrs: [10.1.0.0/8]}}"), "must be written as 10.0.0.0/8"},
		"IPv6 not as RFC 5952 has it":          {source("{ipBlocks: {cidrs: ['2001:db8::/32']}}"), source("{ipBlocks: {cidrs: ['2001:0DB8::/32']}}"), "must be written as 2001:db8::/32"},
		"IPv4 written as IPv6":                 {source("{ipBlocks: {cidrs: [10.0.0.0/8]}}"), source("{ipBlocks: {cidrs: ['::ffff:10.0.0.0/104']}}"), "must not be an IPv4 address written as IPv6"},
		"a zone":                               {source("{ipBlocks: {cidrs: ['fe80::/64']}}"), source("{ipBlocks: {cidrs: ['fe80::1%eth0/64']}}"), "must be an address range"},
		"leading zeros":                        {source("{ipBlocks: {cidrs: [10.0.0.0/8]}}"), source("{ipBlocks: {cidrs: [010.0.0.0/8]}}"), "must be an address range"},
		"an exception equal to its range":      {source("{ipBlocks: {cidrs: [10.0.0.0/8], except: [10.0.0.0/9]}}"), source("{ipBlocks: {cidrs: [10.0.0.0/8], except: [10.0.0.0/8]}}"), "ipBlocks.except[0]: Invalid value: \"10.0.0.0/8\": must lie strictly inside one of cidrs"},
		"an exception beside its range":        {source("{ipBlocks: {cidrs: [10.0.0.0/8, 192.168.0.0/16], except: [192.168.1.0/24]}}"), source("{ipBlocks: {cidrs: [10.0.0.0/8], except: [192.168.1.0/24]}}"), "must lie strictly inside one of cidrs"},
		"an exception of the other family":     {source("{ipBlocks: {cidrs: ['::/0'], except: ['2001:db8::/32']}}"), source("{ipBlocks: {cidrs: [0.0.0.0/0], except: ['2001:db8::/32']}}"), "must lie strictly inside one of cidrs"},
		"all of the internet as exception":     {source("{internet: {except: [0.0.0.0/1]}}"), source("{internet: {except: [0.0.0.0/0]}}"), "internet.except[0]: Invalid value: \"0.0.0.0/0\": must lie strictly inside 0.0.0.0/0 or 2000::/3"},
		"all of its IPv6 as exception":         {source("{internet: {except: ['2000::/4']}}"), source("{internet: {except: ['2000::/3']}}"), "must lie strictly inside 0.0.0.0/0 or 2000::/3"},
		"an exception that is not public IPv6": {source("{internet: {except: ['2001:db8::/32']}}"), source("{internet: {except: ['fd00::/8']}}"), "must lie strictly inside 0.0.0.0/0 or 2000::/3"},
		"17 exceptions of the internet":        {source("{internet: {except: [" + times(16, "8.8.%d.0/24") + "]}}"), source("{internet: {except: [" + times(17, "8.8.%d.0/24") + "]}}"), "internet.except: Too many: 17"},
	}
}

func TestRules(t *testing.T) {
	for _, rules := range []map[string]rule{settingsRules(), selectorRules(), portRules(), peerRules(), addressRules()} {
		for name, r := range rules {
			t.Run(name, func(t *testing.T) {
				for kind, read := range map[string]func(*testing.T, string) snapshot.Profile{"namespaced": namespaced, "cluster": clusterWide} {
					if errs := validation.Validate(read(t, r.accepted)); len(errs) > 0 {
						t.Errorf("%s: refused what is right: %v", kind, errs)
					}
					if text := fmt.Sprint(validation.Validate(read(t, r.refused))); !strings.Contains(text, r.message) {
						t.Errorf("%s: got %s, want %s", kind, text, r.message)
					}
				}
			})
		}
	}
}

func namespaced(t *testing.T, spec string) snapshot.Profile {
	t.Helper()
	p := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "shop", Namespace: "production"}}
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatalf("%v in\n%s", err, spec)
	}
	return snapshot.FromSegmentationProfile(p)
}

func clusterWide(t *testing.T, spec string) snapshot.Profile {
	t.Helper()
	p := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
	if err := yaml.UnmarshalStrict([]byte("namespaceSelector: {}\n"+spec), &p.Spec); err != nil {
		t.Fatalf("%v in\n%s", err, spec)
	}
	return snapshot.FromClusterSegmentationProfile(p)
}

func TestNamesOfProfiles(t *testing.T) {
	for name, accepted := range map[string]bool{
		"shop": true, "shop.v2": true, strings.Repeat("a", 63): true,
		strings.Repeat("a", 64): false, "Shop": false, "-shop": false, "": false,
	} {
		p := namespaced(t, tiers)
		p.Key.Name = name
		if errs := validation.Validate(p); (len(errs) == 0) != accepted {
			t.Errorf("%q: %v", name, errs)
		}
	}
}

func TestTheClusterKindNeedsItsNamespaceSelector(t *testing.T) {
	for name, c := range map[string]struct{ spec, message string }{
		"an empty one chooses all":           {"namespaceSelector: {}\n" + tiers, ""},
		"a missing one does not":             {tiers, "spec.namespaceSelector: Required value: use {} to choose all"},
		"one that cannot be read is refused": {"namespaceSelector: {matchLabels: {a: b c}}\n" + tiers, "spec.namespaceSelector.matchLabels[a]: Invalid value"},
		"a tier's is checked too":            {"namespaceSelector: {}\ntiers: [{name: web, podSelector: {}, namespaceSelector: {matchLabels: {a: b c}}}]", "spec.tiers[0].namespaceSelector.matchLabels[a]: Invalid value"},
	} {
		p := &v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}
		if err := yaml.UnmarshalStrict([]byte(c.spec), &p.Spec); err != nil {
			t.Fatal(err)
		}
		errs := validation.Validate(snapshot.FromClusterSegmentationProfile(p))
		if (len(errs) == 0) != (c.message == "") || !strings.Contains(fmt.Sprint(errs), c.message) {
			t.Errorf("%s: got %v, want %q", name, errs, c.message)
		}
	}
}

func TestEverythingWrongIsSaidAtOnce(t *testing.T) {
	p := namespaced(t, entry("from: [{tier: nobody}], to: [{internet: {}, anywhere: {}}], ports: [{port: 0}]"))
	if errs := validation.Validate(p); len(errs) != 3 {
		t.Errorf("%d errors: %v", len(errs), errs)
	}
}
