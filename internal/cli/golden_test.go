package cli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

var update = flag.Bool("update", false, "write the golden files anew")

// session is a call of the plugin in the root of the repository, without a cluster.
type session struct {
	// args are the arguments as one would type them, separated by spaces.
	args string
	// stdin is the name of a file in testdata; empty for nothing.
	stdin string
}

// mustBeGolden runs sessions and compares what they printed, and their exit codes, with testdata/NAME.golden to the byte.
func mustBeGolden(t *testing.T, name string, sessions ...session) {
	t.Helper()
	golden, err := filepath.Abs(filepath.Join("testdata", name+".golden"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..")
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var got bytes.Buffer
	for i, s := range sessions {
		if i > 0 {
			got.WriteString("\n")
		}
		got.WriteString(s.run(t))
	}
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("%v (write it with: make golden)", err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s differs; got:\n%s", golden, got.String())
	}
}

// run returns what the call looks like in a terminal, with the two outputs apart.
func (s session) run(t *testing.T) string {
	t.Helper()
	var stdin bytes.Buffer
	call := "$ kubectl firebreak " + s.args
	if s.stdin != "" {
		text, err := os.ReadFile(filepath.Join("internal/cli/testdata", s.stdin))
		if err != nil {
			t.Fatal(err)
		}
		stdin.Write(text)
		call += " < " + s.stdin
	}
	streams, _, stdout, stderr := genericiooptions.NewTestIOStreams()
	streams.In = &stdin
	code := Run(context.Background(), strings.Fields(s.args), "v0.0.0-test", streams)
	out := call + "\n"
	for _, part := range []struct {
		title string
		text  *bytes.Buffer
	}{{"stdout", stdout}, {"stderr", stderr}} {
		if part.text.Len() > 0 {
			out += fmt.Sprintf("[%s]\n%s", part.title, part.text)
			if !strings.HasSuffix(out, "\n") {
				out += "[no newline at the end]\n"
			}
		}
	}
	return out + fmt.Sprintf("[exit code %d]\n", code)
}
