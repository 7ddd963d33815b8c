package cli

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// answered returns what the plugin prints on standard output.
func answered(t *testing.T, args ...string) string {
	t.Helper()
	streams, _, stdout, stderr := genericiooptions.NewTestIOStreams()
	if code := Run(context.Background(), args, "v0.0.0-test", streams); code != exitYes {
		t.Fatalf("%v: exit code %d: %s", args, code, stderr)
	}
	return stdout.String()
}

func TestCompletionScriptsAreOfTheProgramAsItIsCalledFromThePath(t *testing.T) {
	for shell, wanted := range map[string][]string{
		"bash":       {"__start_kubectl-firebreak()", "complete -o default -o nospace -F __start_kubectl-firebreak kubectl-firebreak"},
		"zsh":        {"#compdef kubectl-firebreak", "compdef _kubectl-firebreak kubectl-firebreak"},
		"fish":       {"complete -c kubectl-firebreak", "function __kubectl_firebreak_perform_completion"},
		"powershell": {"Register-ArgumentCompleter -CommandName 'kubectl-firebreak'"},
	} {
		script := answered(t, "completion", shell)
		for _, want := range wanted {
			if !strings.Contains(script, want) {
				t.Errorf("%s: no %q in\n%s", shell, want, script)
			}
		}
	}
}

func TestShellsCanReadTheirCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			program, err := exec.LookPath(shell)
			if err != nil {
				t.Skip("no " + shell + " on this machine")
			}
			cmd := exec.CommandContext(t.Context(), program, "-n", "/dev/stdin")
			cmd.Stdin = strings.NewReader(answered(t, "completion", shell))
			if output, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, output)
			}
		})
	}
}

func TestCommandsFlagsAndFormatsAreCompleted(t *testing.T) {
	for line, want := range map[string]string{
		"ren":          "render\tPrint the NetworkPolicies of profiles\n:4\n",
		"render --enf": "--enforce\trender profiles in Preview as if they were enforced\n:4\n",
		// Shells choose among the formats themselves.
		"render -o j":             "yaml\njson\n:4\n",
		"version --output ya":     "text\njson\nyaml\n:4\n",
		"new --from-flows conn":   "csv\njson\njsonl\n:8\n",
		"render --filename confi": "yaml\nyml\njson\n:8\n",
	} {
		if got := answered(t, append([]string{"__complete"}, strings.Fields(line)...)...); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}
