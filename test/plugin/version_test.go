package plugin_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"firebreak.dev/firebreak/test/harness"
)

var _ = Describe("version", func() {
	It("says which operator is installed", func(ctx SpecContext) {
		got := firebreak(ctx, "version")
		Expect(got.code).To(BeZero())
		// The image of config/manager, which the harness installs.
		Expect(got.stdout).To(MatchRegexp(`^Plugin version:   \S+\nOperator version: latest in namespace firebreak-system\n$`))
		Expect(got.stderr).To(BeEmpty())

		By("as JSON, too")
		got = firebreak(ctx, "version", "-o", "json")
		Expect(got.code).To(BeZero())
		Expect(got.stdout).To(ContainSubstring(`"image": "firebreak-controller:latest"`))
	})

	It("says why it is not known to who may not look", func(ctx SpecContext) {
		viewer := viewerOf(ctx, newNamespace(ctx, nil), "")
		got := firebreakAs(ctx, viewer, "", "version")
		Expect(got.code).To(BeZero())
		Expect(got.stdout).To(HaveSuffix("Operator version: unknown\n"))
		Expect(got.stderr).To(ContainSubstring(`cannot list resource "deployments"`))
	})
})

var _ = Describe("completion", func() {
	It("is kubectl's own after `kubectl firebreak`, by the script beside the plugin", func(ctx SpecContext) {
		scripts := filepath.Join(plane.Root(), "config", "krew")
		kubectl, err := harness.Program("kubectl")
		Expect(err).NotTo(HaveOccurred())
		got := onPath(ctx, []string{filepath.Dir(binary), scripts}, kubectl, "__complete", "firebreak", "ren")
		Expect(got.code).To(BeZero(), got.stderr)
		Expect(got.stdout).To(HavePrefix("render\tPrint the NetworkPolicies of profiles\n:4\n"))
	})

	It("works in bash for the program itself", func(ctx SpecContext) {
		got := onPath(ctx, []string{filepath.Dir(binary)}, "bash", "--norc", "-c", `source <(kubectl-firebreak completion bash)
			# What the script takes from the package bash-completion.
			_get_comp_words_by_ref() { cur=ren prev=kubectl-firebreak words=(kubectl-firebreak ren) cword=1; }
			COMP_TYPE=9
			__start_kubectl-firebreak kubectl-firebreak ren kubectl-firebreak
			echo "${COMPREPLY[@]}"`)
		Expect(got.stdout).To(HavePrefix("render"), got.stderr)
	})
})

// onPath runs a program with further directories on its PATH.
func onPath(ctx context.Context, directories []string, program string, args ...string) answer {
	GinkgoHelper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	path := strings.Join(append(directories, os.Getenv("PATH")), string(os.PathListSeparator))
	cmd.Stdout, cmd.Stderr, cmd.Env = &stdout, &stderr, append(os.Environ(), "KUBECONFIG="+admin, "PATH="+path)
	Expect(cmd.Run()).To(Succeed(), stderr.String)
	return answer{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}
