package evaluator

import (
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/snapshot"
)

// shop is the namespace in which the policies of the table are, and data another one. Each has a pod that serves, and the
// first has a second one.
func world(t *testing.T, policies ...string) World {
	t.Helper()
	w := World{Namespaces: []snapshot.Namespace{
		{Name: "shop", Labels: map[string]string{"team": "a"}},
		{Name: "data", Labels: map[string]string{"team": "b"}},
	}}
	pod := func(namespace, name, app, address string, more ...func(*snapshot.Pod)) {
		p := snapshot.Pod{
			Namespace: namespace, Name: name, Labels: map[string]string{"app": app}, Addresses: []netip.Addr{netip.MustParseAddr(address)},
			Ports: []snapshot.ContainerPort{{Name: "http", Protocol: "TCP", Port: 8080}, {Name: "dns", Protocol: "UDP", Port: 53}},
		}
		for _, change := range more {
			change(&p)
		}
		w.Pods = append(w.Pods, p)
	}
	pod("shop", "web", "web", "10.0.0.1")
	pod("shop", "api", "api", "10.0.0.2")
	pod("data", "db", "db", "10.0.1.1", func(p *snapshot.Pod) { p.Ports[0].Port = 9090 })
	pod("data", "api", "api", "10.0.1.2")
	pod("shop", "agent", "api", "192.168.0.1", func(p *snapshot.Pod) { p.HostNetwork = true })
	pod("shop", "done", "api", "10.0.0.9", func(p *snapshot.Pod) { p.Completed = true })
	for _, text := range policies {
		p := &networkingv1.NetworkPolicy{}
		if err := yaml.UnmarshalStrict([]byte("{metadata: {name: p, namespace: shop}, spec: "+text+"}"), p); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		w.Policies = append(w.Policies, p)
	}
	return w
}

func endpoint(t *testing.T, w World, text string) Endpoint {
	t.Helper()
	if addr, err := netip.ParseAddr(text); err == nil {
		return OfAddress(addr)
	}
	namespace, name, _ := strings.Cut(text, "/")
	for i := range w.Pods {
		if w.Pods[i].Namespace == namespace && w.Pods[i].Name == name {
			return OfPod(&w.Pods[i])
		}
	}
	t.Fatalf("no pod %s", text)
	return Endpoint{}
}

