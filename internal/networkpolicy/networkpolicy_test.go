package networkpolicy

import (
	"reflect"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

func spec(t *testing.T, text string) networkingv1.NetworkPolicySpec {
	t.Helper()
	var s networkingv1.NetworkPolicySpec
	if err := yaml.UnmarshalStrict([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

const tidy = `
podSelector: {matchLabels: {tier: api}}
policyTypes: [Ingress, Egress]
ingress:
- from: [{podSelector: {matchLabels: {tier: web}}}]
  ports: [{port: 8080, protocol: TCP}]
egress:
- to: [{podSelector: {matchLabels: {tier: db}}}]
  ports: [{port: 5432, protocol: TCP}]
`

func TestCompare(t *testing.T) {
	for name, c := range map[string]struct {
		live string
		want Difference
		said string
	}{
		"order, doubles and defaults mean nothing": {`
podSelector: {matchLabels: {tier: api}}
policyTypes: [Egress, Ingress]
ingress:
- from: [{podSelector: {matchLabels: {tier: web}}}, {podSelector: {matchLabels: {tier: web}, matchExpressions: []}}]
  ports: [{port: 8080, endPort: 8080}]
egress:
- to: [{podSelector: {matchLabels: {tier: db}}}]
  ports: [{port: 5432}, {port: 5432, protocol: TCP}]
`, Difference{Equal: true}, ""},
		"a rule for everyone is something to remove": {tidy + "- {}\n", Difference{Removes: true}, "1 egress rule added"},
		"a lost rule is something to add": {`
podSelector: {matchLabels: {tier: api}}
policyTypes: [Ingress, Egress]
ingress:
- from: [{podSelector: {matchLabels: {tier: web}}}]
  ports: [{port: 8080, protocol: TCP}]
`, Difference{Adds: true}, "1 egress rule removed"},
		"a direction no longer isolated admits everyone": {`
podSelector: {matchLabels: {tier: api}}
policyTypes: [Ingress]
ingress:
- from: [{podSelector: {matchLabels: {tier: web}}}]
  ports: [{port: 8080, protocol: TCP}]
`, Difference{Adds: true, Removes: true}, "policyTypes changed to [Ingress], 1 egress rule removed"},
		"an emptied peer list is a hole and a loss": {`
podSelector: {matchLabels: {tier: api}}
policyTypes: [Ingress, Egress]
ingress:
- from: []
  ports: [{port: 8080, protocol: TCP}]
egress:
- to: [{podSelector: {matchLabels: {tier: db}}}]
  ports: [{port: 5432, protocol: TCP}]
`, Difference{Adds: true, Removes: true}, "ingress rules changed (1 added, 1 removed)"},
	} {
		t.Run(name, func(t *testing.T) {
			live, desired := spec(t, c.live), spec(t, tidy)
			if got := Compare(live, desired); got != c.want {
				t.Errorf("Compare = %+v, want %+v", got, c.want)
			}
			if got := Describe(live, desired); got != c.said {
				t.Errorf("Describe = %q, want %q", got, c.said)
			}
			if (Hash(live) == Hash(desired)) != c.want.Equal {
				t.Errorf("hashes %s and %s", Hash(live), Hash(desired))
			}
		})
	}
}

func TestUnionAdmitsWhatEitherAdmits(t *testing.T) {
	a, b := spec(t, tidy), spec(t, `
podSelector: {matchLabels: {tier: api}}
policyTypes: [Ingress, Egress]
egress:
- to: [{ipBlock: {cidr: 192.0.2.0/24}}]
  ports: [{port: 443}]
`)
	want := Admitted(a)
	for atom := range Admitted(b) {
		want[atom] = true
	}
	if got := Admitted(Union(a, b)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestCanonicalLeavesItsInputAlone(t *testing.T) {
	a := spec(t, "podSelector: {}\ningress: [{ports: [{port: 2}, {port: 1}]}]")
	before := a.DeepCopy()
	Canonical(a)
	if !reflect.DeepEqual(&a, before) {
		t.Errorf("changed to %v", a)
	}
}
