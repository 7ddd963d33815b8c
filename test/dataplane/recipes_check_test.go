package dataplane_test

import (
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"firebreak.dev/firebreak/internal/cli"
)

// Of what packets show to be wrong with the recipes, this much can be read off the files.
func TestCheckFindsInTheFilesWhatIsWrongWithTheRecipes(t *testing.T) {
	streams, _, stdout, stderr := genericiooptions.NewTestIOStreams()
	cli.Run(t.Context(), []string{"check", "-n", "production", "-f", "testdata/recipes"}, "", streams)
	for fault, finding := range map[string]string{
		"no names for anybody":       "NetworkPolicy production/default-deny-all has a likely mistake at egress: no rule admits DNS",
		"DNS is open to everybody":   "NetworkPolicy production/api-egress has a likely mistake at egress[0].to: an empty or missing list means everybody",
		"not the internet alone":     "NetworkPolicy production/api-egress has a likely mistake at egress[2].to[0].ipBlock",
		"the label name":             "NetworkPolicy production/allow-api-ingress has a likely mistake at ingress[0].from[1]: nobody sets the label name",
		"frontend or monitoring":     "NetworkPolicy production/allow-api-ingress has a likely mistake at ingress[0].from: items 0 and 1 are alternatives",
		"the database's way out":     "NetworkPolicy production/db-ingress has a likely mistake at policyTypes",
		"tier api and app api":       "NetworkPolicy db-ingress in production could let pods with tier=api of this namespace reach tier database on TCP/5432",
		"what they add to a profile": "NetworkPolicy api-egress in production could let tier api connect to",
	} {
		if !strings.Contains(stdout.String(), finding) {
			t.Errorf("%s: check does not say %q; it says:\n%s%s", fault, finding, stdout, stderr)
		}
	}
}
