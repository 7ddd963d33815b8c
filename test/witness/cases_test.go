package witness

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/snapshot"
)

// town is the cluster of the cases that are written by hand.
func town() evaluator.World {
	pod := func(name string, labels map[string]string, addresses ...string) snapshot.Pod {
		namespace, name, _ := strings.Cut(name, "/")
		out := snapshot.Pod{Namespace: namespace, Name: name, Labels: labels}
		for _, addr := range addresses {
			out.Addresses = append(out.Addresses, netip.MustParseAddr(addr))
		}
		return out
	}
	web, api, db := map[string]string{"app": "web"}, map[string]string{"app": "api", "tier": "back"}, map[string]string{"app": "db", "tier": "back"}
	world := evaluator.World{
		Namespaces: []snapshot.Namespace{
			{Name: "shop", Labels: map[string]string{"team": "a"}},
			{Name: "data", Labels: map[string]string{"team": "b"}},
			{Name: "bare"},
		},
		Pods: []snapshot.Pod{
			pod("shop/web", web, "10.0.0.1", "fd00::1"),
			pod("shop/api", api, "10.0.0.2"),
			pod("shop/db", db, "10.0.0.3"),
			pod("data/web", web, "10.0.1.1"),
			pod("data/db", db, "10.0.1.3"),
			pod("bare/pod", nil, "10.0.2.1"),
			pod("shop/agent", web, "192.168.0.1"),
			pod("shop/job", web, "10.0.0.9"),
			pod("shop/unborn", web),
		},
	}
	world.Pods[1].Ports = []snapshot.ContainerPort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80}, {Name: "http", Protocol: corev1.ProtocolTCP, Port: 8080}}
	world.Pods[2].Ports = []snapshot.ContainerPort{{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53}, {Name: "sql", Protocol: corev1.ProtocolTCP, Port: 5432}}
	world.Pods[4].Ports = []snapshot.ContainerPort{{Name: "sql", Protocol: corev1.ProtocolTCP, Port: 6543}}
	world.Pods[6].Ports = []snapshot.ContainerPort{{Name: "http", Protocol: corev1.ProtocolTCP, Port: 80}}
	world.Pods[6].HostNetwork = true
	world.Pods[7].Completed = true
	return world
}

// handWritten is a case: the specs of policies in namespace shop, and what they come to.
type handWritten struct {
	policies []string
	// answers are lines such as "shop/web -> shop/db TCP/80: NotIsolated Allowed": the verdict of egress, then that of ingress.
	answers []string
}

// toDB begins a policy for the pods of shop/db and the like.
const toDB = "podSelector: {matchLabels: {app: db}}, "

