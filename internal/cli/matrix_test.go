package cli

import "testing"

func TestMatrixShowsWhoCanReachWhomInAProfile(t *testing.T) {
	mustBeGolden(t, "matrix-three-tier",
		session{args: "matrix -f config/samples/three-tier.yaml"},
		session{args: "matrix -f config/samples/three-tier.yaml -o csv"},
		session{args: "matrix -f config/samples/three-tier.yaml -o markdown"},
		session{args: "matrix -f config/samples/three-tier.yaml -o json"},
		session{args: "matrix -f config/samples/three-tier.yaml -o yaml"},
	)
}

func TestMatrixJudgesNetworkPoliciesThatNoProfileMade(t *testing.T) {
	mustBeGolden(t, "matrix-policies",
		session{args: "matrix -f internal/cli/testdata/diff/raw-old"},
		session{args: "matrix -f internal/cli/testdata/diff/raw-new"},
		session{args: "matrix -f internal/cli/testdata/diff/rendered.yaml"},
	)
}

func TestMatrixTakesPreviewsAsEnforcedWhenToldTo(t *testing.T) {
	mustBeGolden(t, "matrix-preview",
		session{args: "matrix -f internal/cli/testdata/diff/preview.yaml"},
		session{args: "matrix -f internal/cli/testdata/diff/preview.yaml --enforce"},
	)
}

func TestMatrixShowsSeveralProfilesAndNamespaces(t *testing.T) {
	mustBeGolden(t, "matrix-samples",
		session{args: "matrix -k config/samples"},
		session{args: "matrix -k config/samples -n production"},
	)
}

func TestMatrixSaysWhyItCannotBeDone(t *testing.T) {
	mustBeGolden(t, "matrix-not-done",
		session{args: "matrix"},
		session{args: "matrix production"},
		session{args: "matrix -f nowhere.yaml"},
		session{args: "matrix -f internal/cli/testdata/invalid.yaml"},
		session{args: "matrix -f internal/cli/testdata/shapes.yaml"},
		session{args: "matrix -f internal/cli/testdata/misnamed.yaml"},
		session{args: "matrix -f /dev/null"},
		session{args: "matrix -f config/samples/three-tier.yaml -n elsewhere"},
		session{args: "matrix --help"},
	)
}

func TestMatrixSaysThatNamespacesWithoutPoliciesAreOpen(t *testing.T) {
	mustBeGolden(t, "matrix-open",
		session{args: "matrix -f internal/cli/testdata/open.yaml"},
		session{args: "matrix -f internal/cli/testdata/open.yaml -f config/samples/three-tier.yaml"},
		session{args: "matrix -f internal/cli/testdata/open.yaml -n team-a"},
	)
}

func TestMatrixDoesNotTakeWhatIsNotKnownForDenied(t *testing.T) {
	mustBeGolden(t, "matrix-unknown",
		session{args: "matrix -f internal/cli/testdata/matrix/protected.yaml"},
		session{args: "matrix -f internal/cli/testdata/matrix/empty.yaml"},
		session{args: "matrix -f internal/cli/testdata/matrix/empty.yaml -n empty"},
		session{args: "matrix -f internal/cli/testdata/matrix/empty.yaml -n emtpy"},
		session{args: "matrix -f internal/cli/testdata/diff/nowhere-new.yaml"},
		session{args: "matrix -f internal/cli/testdata/diff/host-network.yaml"},
	)
}

func TestMatrixTakesFilesWithANodeForAPartOfACluster(t *testing.T) {
	mustBeGolden(t, "matrix-node", session{args: "matrix -f internal/cli/testdata/diff/node-new.yaml"})
}

func TestMatrixKeepsObjectsApartWhoseNamesAreDrawn(t *testing.T) {
	mustBeGolden(t, "matrix-unnamed",
		session{args: "matrix -f internal/cli/testdata/matrix/unnamed.yaml"},
		session{args: "matrix -f internal/cli/testdata/matrix/nameless.yaml"},
	)
}

func TestPodsOfOneNameAreToldApart(t *testing.T) {
	mustBeGolden(t, "alike",
		session{args: "matrix -f internal/cli/testdata/alike.yaml"},
		session{args: "matrix -f internal/cli/testdata/alike.yaml -o csv"},
		session{args: "map -f internal/cli/testdata/alike.yaml"},
		session{args: "map -f internal/cli/testdata/alike.yaml -o mermaid"},
	)
}
