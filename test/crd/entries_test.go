package crd_test

import "fmt"

func entryRules() []rule {
	const between = "from: [{tier: web}], to: [{tier: bare}], ports: [{port: 1}]"
	return []rule{
		{"two entries of one name", tiers + "allow: [{name: a, " + between + "}, {name: b, " + between + "}]", tiers + "allow: [{name: a, " + between + "}, {name: a, " + between + "}]", `spec.allow[1]: Duplicate value: {"name":"a"}`},
		{"an entry whose name is not a DNS label", tiers + "allow: [{name: a-1, " + between + "}]", tiers + "allow: [{name: a_1, " + between + "}]", "spec.allow[0].name in body should match"},
		{"an entry without sources", entry(between), entry("from: [], to: [{tier: web}]"), "spec.allow[0].from in body should have at least 1 items"},
		{"an entry without destinations", entry(between), entry("from: [{tier: web}]"), "spec.allow[0].to: Required value"},
		{"a field of an entry it does not know", entry(between), entry(between + ", cidr: x"), `unknown field "spec.allow[0].cidr"`},
		{
			"an entry from a tier that is not there", entry("from: [{tier: bare}], to: [{tier: web}]"), entry("from: [{tier: web}, {tier: wbe}], to: [{tier: web}]"),
			`allow entry "first": from names tier "wbe", which this profile does not have`,
		},
		{
			"an entry to a tier that is not there", entry("from: [{tier: bare}], to: [{tier: web}]"), entry("from: [{tier: web}], to: [{tier: web}, {tier: bear}]"),
			`allow entry "first": to names tier "bear", which this profile does not have`,
		},
		{
			"an entry to a tier without ports, when it has none itself", entry(between), entry("from: [{tier: web}], to: [{tier: web}, {tier: bare}]"),
			`allow entry "first": ports are needed, because tier "bare" declares none`,
		},
		{
			"an entry with a stranger among its sources and another among its destinations", entry("from: [{tier: web}, {anywhere: {}}], to: [{tier: web}]"), entry("from: [{tier: web}, {anywhere: {}}], to: [{tier: web}, {internet: {}}], ports: [{port: 1}]"),
			`spec.allow[0]: ... allow entry "first": all of from`,
		},
		{
			"an entry whose ends are both strangers", entry("from: [{tier: web}], to: [{tier: web}, {internet: {}}], ports: [{port: 1}]"), entry("from: [{anywhere: {}}], to: [{internet: {}}], ports: [{port: 1}]"),
			`allow entry "first": all of from, or all of to, must be tiers of this profile`,
		},
		{
			"ports towards the API server", entry("from: [{tier: web}], to: [{kubeAPIServer: {}}]"), entry("from: [{tier: web}], to: [{tier: web}, {kubeAPIServer: {}}], ports: [{port: 443}]"),
			`allow entry "first": kubeAPIServer in to brings its own ports, so ports must be omitted`,
		},
		{
			"ports towards the API server, which are fine from it", entry("from: [{kubeAPIServer: {}}], to: [{tier: web}], ports: [{port: 9443}]"),
			entry("from: [{tier: web}], to: [{kubeAPIServer: {}}], ports: [{port: 9443}]"), "spec.allow[0].ports: ... kubeAPIServer in to brings its own ports",
		},
	}
}