func cases() map[string]handWritten {
	return map[string]handWritten{
		"without a policy everything passes": {nil, []string{
			"shop/web -> shop/db TCP/80: NotIsolated NotIsolated",
			"203.0.113.10 -> shop/db UDP/80: NotIsolated NotIsolated",
			"shop/web -> 203.0.113.10 SCTP/80: NotIsolated NotIsolated",
		}},
		"a policy is about pods of its own namespace": {[]string{`{podSelector: {}}`}, []string{
			"data/web -> shop/db TCP/80: NotIsolated Denied",
			"shop/web -> data/db TCP/80: NotIsolated NotIsolated",
		}},
		"policyTypes that are missing isolate ingress only": {[]string{`{podSelector: {}}`}, []string{
			"shop/web -> shop/db TCP/80: NotIsolated Denied",
		}},
		"policyTypes that are missing isolate egress too where there are egress rules": {[]string{`{podSelector: {}, egress: [{ports: [{port: 80}]}]}`}, []string{
			"shop/web -> shop/db TCP/80: Allowed Denied",
			"shop/web -> data/db TCP/81: Denied NotIsolated",
		}},
		"an egress list without rules is none, where policyTypes are missing": {[]string{`{podSelector: {}, egress: []}`}, []string{
			"shop/web -> data/db TCP/80: NotIsolated NotIsolated",
		}},
		"rules of a direction that policyTypes leave out mean nothing": {[]string{`{podSelector: {}, policyTypes: [Egress], ingress: [{ports: [{port: 1}]}]}`}, []string{
			"data/web -> shop/db TCP/80: NotIsolated NotIsolated",
			"shop/web -> data/db TCP/80: Denied NotIsolated",
		}},
		"ingress: [] admits nobody": {[]string{`{podSelector: {}, policyTypes: [Ingress], ingress: []}`}, []string{
			"shop/web -> shop/db TCP/80: NotIsolated Denied",
		}},
		"ingress: [{}] admits everybody on every port": {[]string{`{podSelector: {}, ingress: [{}]}`}, []string{
			"203.0.113.10 -> shop/db SCTP/80: NotIsolated Allowed",
			"shop/agent -> shop/db TCP/80: NotIsolated Allowed",
		}},
		"egress: [{}] admits everybody on every port": {[]string{`{podSelector: {}, policyTypes: [Egress], egress: [{}]}`}, []string{
			"shop/db -> 203.0.113.10 SCTP/80: Allowed NotIsolated",
			"shop/web -> data/db TCP/80: Allowed NotIsolated",
		}},
		"from: [] is everybody": {[]string{`{` + toDB + `ingress: [{from: [], ports: [{port: 80}]}]}`}, []string{
			"203.0.113.10 -> shop/db TCP/80: NotIsolated Allowed",
			"data/web -> shop/db TCP/80: NotIsolated Allowed",
			"data/web -> shop/db TCP/81: NotIsolated Denied",
		}},
		"ports: [] is every port": {[]string{`{` + toDB + `ingress: [{from: [{podSelector: {}}], ports: []}]}`}, []string{
			"shop/web -> shop/db UDP/9: NotIsolated Allowed",
			"data/web -> shop/db UDP/9: NotIsolated Denied",
		}},
		"podSelector: {} is all pods of the policy's namespace": {[]string{`{` + toDB + `ingress: [{from: [{podSelector: {}}]}]}`}, []string{
			"shop/api -> shop/db TCP/80: NotIsolated Allowed",
			"data/web -> shop/db TCP/80: NotIsolated Denied",
			"203.0.113.10 -> shop/db TCP/80: NotIsolated Denied",
		}},
		"namespaceSelector: {} is all pods of all namespaces, and no address": {[]string{`{` + toDB + `ingress: [{from: [{namespaceSelector: {}}]}]}`}, []string{
			"data/web -> shop/db TCP/80: NotIsolated Allowed",
			"bare/pod -> shop/db TCP/80: NotIsolated Allowed",
			"203.0.113.10 -> shop/db TCP/80: NotIsolated Denied",
		}},
		"two selectors in one peer must both match": {[]string{`{` + toDB + `ingress: [{from: [{podSelector: {matchLabels: {app: web}}, namespaceSelector: {matchLabels: {team: b}}}]}]}`}, []string{
			"data/web -> shop/db TCP/80: NotIsolated Allowed",
			"data/db -> shop/db TCP/80: NotIsolated Denied",
			"shop/web -> shop/db TCP/80: NotIsolated Denied",
		}},
		"of two peers one must match": {[]string{`{` + toDB + `ingress: [{from: [{podSelector: {matchLabels: {app: web}}}, {namespaceSelector: {matchLabels: {team: b}}}]}]}`}, []string{
			"data/web -> shop/db TCP/80: NotIsolated Allowed",
			"data/db -> shop/db TCP/80: NotIsolated Allowed",
			"shop/web -> shop/db TCP/80: NotIsolated Allowed",
			"shop/api -> shop/db TCP/80: NotIsolated Denied",
			"bare/pod -> shop/db TCP/80: NotIsolated Denied",
		}},
		"every namespace has its name for a label": {[]string{`{` + toDB + `ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bare}}}]}]}`}, []string{
			"bare/pod -> shop/db TCP/80: NotIsolated Allowed",
			"data/web -> shop/db TCP/80: NotIsolated Denied",
		}},
		"In and Exists want the label, NotIn and DoesNotExist do not": {[]string{
			`{` + toDB + `ingress: [` +
				`{ports: [{port: 1}], from: [{namespaceSelector: {}, podSelector: {matchExpressions: [{key: app, operator: In, values: [web, api]}]}}]}, ` +
				`{ports: [{port: 2}], from: [{namespaceSelector: {}, podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web, api]}]}}]}, ` +
				`{ports: [{port: 3}], from: [{namespaceSelector: {}, podSelector: {matchExpressions: [{key: tier, operator: Exists}]}}]}, ` +
				`{ports: [{port: 4}], from: [{namespaceSelector: {}, podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}]}]}`,
		}, []string{
			"shop/web -> shop/db TCP/1: NotIsolated Allowed", "data/db -> shop/db TCP/1: NotIsolated Denied", "bare/pod -> shop/db TCP/1: NotIsolated Denied",
			"shop/web -> shop/db TCP/2: NotIsolated Denied", "data/db -> shop/db TCP/2: NotIsolated Allowed", "bare/pod -> shop/db TCP/2: NotIsolated Allowed",
			"shop/web -> shop/db TCP/3: NotIsolated Denied", "data/db -> shop/db TCP/3: NotIsolated Allowed", "bare/pod -> shop/db TCP/3: NotIsolated Denied",
			"shop/web -> shop/db TCP/4: NotIsolated Allowed", "data/db -> shop/db TCP/4: NotIsolated Denied", "bare/pod -> shop/db TCP/4: NotIsolated Allowed",
		}},
		"all of a selector's expressions must match": {[]string{`{` + toDB + `ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: db}, matchExpressions: [{key: tier, operator: DoesNotExist}]}}]}]}`}, []string{
			"data/db -> shop/db TCP/80: NotIsolated Denied",
		}},
		"policies add to each other": {[]string{
			`{podSelector: {}}`,
			`{` + toDB + `ingress: [{ports: [{port: 80}]}]}`,
			`{` + toDB + `ingress: [{ports: [{port: 81}]}]}`,
		}, []string{
			"shop/web -> shop/db TCP/80: NotIsolated Allowed",
			"shop/web -> shop/db TCP/81: NotIsolated Allowed",
			"shop/web -> shop/db TCP/82: NotIsolated Denied",
			"shop/web -> shop/api TCP/80: NotIsolated Denied",
		}},
		"peers and ports of different rules do not mix": {[]string{`{` + toDB + `ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}, {from: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 81}]}]}`}, []string{
			"shop/web -> shop/db TCP/80: NotIsolated Allowed",
			"shop/web -> shop/db TCP/81: NotIsolated Denied",
			"shop/api -> shop/db TCP/81: NotIsolated Allowed",
		}},
		"both ends must let a connection pass": {[]string{
			`{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: api}}}]}]}`,
			`{` + toDB + `ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`,
		}, []string{
			"shop/web -> shop/db TCP/80: Denied Allowed",
			"shop/web -> shop/api TCP/80: Allowed NotIsolated",
		}},
		"a protocol that is missing is TCP": {[]string{`{` + toDB + `ingress: [{ports: [{port: 80}]}]}`}, []string{
			"shop/web -> shop/db TCP/80: NotIsolated Allowed",
			"shop/web -> shop/db UDP/80: NotIsolated Denied",
		}},
		"a port that is missing is every port of the protocol": {[]string{`{` + toDB + `ingress: [{ports: [{protocol: SCTP}]}]}`}, []string{
			"shop/web -> shop/db SCTP/65535: NotIsolated Allowed",
			"shop/web -> shop/db TCP/65535: NotIsolated Denied",
		}},
		"endPort is the last of the ports": {[]string{`{` + toDB + `ingress: [{ports: [{port: 80, endPort: 82}]}]}`}, []string{
			"shop/web -> shop/db TCP/79: NotIsolated Denied",
			"shop/web -> shop/db TCP/80: NotIsolated Allowed",
			"shop/web -> shop/db TCP/81: NotIsolated Allowed",
			"shop/web -> shop/db TCP/82: NotIsolated Allowed",
			"shop/web -> shop/db TCP/83: NotIsolated Denied",
			"shop/web -> shop/db UDP/81: NotIsolated Denied",
		}},
		"the name of a port is the destination's": {[]string{`{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: sql}]}]}`}, []string{
			"shop/web -> shop/db TCP/5432: Allowed NotIsolated",
			"shop/web -> data/db TCP/5432: Denied NotIsolated",
			"shop/web -> data/db TCP/6543: Allowed NotIsolated",
			"shop/db -> shop/web TCP/5432: Denied NotIsolated",
		}},
		"the name of a port at ingress is the subject's": {[]string{`{` + toDB + `ingress: [{ports: [{port: sql}]}]}`}, []string{
			"data/db -> shop/db TCP/5432: NotIsolated Allowed",
			"data/db -> shop/db TCP/6543: NotIsolated Denied",
			"203.0.113.10 -> shop/db TCP/5432: NotIsolated Allowed",
		}},
		"the name of a port has a protocol": {[]string{`{` + toDB + `ingress: [{ports: [{port: dns}]}]}`}, []string{
			"shop/web -> shop/db TCP/53: NotIsolated Denied",
			"shop/web -> shop/db UDP/53: NotIsolated Denied",
		}},
		"the name of a port of which a pod has two is both": {[]string{`{podSelector: {}, ingress: [{ports: [{port: http}]}]}`}, []string{
			"shop/web -> shop/api TCP/80: NotIsolated Allowed",
			"shop/web -> shop/api TCP/8080: NotIsolated Allowed",
			"shop/web -> shop/api TCP/81: NotIsolated Denied",
		}},
		"the name of a port means nothing at an address": {[]string{`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: sql}]}]}`}, []string{
			"shop/web -> 203.0.113.10 TCP/5432: Denied NotIsolated",
		}},
		"the name of a port means nothing at a pod on the host network": {[]string{`{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}`}, []string{
			"shop/web -> shop/agent TCP/80: Denied NotIsolated",
			"shop/web -> shop/api TCP/80: Allowed NotIsolated",
		}},
		"an ipBlock holds addresses but those of its exceptions": {[]string{`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.0/28, 203.0.113.128/25]}}]}]}`}, []string{
			"shop/web -> 203.0.113.16 TCP/80: Allowed NotIsolated",
			"shop/web -> 203.0.113.127 TCP/80: Allowed NotIsolated",
			"shop/web -> 203.0.113.15 TCP/80: Denied NotIsolated",
			"shop/web -> 203.0.113.128 TCP/80: Denied NotIsolated",
			"shop/web -> 203.0.114.16 TCP/80: Denied NotIsolated",
			"shop/web -> 2001:db8::10 TCP/80: Denied NotIsolated",
		}},
		"what one ipBlock excepts another may admit": {[]string{`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [203.0.113.0/24]}}, {ipBlock: {cidr: 203.0.113.10/32}}]}]}`}, []string{
			"shop/web -> 203.0.113.10 TCP/80: Allowed NotIsolated",
			"shop/web -> 203.0.113.11 TCP/80: Denied NotIsolated",
		}},
		"0.0.0.0/0 holds no IPv6 address, and ::/0 no IPv4 address": {[]string{
			`{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`,
			`{podSelector: {matchLabels: {app: db}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: "::/0"}}]}]}`,
		}, []string{
			"shop/web -> 2001:db8::10 TCP/80: Denied NotIsolated",
			"shop/web -> 203.0.113.10 TCP/80: Allowed NotIsolated",
			"shop/db -> 2001:db8::10 TCP/80: Allowed NotIsolated",
			"shop/db -> 203.0.113.10 TCP/80: Denied NotIsolated",
		}},
		"whether an ipBlock holds a pod's address is up to the plugin": {[]string{`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/16}}], ports: [{port: 80}]}]}`}, []string{
			"shop/web -> data/db TCP/80: Undecidable NotIsolated",
			"shop/web -> data/db TCP/81: Denied NotIsolated",
			"shop/web -> bare/pod TCP/80: Undecidable NotIsolated",
		}},
		"an ipBlock beside a selector that admits leaves nothing open": {[]string{`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}, {namespaceSelector: {matchLabels: {team: b}}}]}]}`}, []string{
			"shop/web -> data/db TCP/80: Allowed NotIsolated",
			"shop/web -> bare/pod TCP/80: Undecidable NotIsolated",
		}},
		"an ipBlock that excepts a pod's address, or does not hold it, is not about the pod": {[]string{`{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.1.0/24]}}, {ipBlock: {cidr: 203.0.113.0/24}}]}]}`}, []string{
			"shop/web -> data/db TCP/80: Denied NotIsolated",
		}},
		"one address of a pod in an ipBlock is enough": {[]string{`{` + toDB + `ingress: [{from: [{ipBlock: {cidr: "fd00::/8"}}]}]}`}, []string{
			"shop/web -> shop/db TCP/80: NotIsolated Undecidable",
			"shop/api -> shop/db TCP/80: NotIsolated Denied",
		}},
		"a pod whose addresses are unknown may be in any ipBlock": {[]string{`{` + toDB + `ingress: [{from: [{ipBlock: {cidr: 203.0.113.0/24}}], ports: [{port: 80}]}]}`}, []string{
			"shop/unborn -> shop/db TCP/80: NotIsolated Undecidable",
			"shop/unborn -> shop/db TCP/81: NotIsolated Denied",
		}},
		"no policy is about a pod on the host network": {[]string{`{podSelector: {}, policyTypes: [Ingress, Egress]}`}, []string{
			"shop/agent -> shop/db TCP/80: NotIsolated Denied",
			"shop/web -> shop/agent TCP/80: Denied NotIsolated",
		}},
		"no selector chooses a pod on the host network": {[]string{`{` + toDB + `ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}}]}]}`}, []string{
			"shop/agent -> shop/db TCP/80: NotIsolated Denied",
		}},
		"whether an ipBlock holds a node's address is up to the plugin": {[]string{`{` + toDB + `ingress: [{from: [{ipBlock: {cidr: 192.168.0.0/24}}]}]}`}, []string{
			"shop/agent -> shop/db TCP/80: NotIsolated Undecidable",
		}},
		"a pod reaches itself": {[]string{`{podSelector: {}, policyTypes: [Ingress, Egress]}`}, []string{
			"shop/db -> shop/db TCP/80: NotIsolated NotIsolated, differs for a pod and itself",
		}},
		"a pod that has completed reaches nothing, and nothing reaches it": {nil, []string{
			"shop/job -> shop/db TCP/80: Denied Denied, differs for a completed pod",
			"shop/web -> shop/job TCP/80: Denied Denied, differs for a completed pod",
		}},
	}
}

