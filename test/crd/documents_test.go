package crd_test

import "strings"

// mixtures are specs with several mistakes, among them those because of which the API server leaves its rules out.
func mixtures() []rule {
	const bad = "allow: [{name: first, from: [{tier: gone}], to: [{tier: lost}]}]"
	return []rule{
		{refuses: "rules broken in two fields", accepted: tiers, refused: "tiers: []\nisolation: Tiers\n" + bad},
		{refuses: "a missing field beside broken rules", accepted: tiers, refused: "isolation: Tiers\n" + bad},
		{refuses: "an unknown value beside broken rules", accepted: tiers, refused: tiers + "mode: Never\n" + bad},
		{refuses: "a wrong pattern beside broken rules", accepted: tiers, refused: "tiers: [{name: Web, podSelector: {}}]\n" + bad},
		{refuses: "a wrong type beside broken rules", accepted: tiers, refused: tiers + "description: 7\n" + bad},
		{refuses: "a wrong type of a setting beside broken rules", accepted: tiers, refused: tiers + "mode: 7\n" + bad},
		{refuses: "a text that is too long beside broken rules", accepted: tiers, refused: "tiers: [{name: web, podSelector: {}, description: " + strings.Repeat("x", 300) + "}]\n" + bad},
		{refuses: "a name twice beside broken rules", accepted: tiers, refused: "tiers: [{name: web, podSelector: {}}, {name: web, podSelector: {}}]\n" + bad},
		{refuses: "unknown fields at several depths", accepted: tiers, refused: tiers + "zone: x\nallow: [{name: a, form: [], from: [{tier: web, tear: x}], to: [{tier: web}]}]"},
		{refuses: "an unknown field beside broken rules", accepted: tiers, refused: tiers + "tierz: []\n" + bad},
		{refuses: "a list that is a map", accepted: tiers, refused: "tiers: {web: {}}"},
		{refuses: "a map that is a list", accepted: tiers, refused: "tiers: [{name: web, podSelector: []}]"},
		{refuses: "a selector that is a text", accepted: tiers, refused: "tiers: [{name: web, podSelector: 'app=web'}]"},
		{refuses: "a list of texts where there should be objects", accepted: tiers, refused: "tiers: [web, db]"},
		{refuses: "a label that is a number", accepted: tiers, refused: "tiers: [{name: web, podSelector: {matchLabels: {a: 1}}}]"},
		{refuses: "a label that is true", accepted: tiers, refused: "tiers: [{name: web, podSelector: {matchLabels: {a: true}}}]"},
		{refuses: "a port that is a list", accepted: tiers, refused: tierPorts("{port: [80]}")},
		{refuses: "a port that is a fraction", accepted: tiers, refused: tierPorts("{port: 80.5}")},
		{refuses: "an endPort that is a text", accepted: tiers, refused: tierPorts("{port: 80, endPort: '90'}")},
		{refuses: "null for a name", accepted: "tiers: []\nmode: null\nallow: null", refused: "tiers: [{name: null, podSelector: {}}]"},
		{refuses: "null for a tier", accepted: "tiers: [{name: web, podSelector: {}, ports: null, dns: null}]", refused: "tiers: [null]"},
		{refuses: "null for tiers", accepted: "tiers: []", refused: "tiers: null"},
	}
}

// documents are whole manifests of a kind, by what there is to say of them.
func documents(k kind) map[string]string {
	head := "apiVersion: firebreak.dev/v1alpha1\nkind: " + k.name + "\n"
	spec := "spec:\n  tiers: []\n"
	if k.spec != "" {
		spec += "  namespaceSelector: {}\n"
	}
	meta := func(fields string) string { return head + "metadata: {" + fields + "}\n" + spec }
	return map[string]string{
		"nothing wrong":                            meta("name: shop"),
		"labels, annotations and owners":           meta("name: shop, labels: {a: b}, annotations: {a/b: c}, finalizers: [a.b/c], ownerReferences: [{apiVersion: v1, kind: Node, name: a, uid: b}]"),
		"no name":                                  meta(""),
		"no metadata":                              head + spec,
		"null metadata":                            head + "metadata: null\n" + spec,
		"metadata that is a text":                  head + "metadata: shop\n" + spec,
		"a name in capitals":                       meta("name: Shop"),
		"a name with an underscore":                meta("name: a_b"),
		"a name with a slash":                      meta("name: a/b"),
		"a name of 64 characters":                  meta("name: " + strings.Repeat("n", 64)),
		"a name of 254 characters":                 meta("name: " + strings.Repeat("n", 254)),
		"a name that is a number":                  meta("name: 7"),
		"a name that is to be drawn":               meta("generateName: shop-"),
		"a long name that is to be drawn":          meta("generateName: " + strings.Repeat("n", 100)),
		"a name that is given and to be drawn":     meta("name: shop, generateName: shop-"),
		"its own namespace":                        meta("name: shop, namespace: default"),
		"a bad label key":                          meta("name: shop, labels: {a b: c}"),
		"a bad label value":                        meta("name: shop, labels: {a: b c}"),
		"a label that is a number":                 meta("name: shop, labels: {a: 1}"),
		"labels that are a list":                   meta("name: shop, labels: [a]"),
		"a bad annotation key":                     meta("name: shop, annotations: {a b: c}"),
		"a bad finalizer":                          meta("name: shop, finalizers: [a b]"),
		"a field of metadata that there is not":    meta("name: shop, lables: {a: b}, nmae: x"),
		"a field that there is not":                meta("name: shop") + "specs: {}\n",
		"fields everywhere that there are not":     meta("name: shop, nmae: x") + "specs: {}\n" + "status: {no: 1}\n",
		"a field twice":                            meta("name: shop") + "  tiers: []\n",
		"a name twice":                             meta("name: shop, name: shop"),
		"no spec":                                  head + "metadata: {name: shop}\n",
		"null for a spec":                          head + "metadata: {name: shop}\nspec: null\n",
		"a spec that is a list":                    head + "metadata: {name: shop}\nspec: []\n",
		"a spec that is a text":                    head + "metadata: {name: shop}\nspec: all\n",
		"a bad name and a bad spec":                head + "metadata: {name: Shop}\nspec: {mode: Never}\n",
		"a status":                                 meta("name: shop") + "status: {observedGeneration: 7}\n",
		"a status of the wrong type":               meta("name: shop") + "status: 7\n",
		"generation, uid and time of its creation": meta("name: shop, generation: 7, uid: x, creationTimestamp: '2026-01-01T00:00:00Z', selfLink: x"),
	}
}