// peerRules adds, to the rules of each peer, those that hold for several of them.
func peerRules() []rule {
	const members = "a peer has exactly one of tier, remoteTier, pods, service, ipBlocks, internet, kubeAPIServer, nodes and anywhere"
	rules := []rule{
		{"a peer with two members", source("{anywhere: {}}"), source("{anywhere: {}, internet: {}}"), "spec.allow[0].from[0]: ... " + members},
		{"a peer without a member", source("{tier: web}"), source("{tier: web}, {}"), "spec.allow[0].from[1]: ... " + members},
		{"a member of a peer it does not know", source("{tier: web}"), source("{tier: web, group: x}"), `unknown field "spec.allow[0].from[0].group"`},
		{"an empty tier", source("{tier: web}"), source("{tier: ''}"), "spec.allow[0].from[0].tier"},
		{"pods without a member", source("{pods: {podSelector: {}}}"), source("{pods: {}}"), "spec.allow[0].from[0].pods: ... pods needs at least one of namespaces, namespaceSelector and podSelector"},
		{"an empty list of namespaces", source("{pods: {namespaces: [a]}}"), source("{pods: {namespaces: []}}"), "spec.allow[0].from[0].pods.namespaces in body should have at least 1 items"},
		{"a namespace that is not a DNS label", source("{pods: {namespaces: [a-1]}}"), source("{pods: {namespaces: [a.1]}}"), "spec.allow[0].from[0].pods.namespaces[0] in body should match"},
		{"an empty namespace", source("{pods: {namespaces: [a]}}"), source("{pods: {namespaces: ['']}}"), "spec.allow[0].from[0].pods.namespaces[0]"},
		{"a namespace given twice", source("{pods: {namespaces: [a, b]}}"), source("{pods: {namespaces: [a, a]}}"), `spec.allow[0].from[0].pods.namespaces[1]: Duplicate value: "a"`},
		{"a Service whose name is not a DNS label", source("{service: {name: db}}"), source("{service: {name: db.prod}}"), "spec.allow[0].from[0].service.name in body should match"},
		{"a Service without a name", source("{service: {name: db, namespace: prod}}"), source("{service: {namespace: prod}}"), "spec.allow[0].from[0].service.name: Required value"},
		{"an empty namespace of a Service", source("{service: {name: db, namespace: prod}}"), source("{service: {name: db, namespace: ''}}"), "spec.allow[0].from[0].service.namespace"},
		{"a remote tier without a namespace", source("{remoteTier: {namespace: a, profile: b.c, tier: d}}"), source("{remoteTier: {profile: b, tier: d}}"), "spec.allow[0].from[0].remoteTier.namespace: Required value"},
		{"a remote tier in what cannot be a namespace", source("{remoteTier: {namespace: a, profile: b, tier: d}}"), source("{remoteTier: {namespace: a.b, profile: b, tier: d}}"), "spec.allow[0].from[0].remoteTier.namespace in body should match"},
		{"a remote tier of what cannot be a profile", source("{remoteTier: {namespace: a, profile: b.c, tier: d}}"), source("{remoteTier: {namespace: a, profile: b_c, tier: d}}"), "spec.allow[0].from[0].remoteTier.profile in body should match"},
		{"a remote tier that cannot be a tier", source("{remoteTier: {namespace: a, profile: b, tier: d-1}}"), source("{remoteTier: {namespace: a, profile: b, tier: d.1}}"), "spec.allow[0].from[0].remoteTier.tier in body should match"},
		{
			"a member of anywhere", destination("{anywhere: {}}"), destination("{anywhere: {namespaces: [a]}}"),
			`unknown field "spec.allow[0].to[0].anywhere.namespaces"`,
		},
	}
	return append(rules, portsOfDestinations()...)
}

// portsOfDestinations are the rules on which destinations bring their own ports and which take names of ports.
func portsOfDestinations() []rule {
	var rules []rule
	addresses := map[string]string{"ipBlocks": "{cidrs: [192.0.2.0/24]}", "internet": "{}", "nodes": "{}", "anywhere": "{}"}
	for _, member := range []string{"ipBlocks", "internet", "nodes", "anywhere"} {
		to := fmt.Sprintf("from: [{tier: web}], to: [{tier: web}, {%s: %s}]", member, addresses[member])
		rules = append(rules,
			rule{
				"a port name towards " + member, entry(to + ", ports: [{port: 443}]"), entry(to + ", ports: [{port: 443}, {port: https}]"),
				`allow entry "first": port name "https" means nothing towards addresses (ipBlocks, internet, nodes, anywhere); give a number`,
			},
			rule{
				"an entry to " + member + " without ports", entry(to + ", ports: [{port: 443}]"), entry(to),
				`allow entry "first": ports are needed, because pods, ipBlocks, internet, nodes and anywhere in to have none of their own`,
			})
	}
	return append(rules, rule{
		"an entry to pods without ports", entry("from: [{tier: web}], to: [{pods: {podSelector: {}}}], ports: [{port: pg}]"), entry("from: [{tier: web}], to: [{pods: {podSelector: {}}}]"),
		`allow entry "first": ports are needed, because pods, ipBlocks`,
	}, rule{
		"an entry without ports to the internet, beside a Service and a remote tier, which have their own",
		entry("from: [{tier: web}], to: [{service: {name: db}}, {remoteTier: {namespace: a, profile: b, tier: c}}]"),
		entry("from: [{tier: web}], to: [{service: {name: db}}, {remoteTier: {namespace: a, profile: b, tier: c}}, {internet: {}}]"), "ports are needed",
	})
}