// TestBothUnderstandTheCases asks evaluator and engine about connections whose verdict a reader of the API knows.
func TestBothUnderstandTheCases(t *testing.T) {
	for name, test := range cases() {
		t.Run(name, func(t *testing.T) {
			world := town()
			for i, text := range test.policies {
				policy := &networkingv1.NetworkPolicy{}
				policy.Namespace, policy.Name = "shop", fmt.Sprint("policy", i)
				if err := yaml.UnmarshalStrict([]byte(text), &policy.Spec); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				world.Policies = append(world.Policies, policy)
			}
			e, err := evaluator.New(world)
			if err != nil {
				t.Fatal(err)
			}
			w, err := newWitness(world)
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range test.answers {
				question, want, _ := strings.Cut(line, ": ")
				c := connectionIn(t, world, question)
				answer := e.Evaluate(c)
				got := fmt.Sprint(answer.Egress.Verdict, " ", answer.Ingress.Verdict)
				known, err := w.compare(t.Context(), c, answer)
				if err != nil {
					t.Errorf("%s: %v", question, err)
				}
				if known != none {
					got += fmt.Sprint(", differs for ", known)
				}
				if got != want {
					t.Errorf("%s: got %s, want %s", question, got, want)
				}
			}
		})
	}
}

// connectionIn reads a connection such as "shop/web -> 203.0.113.10 TCP/443".
func connectionIn(t *testing.T, world evaluator.World, text string) evaluator.Connection {
	t.Helper()
	var source, destination, at string
	var c evaluator.Connection
	if _, err := fmt.Sscanf(text, "%s -> %s %s", &source, &destination, &at); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	protocol, number, _ := strings.Cut(at, "/")
	c.Protocol = corev1.Protocol(protocol)
	if _, err := fmt.Sscan(number, &c.Port); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	end := func(name string) evaluator.Endpoint {
		if addr, err := netip.ParseAddr(name); err == nil {
			return evaluator.OfAddress(addr)
		}
		at := slices.IndexFunc(world.Pods, func(p snapshot.Pod) bool { return p.Namespace+"/"+p.Name == name })
		if at < 0 {
			t.Fatalf("%s: there is no pod %s", text, name)
		}
		return evaluator.OfPod(&world.Pods[at])
	}
	c.Source, c.Destination = end(source), end(destination)
	return c
}
