package plugin_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gbytes"
	"github.com/onsi/gomega/gexec"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/test/harness"
)

// watching starts `kubectl firebreak status --watch`, which goes on until the spec ends.
func watching(ctx context.Context, kubeconfig string, args ...string) *gexec.Session {
	GinkgoHelper()
	kubectl, err := harness.Program("kubectl")
	Expect(err).NotTo(HaveOccurred())
	cmd := exec.CommandContext(ctx, kubectl, append([]string{"firebreak", "status", "--watch"}, args...)...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	session, err := gexec.Start(cmd, GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { session.Kill().Wait("10s") })
	return session
}

// setWebTier gives a profile one tier, which selects nothing.
func setWebTier(ctx context.Context, p client.Object) {
	GinkgoHelper()
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"tiers":[{"name":"web","podSelector":{"matchLabels":{"tier":"web"}}}]}}`))
	Expect(k8s.Patch(ctx, p, patch)).To(Succeed())
}

// soon is shorter than it takes until a watch looks again by itself.
const soon = "15s"

var _ = Describe("status --watch", func() {
	It("writes a line for what changes, until it is interrupted", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		web := newWell(ctx, namespace, "web")
		session := watching(ctx, admin, "-n", namespace)
		Eventually(session.Out).Should(gbytes.Say(`PROFILE +MODE +READY .*\nsegp/web +Enforce +True +True +True +True +True +1 `))

		By("when the operator has done something")
		setWebTier(ctx, web)
		Eventually(session.Out, soon).Should(gbytes.Say(`segp/web +Enforce +True +True +True +\w+ +False +2 `))

		By("when a profile comes, and goes")
		other := newDeny(ctx, namespace, "other")
		Eventually(session.Out, soon).Should(gbytes.Say(`segp/other +Enforce +True `))
		Expect(k8s.Delete(ctx, other)).To(Succeed())
		Eventually(session.Out, soon).Should(gbytes.Say(`segp/other +Enforce +Deleted +- `))

		By("and only then")
		Consistently(session.Out, time.Second).ShouldNot(gbytes.Say(`segp/`))

		session.Signal(syscall.SIGINT)
		Eventually(session).Should(gexec.Exit(0))
		Expect(session.Err.Contents()).To(BeEmpty())
	})

	It("sees without an operator that a policy is changed", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		newWell(ctx, namespace, "web")
		withoutOperator()
		session := watching(ctx, admin, "-n", namespace)
		Eventually(session.Out).Should(gbytes.Say(`segp/web +Enforce +True .* 0 `))
		Eventually(session.Err).Should(gbytes.Say("No operator seems to be running"))
		opened(ctx, namespace)
		Eventually(session.Out).Should(gbytes.Say(`segp/web +Enforce +True .* 0, 1 now `))
	})

	It("writes documents for programs, to whoever may view one namespace", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		newWell(ctx, namespace, "web")
		viewer := viewerOf(ctx, namespace, "view")
		Eventually(func() int { return firebreakAs(ctx, viewer, "", "status", "-n", namespace).code }).Should(BeZero())
		session := watching(ctx, viewer, "-n", namespace, "-o", "yaml")
		Eventually(session.Out).Should(gbytes.Say(`(?s)---\n.*name: web\n.*well: true\n`))
		newDeny(ctx, namespace, "other")
		Eventually(session.Out).Should(gbytes.Say(`(?s)---\n.*name: other\n`))
		session.Signal(syscall.SIGTERM)
		Eventually(session).Should(gexec.Exit(0))
	})

	It("waits for the first profile", func(ctx SpecContext) {
		namespace := newNamespace(ctx, nil)
		session := watching(ctx, admin, "-n", namespace)
		Eventually(session.Err).Should(gbytes.Say("No profiles found in namespace " + namespace))
		newDeny(ctx, namespace, "web")
		Eventually(session.Out).Should(gbytes.Say(`PROFILE +MODE.*\nsegp/web +Enforce `))
	})
})