func TestWhatAPolicyMeans(t *testing.T) {
	const toWeb = "podSelector: {matchLabels: {app: web}}, "
	for name, c := range map[string]struct {
		policies        string // of shop; several are divided by |
		from, to        string
		port            int32
		protocol        corev1.Protocol
		egress, ingress Verdict
	}{
		"without policies nothing is isolated":                     {"", "shop/api", "shop/web", 80, "TCP", NotIsolated, NotIsolated},
		"a policy without rules denies":                            {"{podSelector: {}}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Denied},
		"an empty selector chooses every pod of its own namespace": {"{podSelector: {}}", "shop/api", "data/db", 80, "TCP", NotIsolated, NotIsolated},
		"without policyTypes egress is not isolated":               {"{podSelector: {}}", "shop/api", "data/db", 80, "TCP", NotIsolated, NotIsolated},
		"without policyTypes egress rules isolate egress":          {"{podSelector: {}, egress: [{ports: [{port: 1}]}]}", "shop/api", "data/db", 80, "TCP", Denied, NotIsolated},
		"an empty list of egress rules isolates nothing":           {"{podSelector: {}, egress: []}", "shop/api", "data/db", 80, "TCP", NotIsolated, NotIsolated},
		"egress alone leaves ingress open":                         {"{podSelector: {}, policyTypes: [Egress]}", "data/api", "shop/web", 80, "TCP", NotIsolated, NotIsolated},
		"rules of a type that is not listed mean nothing":          {"{podSelector: {}, policyTypes: [Ingress], egress: [{}]}", "data/api", "shop/web", 80, "TCP", NotIsolated, Denied},
		"an empty rule admits everybody on every port":             {"{" + toWeb + "ingress: [{}]}", "1.2.3.4", "shop/web", 80, "SCTP", NotIsolated, Allowed},
		"an empty from admits everybody":                           {"{" + toWeb + "ingress: [{from: []}]}", "data/db", "shop/web", 80, "UDP", NotIsolated, Allowed},
		"an empty list of ports is every port":                     {"{" + toWeb + "ingress: [{from: [{podSelector: {}}], ports: []}]}", "shop/api", "shop/web", 80, "UDP", NotIsolated, Allowed},
		"a podSelector alone is of the own namespace":              {"{" + toWeb + "ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"and of no other":                                          {"{" + toWeb + "ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}", "data/api", "shop/web", 80, "TCP", NotIsolated, Denied},
		"a namespaceSelector alone is every pod there":             {"{" + toWeb + "ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}]}]}", "data/db", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"and of no other namespace":                                {"{" + toWeb + "ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}]}]}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Denied},
		"a namespace has its name for a label":                     {"{" + toWeb + "ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: data}}}]}]}", "data/db", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"both selectors in one peer must match":                    {"{" + toWeb + "ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: api}}}]}]}", "data/db", "shop/web", 80, "TCP", NotIsolated, Denied},
		"both selectors in one peer do match":                      {"{" + toWeb + "ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}, podSelector: {matchLabels: {app: api}}}]}]}", "data/api", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"of two peers one must match":                              {"{" + toWeb + "ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}, {podSelector: {matchLabels: {app: api}}}]}]}", "data/db", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"an empty namespaceSelector is every namespace":            {"{" + toWeb + "ingress: [{from: [{namespaceSelector: {}}]}]}", "data/db", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"and no address":                                           {"{" + toWeb + "ingress: [{from: [{namespaceSelector: {}}]}]}", "1.2.3.4", "shop/web", 80, "TCP", NotIsolated, Denied},
		"NotIn matches what lacks the label":                       {"{" + toWeb + "ingress: [{from: [{podSelector: {matchExpressions: [{key: zone, operator: NotIn, values: [x]}]}}]}]}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"DoesNotExist matches what lacks the label":                {"{" + toWeb + "ingress: [{from: [{podSelector: {matchExpressions: [{key: app, operator: DoesNotExist}]}}]}]}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Denied},
		"a port without protocol is TCP":                           {"{" + toWeb + "ingress: [{ports: [{port: 80}]}]}", "shop/api", "shop/web", 80, "UDP", NotIsolated, Denied},
		"a protocol without port is each of its ports":             {"{" + toWeb + "ingress: [{ports: [{protocol: SCTP}]}]}", "shop/api", "shop/web", 80, "SCTP", NotIsolated, Allowed},
		"and none of another":                                      {"{" + toWeb + "ingress: [{ports: [{protocol: SCTP}]}]}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Denied},
		"endPort ends a range":                                     {"{" + toWeb + "ingress: [{ports: [{port: 80, endPort: 90}]}]}", "shop/api", "shop/web", 90, "TCP", NotIsolated, Allowed},
		"and nothing after it":                                     {"{" + toWeb + "ingress: [{ports: [{port: 80, endPort: 90}]}]}", "shop/api", "shop/web", 91, "TCP", NotIsolated, Denied},
		"a name is the pod's own port":                             {"{" + toWeb + "ingress: [{ports: [{port: http}]}]}", "shop/api", "shop/web", 8080, "TCP", NotIsolated, Allowed},
		"a name is the destination's port":                         {"{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}", "shop/api", "data/db", 9090, "TCP", Allowed, NotIsolated},
		"and not the source's":                                     {"{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}", "shop/api", "data/db", 8080, "TCP", Denied, NotIsolated},
		"a name of another protocol is no port":                    {"{" + toWeb + "ingress: [{ports: [{port: dns}]}]}", "shop/api", "shop/web", 53, "TCP", NotIsolated, Denied},
		"a name means nothing towards an address":                  {"{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}", "shop/api", "1.2.3.4", 8080, "TCP", Denied, NotIsolated},
		"nor towards a pod on the host network":                    {"{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}", "shop/api", "shop/agent", 8080, "TCP", Denied, NotIsolated},
		"an ipBlock holds addresses":                               {"{" + toWeb + "ingress: [{from: [{ipBlock: {cidr: 1.2.0.0/16}}]}]}", "1.2.3.4", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"zeros in front of a number mean nothing":                  {"{" + toWeb + "ingress: [{from: [{ipBlock: {cidr: 001.002.0.0/16}}]}]}", "1.2.3.4", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"but for its exceptions":                                   {"{" + toWeb + "ingress: [{from: [{ipBlock: {cidr: 1.2.0.0/16, except: [1.2.3.0/24]}}]}]}", "1.2.3.4", "shop/web", 80, "TCP", NotIsolated, Denied},
		"an exception of one block is none of another":             {"{" + toWeb + "ingress: [{from: [{ipBlock: {cidr: 1.2.0.0/16, except: [1.2.3.0/24]}}, {ipBlock: {cidr: 1.2.3.4/32}}]}]}", "1.2.3.4", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"IPv4 for everybody is nobody of IPv6":                     {"{" + toWeb + "ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}", "2001:db8::1", "shop/web", 80, "TCP", NotIsolated, Denied},
		"whether an ipBlock means a pod is the plugin's":           {"{" + toWeb + "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Undecidable},
		"but a pod with another address it cannot mean":            {"{" + toWeb + "ingress: [{from: [{ipBlock: {cidr: 10.9.0.0/16}}]}]}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Denied},
		"a selector that fits decides beside an ipBlock":           {"{" + toWeb + "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {}}]}]}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"policies add": {"{podSelector: {}}|{" + toWeb + "ingress: [{ports: [{port: 80}]}]}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Allowed},
		"ports of one policy are no ports for another's peers": {"{" + toWeb + "ingress: [{from: [{podSelector: {matchLabels: {app: db}}}]}]}|{" + toWeb + "ingress: [{ports: [{port: 81}]}]}", "shop/api", "shop/web", 80, "TCP", NotIsolated, Denied},
		"both ends must allow":                                 {"{podSelector: {matchLabels: {app: api}}, policyTypes: [Egress]}|{" + toWeb + "ingress: [{}]}", "shop/api", "shop/web", 80, "TCP", Denied, Allowed},
		"a pod on the host network is not isolated":            {"{podSelector: {}, policyTypes: [Ingress, Egress]}", "data/db", "shop/agent", 80, "TCP", NotIsolated, NotIsolated},
		"and no selector means it":                             {"{" + toWeb + "ingress: [{from: [{podSelector: {matchLabels: {app: api}}}]}]}", "shop/agent", "shop/web", 80, "TCP", NotIsolated, Denied},
		"whether an ipBlock means it is the plugin's":          {"{" + toWeb + "ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/16}}]}]}", "shop/agent", "shop/web", 80, "TCP", NotIsolated, Undecidable},
		"a pod reaches itself":                                 {"{podSelector: {}, policyTypes: [Ingress, Egress]}", "shop/web", "shop/web", 80, "TCP", NotIsolated, NotIsolated},
		"a completed pod is reached by nobody":                 {"", "shop/web", "shop/done", 80, "TCP", Denied, Denied},
		"an address is not isolated":                           {"{podSelector: {}, policyTypes: [Egress]}", "shop/web", "1.2.3.4", 80, "TCP", Denied, NotIsolated},
	} {
		t.Run(name, func(t *testing.T) {
			var policies []string
			if c.policies != "" {
				policies = strings.Split(c.policies, "|")
			}
			w := world(t, policies...)
			e, err := New(w)
			if err != nil {
				t.Fatal(err)
			}
			answer := e.Evaluate(Connection{endpoint(t, w, c.from), endpoint(t, w, c.to), c.protocol, c.port})
			if answer.Egress.Verdict != c.egress || answer.Ingress.Verdict != c.ingress {
				t.Errorf("egress %+v, want %s\ningress %+v, want %s", answer.Egress, c.egress, answer.Ingress, c.ingress)
			}
		})
	}
}

func TestAnAnswerNamesWhoDecides(t *testing.T) {
	w := world(t, "{podSelector: {}, policyTypes: [Ingress, Egress]}",
		"{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 1}]}, {from: [{podSelector: {matchLabels: {app: db}}}, {podSelector: {}}]}, {}]}",
		"{podSelector: {matchLabels: {app: api}}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}")
	for i, name := range []string{"deny", "allow", "addresses"} {
		w.Policies[i].Name = name
	}
	e, err := New(w)
	if err != nil {
		t.Fatal(err)
	}
	answer := e.Evaluate(Connection{endpoint(t, w, "shop/api"), endpoint(t, w, "shop/web"), "TCP", 80})
	if got := answer.Ingress; strings.Join(got.Isolating, " ") != "allow deny" || len(got.Admitting) != 2 ||
		got.Admitting[0] != (Rule{"allow", 1, 1}) || got.Admitting[1] != (Rule{"allow", 2, -1}) || got.Reason != "" {
		t.Errorf("ingress %+v", got)
	}
	want := "NetworkPolicy shop/addresses names addresses that are, or may be, those of pod shop/web, and whether that means pods depends on the network plugin"
	if got := answer.Egress; got.Verdict != Undecidable || strings.Join(got.Isolating, " ") != "addresses deny" || len(got.Admitting) != 1 ||
		got.Admitting[0] != (Rule{"addresses", 0, 0}) || got.Reason != want {
		t.Errorf("egress %+v", got)
	}
	if answer.Verdict() != Undecidable {
		t.Errorf("verdict %s", answer.Verdict())
	}
	if nobody := e.Evaluate(Connection{endpoint(t, w, "data/db"), endpoint(t, w, "data/api"), "TCP", 80}); nobody.Verdict() != Allowed ||
		nobody.Ingress.Reason != "no NetworkPolicy isolates the ingress of pod data/api" {
		t.Errorf("got %+v", nobody)
	}
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	for policy, want := range map[string]string{
		"{podSelector: {matchExpressions: [{key: a, operator: Like}]}}":                      "read NetworkPolicy shop/p: podSelector: read label selector: ",
		"{podSelector: {}, ingress: [{from: [{}]}]}":                                         "read NetworkPolicy shop/p: ingress[0].from[0]: the peer names nobody",
		"{podSelector: {}, ingress: [{}, {from: [{ipBlock: {cidr: x}}]}]}":                   "read NetworkPolicy shop/p: ingress[1].from[0]: ipBlock.cidr: ",
		"{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 1.0.0.0/8, except: [x]}}]}]}":     "read NetworkPolicy shop/p: egress[0].to[0]: ipBlock.except[0]: ",
		"{podSelector: {}, egress: [{to: [{podSelector: {}, ipBlock: {cidr: 1.0.0.0/8}}]}]}": "read NetworkPolicy shop/p: egress[0].to[0]: ipBlock stands beside a selector",
		"{podSelector: {}, egress: [{ports: [{endPort: 3}]}]}":                               "read NetworkPolicy shop/p: egress[0].ports[0]: endPort 3 needs a port",
		"{podSelector: {}, egress: [{ports: [{port: x, endPort: 3}]}]}":                      "read NetworkPolicy shop/p: egress[0].ports[0]: endPort 3 needs a number",
		"{podSelector: {}, egress: [{ports: [{port: 5, endPort: 3}]}]}":                      "read NetworkPolicy shop/p: egress[0].ports[0]: 5 to 3 are no ports",
		"{podSelector: {}, egress: [{ports: [{port: 5, protocol: ICMP}]}]}":                  `read NetworkPolicy shop/p: egress[0].ports[0]: protocol "ICMP" is none`,
		"{podSelector: {}, policyTypes: [Both]}":                                             `read NetworkPolicy shop/p: policyTypes: "Both" is not a type`,
	} {
		if _, err := New(world(t, policy)); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", policy, err, want)
		}
	}
	w := world(t, "{podSelector: {}}")
	w.Policies[0].Namespace = "nowhere"
	if _, err := New(w); err == nil || err.Error() != "read NetworkPolicy nowhere/p: there is no namespace nowhere" {
		t.Errorf("a policy of no namespace: %v", err)
	}
	w = world(t)
	w.Pods[0].Namespace = "nowhere"
	if _, err := New(w); err == nil || err.Error() != "read pod nowhere/web: there is no namespace nowhere" {
		t.Errorf("a pod of no namespace: %v", err)
	}
}
