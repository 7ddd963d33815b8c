package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

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

// denseProfile is a profile in which each of so many tiers may talk to each.
func denseProfile(tiers int) string {
	var out strings.Builder
	out.WriteString("apiVersion: firebreak.dev/v1alpha1\nkind: SegmentationProfile\nmetadata: {name: dense, namespace: dense}\nspec:\n  dns: None\n  tiers:\n")
	var all []string
	for i := range tiers {
		fmt.Fprintf(&out, "  - {name: t%d, podSelector: {matchLabels: {app: t%d}}}\n", i, i)
		all = append(all, fmt.Sprintf("{tier: t%d}", i))
	}
	fmt.Fprintf(&out, "  allow:\n  - {name: all, from: [%s], to: [%s], ports: [{port: 80}]}\n", strings.Join(all, ", "), strings.Join(all, ", "))
	return out.String()
}

func TestMapSaysThatAPictureIsCrowded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "dense.yaml")
	for _, c := range []struct {
		tiers  int
		format string
		want   string
	}{
		{32, "svg", "Note: the picture has 1024 arrows, which nobody can follow; look at them as a table: kubectl firebreak matrix.\n"},
		{32, "html", "Note: the picture has 1024 arrows, which nobody can follow; look at them as a table: kubectl firebreak matrix.\n"},
		{32, "text", ""},
		{31, "svg", ""},
	} {
		if err := os.WriteFile(file, []byte(denseProfile(c.tiers)), 0o600); err != nil {
			t.Fatal(err)
		}
		streams, _, stdout, stderr := genericiooptions.NewTestIOStreams()
		if code := Run(t.Context(), []string{"map", "-f", file, "-o", c.format}, "v0.0.0-test", streams); code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		if stdout.Len() == 0 || stderr.String() != c.want {
			t.Errorf("%d tiers as %s: %q, want %q", c.tiers, c.format, stderr, c.want)
		}
	}
}