func addressRules() []rule {
	blocks := func(cidrs string) string { return source("{ipBlocks: {cidrs: [" + cidrs + "]}}") }
	except := func(cidrs, except string) string {
		return source("{ipBlocks: {cidrs: [" + cidrs + "], except: [" + except + "]}}")
	}
	internet := func(except string) string { return source("{internet: {except: [" + except + "]}}") }
	const at = "spec.allow[0].from[0].ipBlocks."
	return []rule{
		{"an address without a prefix length", blocks("192.0.2.1/32"), blocks("192.0.2.0/24, 192.0.2.1"), at + `cidrs: ... "192.0.2.1" is not an address range such as 192.0.2.0/24 or 2001:db8::/32`},
		{"what is no address", blocks("0.0.0.0/0"), blocks("example.com"), `"example.com" is not an address range`},
		{"an address with leading zeros", blocks("192.0.2.0/24"), blocks("192.000.2.0/24"), `"192.000.2.0/24" is not an address range`},
		{"an unmasked IPv4 range", blocks("192.0.2.0/24"), blocks("192.0.2.1/24"), `"192.0.2.1/24" must be written as 192.0.2.0/24`},
		{"an unmasked IPv6 range", blocks("'2001:db8::/32'"), blocks("'2001:db8::1/32'"), `"2001:db8::1/32" must be written as 2001:db8::/32`},
		{"IPv6 in capitals", blocks("'2001:db8::/32'"), blocks("'2001:DB8::/32'"), `"2001:DB8::/32" must be written as 2001:db8::/32`},
		{"IPv6 not shortened", blocks("'2001:db8::/32'"), blocks("'2001:0db8::/32'"), `"2001:0db8::/32" must be written as 2001:db8::/32`},
		{"IPv4 in IPv6 clothes", blocks("'64:ff9b::/96'"), blocks("'::ffff:192.0.2.0/120'"), `"::ffff:192.0.2.0/120" is not an address range`},
		{"IPv4 in IPv6 clothes, in hexadecimal", blocks("'64:ff9b::/96'"), blocks("'::ffff:c000:200/120'"), `"::ffff:c000:200/120"`},
		{"an IPv6 zone", blocks("'fe80::/64'"), blocks("'fe80::%eth0/64'"), `"fe80::%eth0/64" is not an address range`},
		{"an empty range", blocks("10.0.0.0/8"), blocks("''"), `"" is not an address range`},
		{"no ranges", blocks("10.0.0.0/8"), blocks(""), at + "cidrs in body should have at least 1 items"},
		{"a range given twice", blocks("10.0.0.0/8, 10.0.0.0/9"), blocks("10.0.0.0/8, 10.0.0.0/8"), at + `cidrs[1]: Duplicate value: "10.0.0.0/8"`},
		{"an except outside cidrs", except("10.0.0.0/8, 192.0.2.0/24", "192.0.2.1/32"), except("10.0.0.0/8, 192.0.2.0/24", "192.0.2.1/32, 11.0.0.0/16"), at + `except: ... "11.0.0.0/16" does not lie strictly inside one of cidrs`},
		{"an except equal to a cidr", except("10.0.0.0/8", "10.0.0.0/9"), except("10.0.0.0/8", "10.0.0.0/8"), `"10.0.0.0/8" does not lie strictly inside one of cidrs`},
		{"an except equal to a cidr, but not to one that contains it", except("10.0.0.0/8, 10.0.0.0/16", "10.0.0.0/16"), except("10.1.0.0/16, 10.0.0.0/16", "10.0.0.0/16"), "does not lie strictly inside one of cidrs"},
		{"an except around a cidr", except("10.0.0.0/8", "10.0.0.0/9"), except("10.0.0.0/8", "10.0.0.0/7"), `"10.0.0.0/7" does not lie strictly inside one of cidrs`},
		{"an except of the other family", except("0.0.0.0/0, '::/0'", "'2001:db8::/32'"), except("0.0.0.0/0", "'2001:db8::/32'"), `"2001:db8::/32" does not lie strictly inside one of cidrs`},
		{"an unmasked except", except("10.0.0.0/8", "10.0.0.0/16"), except("10.0.0.0/8", "10.0.0.1/16"), at + `except: ... "10.0.0.1/16" must be written as 10.0.0.0/16`},
		{"an except that is no range", except("10.0.0.0/8", "10.0.0.0/16"), except("10.0.0.0/8", "10.0.0.0"), `"10.0.0.0" is not an address range`},
		{"an except beside a cidr that is no range", except("10.0.0.0/8", "10.0.0.0/16"), except("10.0.0.0", "10.0.0.0/16"), `"10.0.0.0" is not an address range`},
		{"an except of the internet that is all of IPv4", internet("0.0.0.0/1, 10.0.0.0/8"), internet("0.0.0.0/0"), `spec.allow[0].from[0].internet.except: ... "0.0.0.0/0" does not lie strictly inside 0.0.0.0/0 or 2000::/3`},
		{"an except of the internet that is all of it in IPv6", internet("'2000::/4'"), internet("'2000::/3'"), `"2000::/3" does not lie strictly inside`},
		{"an except of the internet outside it", internet("'2001:db8::/32'"), internet("'fc00::/7'"), `"fc00::/7" does not lie strictly inside`},
		{"an unmasked except of the internet", internet("192.0.2.0/24"), internet("192.0.2.1/24"), `"192.0.2.1/24" must be written as 192.0.2.0/24`},
		{"an except of the internet that is no range", internet("192.0.2.0/24"), internet("example.com"), `"example.com" is not an address range`},
	}
}
