package analyzer

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestTheRecipesBesideAProfile holds, to the byte, what is said of policies that people copy: their mistakes, and what they add
// to what a profile of three tiers declares.
func TestTheRecipesBesideAProfile(t *testing.T) {
	const golden = "testdata/recipes.out.txt"
	n := inProduction(t, mustReadFile(t, "../../config/samples/three-tier.yaml"), mustReadFile(t, "testdata/recipes.in.yaml"))
	n.pod(map[string]string{"tier": "api", "app": "api"}, "10.1.0.1", nil).pod(map[string]string{"tier": "database", "app": "postgres"}, "10.1.0.2", nil)
	var got bytes.Buffer
	for _, policy := range n.in.Live {
		fmt.Fprintf(&got, "%s\n", policy.Name)
		for _, m := range Mistakes(policy) {
			fmt.Fprintf(&got, "  %s: %s\n", m.Place, m.Message)
		}
	}
	fmt.Fprintln(&got, "beside the profile")
	for _, line := range n.said() {
		fmt.Fprintf(&got, "  %s\n", line)
	}
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want := mustReadFile(t, golden); got.String() != want {
		t.Errorf("%s differs (write it with: make golden); got:\n%s", golden, got.String())
	}
}

func mustReadFile(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// mistakesOf returns the mistakes of a policy whose spec is given, as "place: message".
func mistakesOf(t *testing.T, spec string) []string {
	t.Helper()
	policy := &networkingv1.NetworkPolicy{}
	if err := yaml.UnmarshalStrict([]byte(spec), &policy.Spec); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range Mistakes(policy) {
		out = append(out, m.Place+": "+m.Message)
	}
	return out
}

// ingressFrom and egressTo are policies with one rule and no other mistake.
func ingressFrom(peers string) string {
	return `{policyTypes: [Ingress], podSelector: {}, ingress: [{from: ` + peers + `, ports: [{port: 80}]}]}`
}

func egressTo(peers string) string {
	return `{policyTypes: [Egress], podSelector: {}, egress: [{to: ` + peers + `, ports: [{port: 443}, {port: 53}, {port: 53, protocol: UDP}]}]}`
}

const (
	publicIPv4 = `{ipBlock: {cidr: 0.0.0.0/0, except: [0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.0.0.0/24, 192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/4, 240.0.0.0/4]}}`
	shopPods   = `{podSelector: {matchLabels: {app: shop}}}`
)

func TestWhatIsNoMistake(t *testing.T) {
	for name, spec := range map[string]string{
		"pods and namespaces in one item":                   ingressFrom(`[{podSelector: {matchLabels: {a: b}}, namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: x}}}]`),
		"all pods of this namespace, or another namespace":  ingressFrom(`[{podSelector: {}}, {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: x}}}]`),
		"pods of this namespace, or some of another":        ingressFrom(`[` + shopPods + `, {podSelector: {}, namespaceSelector: {matchLabels: {team: x}}}]`),
		"namespaces by a label that is no name":             ingressFrom(`[{namespaceSelector: {matchLabels: {team: x}}}]`),
		"a name beside the one that is protected":           ingressFrom(`[{namespaceSelector: {matchLabels: {name: x, kubernetes.io/metadata.name: x}}}]`),
		"namespaces without a label that is called name":    ingressFrom(`[{namespaceSelector: {matchExpressions: [{key: name, operator: DoesNotExist}]}}]`),
		"the internet less every special-use range":         egressTo(`[` + publicIPv4 + `]`),
		"the public part of IPv6":                           egressTo(`[{ipBlock: {cidr: '2000::/3'}}]`),
		"a private network":                                 egressTo(`[{ipBlock: {cidr: 10.0.0.0/8}}]`),
		"egress by the name of a port, which may be DNS":    `{policyTypes: [Egress], podSelector: {}, egress: [{to: [` + shopPods + `], ports: [{port: dns}]}]}`,
		"DNS on the port of OpenShift's pods":               `{policyTypes: [Egress], podSelector: {}, egress: [{to: [` + shopPods + `], ports: [{port: 5353}, {port: 5353, protocol: UDP}]}]}`,
		"DNS in two rules, of which one is a range":         `{policyTypes: [Egress], podSelector: {}, egress: [{to: [` + shopPods + `], ports: [{port: 50, endPort: 60}]}, {to: [` + shopPods + `], ports: [{port: 53, protocol: UDP}]}]}`,
		"ingress alone, when that is said":                  ingressFrom(`[` + shopPods + `]`),
		"egress rules that mean nothing, as it is not said": `{policyTypes: [Ingress], podSelector: {}, egress: [{}]}`,
	} {
		t.Run(name, func(t *testing.T) { mustEqual(t, mistakesOf(t, spec)) })
	}
}

func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct{ spec, place, part string }{
		"everybody, by an empty list":  {ingressFrom(`[]`), "ingress[0].from", "so the rule admits anybody on these ports"},
		"everybody, by a missing list": {`{policyTypes: [Ingress], podSelector: {}, ingress: [{}]}`, "ingress[0].from", "so the rule admits anybody on every port"},
		"everybody is where pods may go": {
			`{policyTypes: [Egress], podSelector: {}, egress: [{ports: [{port: 53}, {port: 443}, {port: 53, protocol: UDP}]}]}`, "egress[0].to", "lets these pods connect to anybody on these ports",
		},
		"everybody asks the DNS server": {
			`{policyTypes: [Ingress], podSelector: {}, ingress: [{ports: [{port: 53, protocol: UDP}]}]}`, "ingress[0].from", "so the rule admits anybody on these ports",
		},
		"the widest block is named": {egressTo(`[{ipBlock: {cidr: 192.0.2.0/24}}, {ipBlock: {cidr: 0.0.0.0/0}}]`), "egress[0].to[1].ipBlock", "0.0.0.0/0"},
		"DNS to everybody": {
			`{policyTypes: [Egress], podSelector: {}, egress: [{to: [], ports: [{port: 53}, {port: 53, protocol: UDP}]}]}`, "egress[0].to", "anything can leave to anybody on port 53",
		},
		"a rule without ports":       {`{policyTypes: [Ingress], podSelector: {}, ingress: [{from: [` + shopPods + `]}]}`, "ingress[0].ports", "every port of every protocol"},
		"OR":                         {ingressFrom(`[` + shopPods + `, {namespaceSelector: {matchLabels: {team: x}}}]`), "ingress[0].from", "pods with app=shop of this namespace, and also any pod of namespaces with team=x"},
		"every namespace":            {ingressFrom(`[{podSelector: {}}, {namespaceSelector: {}}]`), "ingress[0].from[1]", "any pod of the cluster"},
		"some pods of any namespace": {ingressFrom(`[{podSelector: {matchLabels: {app: x}}, namespaceSelector: {}}]`), "ingress[0].from[0]", "can give it app=x"},
		"a label that anybody sets":  {ingressFrom(`[{namespaceSelector: {matchLabels: {name: x}}}]`), "ingress[0].from[0]", "nobody sets the label name"},
		"the same by an expression":  {egressTo(`[{namespaceSelector: {matchExpressions: [{key: example.com/namespace, operator: In, values: [x]}]}}]`), "egress[0].to[0]", "nobody sets the label example.com/namespace"},
		"no policyTypes":             {`{podSelector: {}, ingress: [{from: [` + shopPods + `], ports: [{port: 80}]}]}`, "policyTypes", "may still connect to anybody"},
		"no DNS":                     {`{podSelector: {}, egress: [{to: [` + shopPods + `], ports: [{port: 443}]}]}`, "egress", "no rule admits DNS"},
		"DNS over UDP alone":         {`{podSelector: {}, egress: [{to: [` + shopPods + `], ports: [{port: 53, protocol: UDP}]}]}`, "egress", "over UDP alone"},
		"DNS over TCP alone":         {`{podSelector: {}, egress: [{to: [` + shopPods + `], ports: [{port: 53}]}]}`, "egress", "over TCP alone"},
		"the metadata service":       {egressTo(`[{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]`), "egress[0].to[0].ipBlock", "169.254.0.0/16 (link local: cloud metadata)"},
		"nothing of IPv6":            {egressTo(`[{ipBlock: {cidr: 0.0.0.0/0}}]`), "egress[0].to[0].ipBlock", "say what is meant of IPv6"},
		"two halves are the whole":   {egressTo(`[` + shopPods + `, {ipBlock: {cidr: 0.0.0.0/1}}, {ipBlock: {cidr: 128.0.0.0/1}}]`), "egress[0].to[1].ipBlock", "the addresses come to 0.0.0.0/0"},
		"half of the world":          {egressTo(`[{ipBlock: {cidr: 128.0.0.0/1}}]`), "egress[0].to[0].ipBlock", "169.254.0.0/16"},
		"an exception that another item takes back": {
			egressTo(`[` + publicIPv4 + `, {ipBlock: {cidr: 169.254.169.254/32}}]`), "egress[0].to[0].ipBlock", "169.254.0.0/16",
		},
		"private IPv6": {egressTo(`[{ipBlock: {cidr: '::/0'}}]`), "egress[0].to[0].ipBlock", "fc00::/7, fe80::/10 and ff00::/8; add them to except"},
	} {
		t.Run(name, func(t *testing.T) {
			got := mistakesOf(t, c.spec)
			if len(got) != 1 || !strings.HasPrefix(got[0], c.place+": ") || !strings.Contains(got[0], c.part) {
				t.Errorf("got %q\nwant one at %s with %q", got, c.place, c.part)
			}
		})
	}
}

func TestWhatCannotBeReadIsPassedOver(t *testing.T) {
	mustEqual(t, mistakesOf(t, egressTo(`[{ipBlock: {cidr: nowhere}}]`)))
	mustEqual(t, mistakesOf(t, `{policyTypes: [Egress], podSelector: {}, egress: [{to: [`+shopPods+`], ports: [{port: 1, protocol: ICMP}]}]}`))
}
