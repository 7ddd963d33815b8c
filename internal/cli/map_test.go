package cli

import "testing"

func TestMapDrawsAFileInEveryFormat(t *testing.T) {
	mustBeGolden(t, "map-three-tier",
		session{args: "map -f config/samples/three-tier.yaml"},
		session{args: "map -f config/samples/three-tier.yaml -o mermaid"},
		session{args: "map -f config/samples/three-tier.yaml -o dot"},
		session{args: "map -f config/samples/three-tier.yaml -o json"},
		session{args: "map -f config/samples/three-tier.yaml -o yaml"},
	)
}

func TestMapDrawsAClusterProfileWhoseNamespacesAreNotKnown(t *testing.T) {
	mustBeGolden(t, "map-cluster-profile", session{args: "map -f config/samples/peers/platform.yaml"})
}

func TestMapDrawsPreviewsAsSuchUnlessToldToEnforceThem(t *testing.T) {
	mustBeGolden(t, "map-preview",
		session{args: "map -f config/samples/preview.yaml"},
		session{args: "map -f config/samples/preview.yaml -f config/samples/three-tier.yaml --enforce"},
	)
}

func TestMapDrawsTheProfilesThatAreNamed(t *testing.T) {
	mustBeGolden(t, "map-named",
		session{args: "map payments -f config/samples/peers/remote-tier.yaml"},
		session{args: "map checkout/checkout payments -f config/samples/peers/remote-tier.yaml"},
		session{args: "map shop -f config/samples/peers/remote-tier.yaml"},
	)
}

func TestMapSaysWhatItDoesNotDraw(t *testing.T) {
	mustBeGolden(t, "map-refused", session{args: "map -f internal/cli/testdata/invalid.yaml"})
}

func TestMapSaysWhyItCannotBeDone(t *testing.T) {
	mustBeGolden(t, "map-not-done",
		session{args: "map -f nowhere.yaml"},
		session{args: "map -f internal/cli/testdata/deployment.yaml"},
		session{args: "map -f internal/cli/testdata/unknown-field.yaml"},
		session{args: "map -o svg -f config/samples/three-tier.yaml"},
		session{args: "map"},
	)
}

func TestMapDoesNotSayThatAllElseIsDeniedWhereOtherPoliciesAllowIt(t *testing.T) {
	mustBeGolden(t, "map-widened", session{args: "map -f internal/cli/testdata/widened.yaml"})
}
