package importer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// shop is a namespace in a cluster with the usual DNS.
func shop(policies ...*networkingv1.NetworkPolicy) Input {
	return Input{
		Namespace: snapshot.Namespace{Name: "shop", Labels: map[string]string{"kubernetes.io/metadata.name": "shop"}},
		Name:      "shop", Policies: policies, Options: snapshot.DefaultOptions("firebreak-system"),
		Facts: snapshot.Facts{Services: []corev1.Service{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kube-dns", Labels: map[string]string{"k8s-app": "kube-dns"}},
			Spec: corev1.ServiceSpec{
				ClusterIP: "None", Selector: map[string]string{"k8s-app": "kube-dns"},
				Ports: []corev1.ServicePort{
					{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53, TargetPort: intstr.FromInt32(53)},
					{Name: "dns-tcp", Protocol: corev1.ProtocolTCP, Port: 53, TargetPort: intstr.FromInt32(53)},
				},
			},
		}}},
	}
}

// policies reads policies of namespace shop.
func policies(t *testing.T, text string) []*networkingv1.NetworkPolicy {
	t.Helper()
	var out []*networkingv1.NetworkPolicy
	for document := range strings.SplitSeq(text, "\n---\n") {
		policy := &networkingv1.NetworkPolicy{}
		if err := yaml.UnmarshalStrict([]byte(document), policy); err != nil {
			t.Fatal(err)
		}
		policy.Namespace = "shop"
		out = append(out, policy)
	}
	return out
}

func file(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRecipesBecomeProfilesAsPeopleWriteThem(t *testing.T) {
	recipes, err := filepath.Glob("testdata/*.policies.yaml")
	if err != nil || len(recipes) == 0 {
		t.Fatal(recipes, err)
	}
	for _, path := range recipes {
		name := strings.TrimSuffix(filepath.Base(path), ".policies.yaml")
		t.Run(name, func(t *testing.T) {
			all := policies(t, file(t, name+".policies.yaml"))
			result, err := Import(shop(all...))
			if err != nil {
				t.Fatal(err)
			}
			if len(result.LeftOut) > 0 || len(result.Replaced) != len(all) {
				t.Errorf("left out: %v", result.LeftOut)
			}
			spec, err := yaml.Marshal(result.Profile.Spec)
			if err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name+".profile.yaml")
			if *update {
				if err := os.WriteFile(golden, spec, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := file(t, name+".profile.yaml"); string(spec) != want {
				t.Errorf("it is\n%s\nand not\n%s", spec, want)
			}
		})
	}
}

func policy(name, selects string, types ...networkingv1.PolicyType) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
	if selects != "" {
		p.Spec.PodSelector.MatchLabels = map[string]string{"app": selects}
	}
	p.Spec.PolicyTypes = types
	return p
}

func from(p *networkingv1.NetworkPolicy, ports []networkingv1.NetworkPolicyPort, peers ...networkingv1.NetworkPolicyPeer) *networkingv1.NetworkPolicy {
	p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: peers, Ports: ports})
	return p
}

func to(p *networkingv1.NetworkPolicy, ports []networkingv1.NetworkPolicyPort, peers ...networkingv1.NetworkPolicyPeer) *networkingv1.NetworkPolicy {
	p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: peers, Ports: ports})
	return p
}

func pods(app string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}}
}

func block(cidr string, except ...string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: cidr, Except: except}}
}

func port(value any) networkingv1.NetworkPolicyPort {
	p := intstr.FromString(fmt.Sprint(value))
	if number, is := value.(int); is {
		p = intstr.FromInt(number)
	}
	return networkingv1.NetworkPolicyPort{Port: &p}
}

