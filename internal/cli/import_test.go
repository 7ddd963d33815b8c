package cli

import "testing"

func TestImportTurnsPoliciesIntoAProfile(t *testing.T) {
	mustBeGolden(t, "import-shop", session{args: "import -f internal/cli/testdata/import/shop.yaml -n production --name shop"})
}

func TestImportSaysWhatItLeavesOut(t *testing.T) {
	mustBeGolden(t, "import-left-out",
		session{args: "import -f internal/cli/testdata/import/left-out.yaml"},
		session{args: "import -f internal/cli/testdata/import/left-out.yaml web -o json"},
	)
}

func TestImportSaysWhyItCannotBeDone(t *testing.T) {
	mustBeGolden(t, "import-not-done",
		session{args: "import -f config/samples/three-tier.yaml"},
		session{args: "import -f internal/cli/testdata/import/shop.yaml db cache"},
		session{args: "import -f internal/cli/testdata/import/shop.yaml --name Not_A_Name"},
		session{args: "import -f internal/cli/testdata/import/shop.yaml -n kube-system"},
		session{args: "import -f internal/cli/testdata/import/shop.yaml -f config/samples/three-tier.yaml -n production --name shop"},
		session{args: "import"},
	)
}

func TestImportPassesOverNamespacesOfWhichItCannotBeDone(t *testing.T) {
	mustBeGolden(t, "import-passed-over", session{args: "import -A -f internal/cli/testdata/import/several.yaml"})
}

func TestImportSaysWhatToDeleteWhereItLooked(t *testing.T) {
	mustBeGolden(t, "import-elsewhere",
		session{args: "import -f internal/cli/testdata/import/several.yaml --name imported -n shop --kubeconfig=/home/$USER/kubeconfig --context=admin@production"},
	)
}

func TestImportDoesNotAssumeWhereDNSIs(t *testing.T) {
	mustBeGolden(t, "import-dns", session{args: "import -f internal/cli/testdata/import/dns.yaml"})
}

func TestImportSaysWhatItLeavesOutAndWhatIsSaidNowhere(t *testing.T) {
	mustBeGolden(t, "import-unsaid",
		session{args: "import -A -f internal/cli/testdata/import/twice"},
		session{args: "import -A -f internal/cli/testdata/import/other-kinds.yaml"},
		session{args: "import -A -f internal/cli/testdata/import/descriptions.yaml"},
	)
}
