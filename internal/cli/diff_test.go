package cli

import "testing"

// The sample, and what pull requests made of it.
const (
	sample     = "config/samples/three-tier.yaml "
	worker     = "internal/cli/testdata/diff/worker.yaml "
	noInternet = "internal/cli/testdata/diff/no-internet.yaml "
	renamed    = "internal/cli/testdata/diff/renamed.yaml "
	preview    = "internal/cli/testdata/diff/preview.yaml "
	rendered   = "internal/cli/testdata/diff/rendered.yaml "
)

func TestDiffReadsLikeAReview(t *testing.T) {
	mustBeGolden(t, "diff-worker",
		session{args: "diff " + sample + worker},
		session{args: "diff " + worker + sample},
		session{args: "diff " + sample + worker + "-o markdown"},
	)
}

func TestDiffSaysWhatAnEntryLessAndDNSChange(t *testing.T) {
	mustBeGolden(t, "diff-no-internet",
		session{args: "diff " + sample + noInternet},
		session{args: "diff " + sample + noInternet + "-o markdown"},
		session{args: "diff " + sample + noInternet + "-o json"},
		session{args: "diff " + sample + noInternet + "-o yaml"},
	)
}

func TestDiffSaysWhenNothingChanges(t *testing.T) {
	mustBeGolden(t, "diff-nothing",
		session{args: "diff " + sample + sample},
		session{args: "diff " + sample + sample + "-o markdown"},
		session{args: "diff " + sample + sample + "-o json"},
	)
}

func TestDiffKnowsWhatIsRenamedAndWhatIsRendered(t *testing.T) {
	mustBeGolden(t, "diff-renamed",
		session{args: "diff " + sample + renamed},
		session{args: "diff " + sample + rendered},
		session{args: "diff " + rendered + sample},
	)
}

func TestDiffSaysThatANamespaceIsClosed(t *testing.T) {
	mustBeGolden(t, "diff-closed",
		session{args: "diff /dev/null " + sample},
		session{args: "diff /dev/null " + sample + "-o markdown"},
		session{args: "diff " + sample + "/dev/null"},
	)
}

func TestDiffLeavesPreviewsAloneUnlessToldTo(t *testing.T) {
	mustBeGolden(t, "diff-preview",
		session{args: "diff /dev/null " + preview},
		session{args: "diff " + sample + preview},
		session{args: "diff " + preview + sample},
		session{args: "diff " + preview + sample + "--enforce"},
	)
}

func TestDiffComparesNetworkPoliciesThatNoProfileMade(t *testing.T) {
	mustBeGolden(t, "diff-policies",
		session{args: "diff internal/cli/testdata/diff/raw-old internal/cli/testdata/diff/raw-new"},
		session{args: "diff internal/cli/testdata/diff/raw-new internal/cli/testdata/diff/raw-old"},
		session{args: "diff internal/cli/testdata/diff/raw-old internal/cli/testdata/diff/raw-new -o markdown"},
	)
}

func TestDiffBuildsKustomizeDirectories(t *testing.T) {
	mustBeGolden(t, "diff-kustomize", session{args: "diff " + sample + "internal/cli/testdata/diff/kustomized"})
}

func TestDiffSaysWhyItCannotBeDone(t *testing.T) {
	mustBeGolden(t, "diff-not-done",
		session{args: "diff /dev/null internal/cli/testdata/deployment.yaml"},
		session{args: "diff"},
		session{args: "diff " + sample},
		session{args: "diff " + sample + sample + "-f " + sample},
		session{args: "diff nowhere " + sample},
		session{args: "diff " + sample + "internal/cli/testdata/invalid.yaml"},
		session{args: "diff " + sample + "internal/cli/testdata/shapes.yaml"},
		session{args: "diff -f " + sample},
		session{args: "diff --help"},
	)
}

func TestDiffTakesFilesWithANodeForAPartOfACluster(t *testing.T) {
	mustBeGolden(t, "diff-node", session{args: "diff internal/cli/testdata/diff/node-old.yaml internal/cli/testdata/diff/node-new.yaml"})
}

func TestDiffSaysWhenPodsLeavePoliciesForTheHostNetwork(t *testing.T) {
	mustBeGolden(t, "diff-host-network",
		session{args: "diff internal/cli/testdata/diff/pod-network.yaml internal/cli/testdata/diff/host-network.yaml"},
		session{args: "diff internal/cli/testdata/diff/host-network.yaml internal/cli/testdata/diff/pod-network.yaml"},
		session{args: "diff internal/cli/testdata/diff/pod-network.yaml internal/cli/testdata/diff/pod-network.yaml -n typo"},
	)
}

func TestDiffCannotTellWhatAProfileChangesThatActsNowhere(t *testing.T) {
	mustBeGolden(t, "diff-nowhere",
		session{args: "diff internal/cli/testdata/diff/nowhere-old.yaml internal/cli/testdata/diff/nowhere-new.yaml"},
		session{args: "diff internal/cli/testdata/diff/nowhere-old.yaml internal/cli/testdata/diff/nowhere-old.yaml"},
	)
}
