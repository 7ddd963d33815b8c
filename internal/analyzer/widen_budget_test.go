package analyzer

import (
	"fmt"
	"strings"
	"testing"
)

func TestPoliciesThatAreTooManyToBeComparedAreUndecided(t *testing.T) {
	var peers []string
	for i := range 500 {
		peers = append(peers, fmt.Sprintf("{podSelector: {matchLabels: {app: x%d}}}", i))
	}
	documents := []string{shopCallsPayments}
	for i := range 120 {
		documents = append(documents, fmt.Sprintf("---\nkind: NetworkPolicy\nmetadata: {name: p%03d, namespace: shop}\nspec: {podSelector: {}, ingress: [{from: [%s]}]}\n", i, strings.Join(peers, ", ")))
	}
	f := given(t, strings.Join(documents, "")).running("shop/api app=api 8080")
	j := f.judged("shop", "shop")
	const want = "the label selectors of NetworkPolicy p"
	if !strings.HasPrefix(j.Undecided, want) {
		t.Errorf("undecided: %q, want it to begin with %q", j.Undecided, want)
	}
	if j.Widened == "" {
		t.Error("what was found before the search ended is not told")
	}
	mustEqual(t, []string{j.Undecided}, f.judged("shop", "shop").Undecided)
}