func TestWhatAProfileCannotSayIsLeftOutAndStays(t *testing.T) {
	var manyExcepts []string
	for i := range maxExcept + 1 {
		manyExcepts = append(manyExcepts, fmt.Sprintf("10.%d.0.0/16", i))
	}
	var manyValues []string
	for i := range maxValues + 1 {
		manyValues = append(manyValues, fmt.Sprint("v", i))
	}
	wide := policy("wide", "web", "Ingress")
	wide.Spec.PodSelector = metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: manyValues}}}
	invalid := from(policy("misnamed-port", "web"), []networkingv1.NetworkPolicyPort{port("Not_A_Name")}, pods("api"))
	for _, c := range []struct {
		name   string
		policy *networkingv1.NetworkPolicy
		why    string
	}{
		{"more than can be stored", from(policy("a-large-one", "api"), []networkingv1.NetworkPolicyPort{port(80)}, largePeers(40)...), "a profile with it would be refused: tier api: the policy of this tier would take about "},
		{"what the API server would refuse", invalid, "a profile with it would be refused: tier web: must contain only alpha-numeric characters"},
		{"a port's name towards addresses", to(policy("named", "web", "Egress"), []networkingv1.NetworkPolicyPort{port("https")}, block("192.0.2.0/24")), "spec.egress[0].ports: "},
		{"too many exceptions", from(policy("excepting", "web"), nil, pods("api"), block("10.0.0.0/8", manyExcepts...)), "spec.ingress[0].from[1]: a profile excepts 16 ranges at most, not 17"},
		{"too many values", wide, "spec.podSelector: a profile's selector has at most 32 values for a label"},
	} {
		t.Run(c.name, func(t *testing.T) {
			other := from(policy("other", "api"), []networkingv1.NetworkPolicyPort{port(80)}, pods("web"))
			result, err := Import(shop(c.policy, other))
			if err != nil {
				t.Fatal(err)
			}
			if len(result.LeftOut) != 1 || result.LeftOut[0].Policy != c.policy.Name || !strings.HasPrefix(result.LeftOut[0].Why(), c.why) {
				t.Errorf("left out is %v", result.LeftOut)
			}
			if !slices.Equal(result.Replaced, []string{"other"}) {
				t.Errorf("replaced are %v", result.Replaced)
			}
		})
	}
}

// largePeers are peers of about 32 KiB each.
func largePeers(count int) []networkingv1.NetworkPolicyPeer {
	var values []string
	for i := range maxValues {
		values = append(values, fmt.Sprintf("%060d", i))
	}
	var out []networkingv1.NetworkPolicyPeer
	for i := range count {
		s := &metav1.LabelSelector{}
		for j := range maxRequirements {
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: fmt.Sprintf("key-%d-%d", i, j), Operator: metav1.LabelSelectorOpIn, Values: values})
		}
		out = append(out, networkingv1.NetworkPolicyPeer{PodSelector: s})
	}
	return out
}

func TestOfMoreThanAllPoliciesOfAProfileMayTakeTheLargestIsLeftOut(t *testing.T) {
	in := shop(
		from(policy("a-small-one", "web"), nil, pods("api")), from(policy("large", "api"), nil, largePeers(2)...), from(policy("small", "db"), nil, pods("api")),
	)
	sources, _ := readAll(in.Policies)
	translated, omission := translate(in, sources)
	if omission != nil {
		t.Fatal(omission)
	}
	// So many and so large that all together take 8 MiB would take the test a minute.
	tooLarge := field.ErrorList{field.Invalid(field.NewPath("spec", "tiers"), 3, "the policies of this profile would take about 9000 KiB")}
	if got := translated.refused(in, sources, tooLarge); got == nil || got.Policy != "large" || !strings.Contains(got.Reason, "about 9000 KiB") {
		t.Errorf("left out is %v", got)
	}
	if got := translated.refused(in, sources, field.ErrorList{field.Invalid(field.NewPath("metadata", "name"), "", "is no name")}); got != nil {
		t.Errorf("for the name of the profile, %v is left out", got)
	}
}

func TestNamespacesThatCannotBeAreStillNamed(t *testing.T) {
	p := from(policy("web", "web"), []networkingv1.NetworkPolicyPort{port(80)}, networkingv1.NetworkPolicyPeer{NamespaceSelector: selector.NamespaceNames("Prod_X")})
	result, err := Import(shop(p))
	if err != nil {
		t.Fatal(err)
	}
	peer := result.Profile.Spec.Allow[0].From[0].Pods
	if len(result.Replaced) != 1 || len(peer.Namespaces) > 0 || peer.NamespaceSelector.MatchLabels[selector.NamespaceNameLabel] != "Prod_X" {
		t.Errorf("the peer is %v, and left out are %v", peer, result.LeftOut)
	}
}

func TestWhereDNSIsNotKnownItsRulesStayRules(t *testing.T) {
	in := shop(policies(t, file(t, "egress-with-dns.policies.yaml"))...)
	in.Options.NodeLocalDNS = nil
	known, err := Import(in)
	if err != nil {
		t.Fatal(err)
	}
	in.Facts = snapshot.Facts{}
	unknown, err := Import(in)
	if err != nil {
		t.Fatal(err)
	}
	if known.Profile.Spec.DNS != "" || unknown.Profile.Spec.DNS != v1alpha1.DNSNone || !strings.Contains(strings.Join(unknown.Remarks, " "), "is not known") {
		t.Errorf("with a Service of DNS it is %q, and without %q, which is said so: %v", known.Profile.Spec.DNS, unknown.Profile.Spec.DNS, unknown.Remarks)
	}
}

