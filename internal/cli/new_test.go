package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

const newShop = "new -f internal/cli/testdata/new/shop.yaml -n production --name shop"

func TestNewProposesTiersAndLeavesWhoMayTalkToWhomToPeople(t *testing.T) {
	mustBeGolden(t, "new-shop", session{args: newShop}, session{args: newShop + " -o json"})
}

func TestNewProposesEntriesForWhatWasSeen(t *testing.T) {
	mustBeGolden(t, "new-flows",
		session{args: newShop + " --from-flows internal/cli/testdata/new/connections.csv"},
		session{args: newShop + " --from-flows -", stdin: "new/hubble.json"},
	)
}

func TestNewSaysWhatElseIsThere(t *testing.T) {
	mustBeGolden(t, "new-beside", session{args: "new -f internal/cli/testdata/new/beside.yaml"})
}

func TestNewSaysWhyItCannotBeDone(t *testing.T) {
	mustBeGolden(t, "new-not-done",
		session{args: "new -f internal/cli/testdata/new/beside.yaml --name web"},
		session{args: "new -f internal/cli/testdata/new/shop.yaml"},
		session{args: "new -f internal/cli/testdata/new/shop.yaml -n kube-system"},
		session{args: newShop + " --from-flows internal/cli/testdata/new/broken.csv"},
		session{args: newShop + " --from-flows internal/cli/testdata/new/none.csv"},
		session{args: "new -f - --from-flows -"},
		session{args: "new -f internal/cli/testdata/new/shop.yaml -n production --name Not_A_Name"},
		session{args: "new production"},
		session{args: "new"},
	)
}

func TestNewExplainsItself(t *testing.T) {
	mustBeGolden(t, "new-help", session{args: "new --help"})
}

// piped returns what the plugin prints when it is called with something on its standard input, which must work.
func piped(t *testing.T, stdin, args string) string {
	t.Helper()
	streams, in, stdout, stderr := genericiooptions.NewTestIOStreams()
	in.WriteString(stdin)
	if code := Run(context.Background(), strings.Fields(args), "v0.0.0-test", streams); code != exitYes {
		t.Fatalf("%s: exit code %d: %s%s of\n%s", args, code, stdout, stderr, stdin)
	}
	return stdout.String()
}

func TestCheckTakesWhatNewProposes(t *testing.T) {
	t.Chdir("../..")
	for _, flags := range []string{"", " --from-flows internal/cli/testdata/new/connections.csv", " --from-flows internal/cli/testdata/new/hubble.json"} {
		for _, format := range []string{" -o yaml", " -o json"} {
			proposed := piped(t, "", newShop+flags+format)
			if checked := piped(t, proposed, "check -f -"); !strings.Contains(checked, "all is well") {
				t.Errorf("%s%s: %s", flags, format, checked)
			}
		}
	}
	piped(t, piped(t, "", "new -f internal/cli/testdata/new/beside.yaml"), "check -f -")
}

// withoutMarks returns a proposed profile with the entries that stand in comments at its end.
func withoutMarks(t *testing.T, proposed string) string {
	t.Helper()
	yaml, comments, both := strings.Cut(proposed, "\n\n# ")
	if !both {
		t.Fatalf("nothing is left to decide in\n%s", proposed)
	}
	var out bytes.Buffer
	out.WriteString(yaml + "\n")
	for line := range strings.SplitSeq(comments, "\n") {
		if entry, is := strings.CutPrefix(line, "#   "); is {
			out.WriteString("  " + entry + "\n")
		}
	}
	return out.String()
}

func TestWhatNewLeavesToDecideGoesOnWhereTheProfileEnds(t *testing.T) {
	t.Chdir("../..")
	for flags, want := range map[string]string{
		"": "- name: calls-api\n    from: [{tier: web}]",
		" --from-flows internal/cli/testdata/new/connections.csv": "- name: ingress-nginx-to-web\n    from: [{pods: {namespaces: [ingress-nginx]}}]",
		" --from-flows internal/cli/testdata/new/hubble.json":     "- name: nodes-to-web\n    from: [{nodes: {}}]",
	} {
		decided := strings.ReplaceAll(withoutMarks(t, piped(t, "", newShop+flags)), "WHO", "web")
		if !strings.Contains(decided, want) {
			t.Errorf("%s: no %q in\n%s", flags, want, decided)
		}
		piped(t, decided, "check -f -")
	}
}

func TestNewSaysWhatItCannotKnow(t *testing.T) {
	mustBeGolden(t, "new-unknown", session{args: "new -f internal/cli/testdata/new/outside.yaml -n shop"})
}
