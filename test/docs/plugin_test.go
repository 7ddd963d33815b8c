package docs_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"firebreak.dev/firebreak/internal/cli"
	"firebreak.dev/firebreak/test/harness"
)

// plugin runs the plugin in the root of the repository, without a cluster, and returns its standard output.
func plugin(t *testing.T, call string) string {
	t.Helper()
	stdout, _ := both(t, call)
	return stdout
}

// both is like plugin, and returns standard error, too.
func both(t *testing.T, call string) (string, string) {
	t.Helper()
	streams, _, stdout, stderr := genericiooptions.NewTestIOStreams()
	args := strings.Fields(strings.TrimPrefix(call, "kubectl firebreak "))
	cli.Run(t.Context(), args, "v0.0.0-test", streams)
	return stdout.String(), stderr.String()
}

// call is a command of a document, with what the document says that it prints.
type call struct{ command, shown string }

// calls returns the calls of the plugin in a document's blocks of text, in their order.
func calls(document string) []call {
	var out []call
	for i, part := range strings.Split(document, "```text\n$ ") {
		if i == 0 {
			continue
		}
		block, _, _ := strings.Cut(part, "```")
		for session := range strings.SplitSeq(block, "\n$ ") {
			command, shown, _ := strings.Cut(strings.ReplaceAll(session, "\\\n", " "), "\n")
			// What needs no cluster names files.
			if strings.HasPrefix(command, "kubectl firebreak ") && strings.Contains(command, ".yaml") {
				out = append(out, call{strings.Join(strings.Fields(command), " "), strings.TrimSpace(shown)})
			}
		}
	}
	return out
}

// fits says whether an output is as shown, where a line "[...]" stands for any lines.
func fits(output, shown string) bool {
	var parts []string
	for part := range strings.SplitSeq("\n"+shown+"\n", "\n[...]\n") {
		parts = append(parts, regexp.QuoteMeta(part))
	}
	return regexp.MustCompile("^" + strings.Join(parts, `\n(?s:.*)`) + "$").MatchString("\n" + strings.TrimSpace(output) + "\n")
}

func TestThePluginPrintsWhatTheDocumentsShow(t *testing.T) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"README.md", "docs/plugin.md"} {
		document := read(t, file)
		t.Run(file, func(t *testing.T) {
			t.Chdir(root)
			t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
			found := calls(document)
			if len(found) == 0 {
				t.Fatal("no call of the plugin is shown")
			}
			for _, c := range found {
				if output := plugin(t, c.command); !fits(output, c.shown) {
					t.Errorf("$ %s\n%s\nis shown as:\n%s", c.command, output, c.shown)
				}
			}
		})
	}
}

func TestThePluginsPageShowsThePictureOfTheSample(t *testing.T) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, "docs/plugin.md")
	t.Chdir(root)
	picture := plugin(t, "kubectl firebreak map -f config/samples/three-tier.yaml -o mermaid")
	if !strings.Contains(page, "```mermaid\n"+picture+"```") {
		t.Errorf("docs/plugin.md shows another picture than\n%s", picture)
	}
}

func TestThePictureInTheDocumentsIsThatOfTheSample(t *testing.T) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	const command = "kubectl firebreak map -f config/samples/three-tier.yaml -o svg"
	picture := read(t, "docs/three-tier.svg")
	for file, link := range map[string]string{"README.md": "](docs/three-tier.svg)", "docs/plugin.md": "](three-tier.svg)"} {
		if document := read(t, file); !strings.Contains(document, link) || !strings.Contains(document, command) {
			t.Errorf("%s does not show the picture, or how it is made", file)
		}
	}
	t.Chdir(root)
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	if plugin(t, command) != picture {
		t.Errorf("docs/three-tier.svg is not what %s writes; make golden writes it anew", command)
	}
}

func TestThePluginsPageShowsWhatNewGuessedAndPassedOver(t *testing.T) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, "docs/plugin.md")
	t.Chdir(root)
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for _, c := range calls(page) {
		if !strings.Contains(c.command, "--from-flows") {
			continue
		}
		if _, said := both(t, c.command); !strings.Contains(page, "```text\n"+said+"```") {
			t.Errorf("docs/plugin.md says otherwise than\n%s", said)
		}
		return
	}
	t.Error("docs/plugin.md shows no call with --from-flows")
}