func TestOfNothingComesNoProfile(t *testing.T) {
	result, err := Import(shop())
	if err != nil || result.Profile != nil || len(result.LeftOut)+len(result.Replaced) > 0 {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestTheOrderOfPoliciesMeansNothing(t *testing.T) {
	all := policies(t, file(t, "shop.policies.yaml"))
	one, err := Import(shop(all...))
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(all)
	two, err := Import(shop(all...))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := yaml.Marshal(one)
	b, _ := yaml.Marshal(two)
	if string(a) != string(b) {
		t.Errorf("one is\n%s\nthe other\n%s", a, b)
	}
}

func TestDifferencesAreFound(t *testing.T) {
	web := func(change func(*networkingv1.NetworkPolicy)) *networkingv1.NetworkPolicy {
		p := policy("web", "web", "Ingress", "Egress")
		from(p, []networkingv1.NetworkPolicyPort{port(80), port("http")}, pods("api"), block("192.0.2.0/24", "192.0.2.128/25"))
		to(p, []networkingv1.NetworkPolicyPort{port(443)}, networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}}})
		change(p)
		return p
	}
	same := web(func(*networkingv1.NetworkPolicy) {})
	for name, change := range map[string]func(*networkingv1.NetworkPolicy){
		"another port":  func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress[0].Ports[0] = port(81) },
		"a port's name": func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress[0].Ports[1] = port("metrics") },
		"another peer":  func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress[0].From[0] = pods("db") },
		"the last address": func(p *networkingv1.NetworkPolicy) {
			p.Spec.Ingress[0].From[1].IPBlock.Except = []string{"192.0.2.128/26"}
		},
		"other namespaces": func(p *networkingv1.NetworkPolicy) {
			p.Spec.Egress[0].To[0].NamespaceSelector = &metav1.LabelSelector{}
		},
		"its own namespace": func(p *networkingv1.NetworkPolicy) {
			p.Spec.Egress[0].To = append(p.Spec.Egress[0].To, networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{}})
		},
		"what it isolates": func(p *networkingv1.NetworkPolicy) { p.Spec.PolicyTypes = p.Spec.PolicyTypes[:1] },
		"whom it isolates": func(p *networkingv1.NetworkPolicy) { p.Spec.PodSelector.MatchLabels["track"] = "canary" },
		"everybody":        func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress[0].From = nil },
	} {
		t.Run(name, func(t *testing.T) {
			ns := shop().Namespace
			if err := Same(ns, []*networkingv1.NetworkPolicy{same}, []*networkingv1.NetworkPolicy{web(change)}); !errors.Is(err, ErrDiffers) {
				t.Errorf("got %v", err)
			}
			if err := Same(ns, []*networkingv1.NetworkPolicy{web(change)}, []*networkingv1.NetworkPolicy{same}); !errors.Is(err, ErrDiffers) {
				t.Errorf("the other way round, got %v", err)
			}
		})
	}
	if err := Same(shop().Namespace, []*networkingv1.NetworkPolicy{same}, []*networkingv1.NetworkPolicy{web(func(*networkingv1.NetworkPolicy) {})}); err != nil {
		t.Error(err)
	}
}

func TestAddressRangesStandTogether(t *testing.T) {
	var rule strings.Builder
	rule.WriteString("metadata: {name: partners}\nspec:\n  podSelector: {}\n  policyTypes: [Ingress, Egress]\n  egress:\n  - ports: [{port: 443}]\n    to:\n")
	var ranges []string
	for i := range 100 {
		ranges = append(ranges, fmt.Sprintf("203.0.%d.0/24", i))
		fmt.Fprintf(&rule, "    - ipBlock: {cidr: %s}\n", ranges[i])
	}
	rule.WriteString("    - ipBlock: {cidr: 198.51.100.0/24, except: [198.51.100.7/32]}\n")
	result, err := Import(shop(policies(t, rule.String())...))
	if err != nil || len(result.LeftOut) > 0 || result.Profile == nil {
		t.Fatal(result, err)
	}
	allow := result.Profile.Spec.Allow
	if len(allow) != 1 || len(allow[0].To) != 3 {
		t.Fatalf("the entries are %+v", allow)
	}
	to := allow[0].To
	if !slices.Equal(to[0].IPBlocks.CIDRs, ranges[:maxCIDRs]) || !slices.Equal(to[1].IPBlocks.CIDRs, ranges[maxCIDRs:]) || len(to[2].IPBlocks.CIDRs) != 1 || len(to[2].IPBlocks.Except) != 1 {
		t.Errorf("it leads to %+v", to)
	}
}
