package cli

import "testing"

func TestRenderPrintsThePoliciesOfAFile(t *testing.T) {
	mustBeGolden(t, "render-three-tier", session{args: "render -f config/samples/three-tier.yaml"})
}

func TestRenderPrintsAListAsJSON(t *testing.T) {
	mustBeGolden(t, "render-json", session{args: "render -f config/samples/closed-namespace.yaml -o json"})
}

func TestRenderTakesADNSServiceFromTheFilesAndAnIdentityFromTheProfile(t *testing.T) {
	mustBeGolden(t, "render-facts", session{args: "render -f - -n reporting", stdin: "facts.yaml"})
}

func TestRenderSaysWhatItLeavesOut(t *testing.T) {
	mustBeGolden(t, "render-left-out",
		session{args: "render -f - -n reporting", stdin: "unresolved.yaml"},
		session{args: "render -f config/samples/platform-baseline.yaml"},
		session{args: "render -f config/samples/closed-namespace.yaml -n kube-system --protected-namespaces archive"},
	)
}

func TestRenderPrintsNothingOfAPreviewUnlessToldTo(t *testing.T) {
	mustBeGolden(t, "render-preview",
		session{args: "render -f config/samples/preview.yaml"},
		session{args: "render -f config/samples/preview.yaml --enforce"},
	)
}

func TestRenderReadsKustomizeDirectories(t *testing.T) {
	mustBeGolden(t, "render-kustomize", session{args: "render -k config/samples"})
}

func TestRenderPrintsNoPolicyWhenAProfileIsRefused(t *testing.T) {
	mustBeGolden(t, "render-refused",
		session{args: "render -f internal/cli/testdata/invalid.yaml"},
		session{args: "render -f internal/cli/testdata/unknown-field.yaml"},
		session{args: "render -f internal/cli/testdata/broken.yaml"},
	)
}

func TestRenderSaysWhyItCannotBeDone(t *testing.T) {
	mustBeGolden(t, "render-not-done",
		session{args: "render -f nowhere.yaml"},
		session{args: "render -f docs"},
		session{args: "render -k docs"},
		session{args: "render -f internal/cli/testdata/deployment.yaml"},
		session{args: "render --live"},
		session{args: "render --node-local-dns=here"},
		session{args: "render -o xml"},
		session{args: "render --colour"},
		session{args: "rendr"},
		session{args: "render"},
	)
}

func TestHelpNamesEveryCommand(t *testing.T) {
	mustBeGolden(t, "help", session{args: ""}, session{args: "render --help"}, session{args: "map --help"}, session{args: "status --help"}, session{args: "options"}, session{args: "version"})
}
