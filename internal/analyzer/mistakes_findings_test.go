package analyzer

import (
	"strings"
	"testing"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// toldMistakes returns the mistakes that profiles are told about, as "profile: place: message".
func (n *neighbours) toldMistakes() []string {
	n.t.Helper()
	found, err := MistakeFindings(n.compiled())
	if err != nil {
		n.t.Fatal(err)
	}
	var out []string
	for _, o := range n.in.Outputs {
		for _, f := range found[o.Profile.Key] {
			if f.Code != v1alpha1.CodePolicyMistake || f.Severity != v1alpha1.SeverityInfo || f.Namespace != "production" {
				n.t.Errorf("got %+v", f)
			}
			out = append(out, o.Profile.Key.Name+": "+f.Place+": "+f.Message)
		}
	}
	return out
}

func TestMistakesAreToldToProfilesWhosePodsThePolicyCouldSelect(t *testing.T) {
	anybody := `{podSelector: {matchLabels: {tier: api}}, policyTypes: [Ingress, Egress], ingress: [{ports: [{port: 80}]}], egress: [{to: [{podSelector: {}}], ports: [{port: 53}, {port: 53, protocol: UDP}]}]}`
	mustSay(t, inProduction(t, other, shop, foreign(anybody)).toldMistakes(),
		"other: NetworkPolicy x: Taken by itself, NetworkPolicy production/x has a likely mistake at ingress[0].from: ",
		"shop: NetworkPolicy x: Taken by itself, NetworkPolicy production/x has a likely mistake at ingress[0].from: ")
	// A pod has one value of a label, so this can be none of the tier.
	mustSay(t, inProduction(t, shop, foreign(strings.Replace(anybody, "tier: api", "tier: web", 1))).toldMistakes())
	// With isolation Namespace it is one of the pods in no tier.
	everywhere := strings.Replace(shop, "isolation: Tiers", "isolation: Namespace", 1)
	mustSay(t, inProduction(t, everywhere, foreign(strings.Replace(anybody, "tier: api", "tier: web", 1))).toldMistakes(), "shop: NetworkPolicy x")
}

func TestAStoredPolicyThatIsolatesIngressAloneMayHaveForgottenEgress(t *testing.T) {
	mustSay(t, inProduction(t, shop, foreign(`{podSelector: {}, policyTypes: [Ingress]}`)).toldMistakes(),
		"shop: NetworkPolicy x: Taken by itself, NetworkPolicy production/x has a likely mistake at policyTypes: only ingress is isolated")
}

func TestWhatAProfileWroteIsNobodysMistake(t *testing.T) {
	n := inProduction(t, shop).live(open)
	mustSay(t, n.toldMistakes())
	// Nor when it was changed since: that it widens is said.
	n = inProduction(t, strings.Replace(shop, "name: shop", "name: gone", 1), shop).live(open)
	in := n.compiled()
	in.Outputs = in.Outputs[1:]
	found, err := MistakeFindings(in)
	if err != nil || len(found) != 0 {
		t.Errorf("got %v, %v", found, err)
	}
	if list, err := Widened(in); err != nil || len(list) == 0 {
		t.Errorf("got %v, %v", list, err)
	}
}

func TestAMistakeInASelectorThatCannotBeReadIsAnError(t *testing.T) {
	n := inProduction(t, shop, foreign(`{podSelector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}, ingress: [{}]}`))
	if found, err := MistakeFindings(n.compiled()); err == nil || !strings.Contains(err.Error(), "NetworkPolicy x") {
		t.Errorf("got %v, %v", found, err)
	}
}
