// Package faults_test lets requests go wrong between the operator's own binary, with the ServiceAccount and RBAC that are
// shipped, and a real kube-apiserver, through a proxy that does so on purpose, and holds Firebreak to what it promises all
// the same.
//
// With FIREBREAK_SOAK=1 in the environment, it does all that takes too long for every day, too:
//
//	FIREBREAK_SOAK=1 go test -race -timeout=90m ./test/faults
//
// A time, as in RFC 3339, in place of the 1 lets it do so until then, and skip what is left of that.
//
// What is random takes its seed from Ginkgo: -ginkgo.seed does it again.
package faults_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/faults/account"
	"firebreak.dev/firebreak/test/faults/proxy"
	"firebreak.dev/firebreak/test/harness"
	"firebreak.dev/firebreak/test/truth"
)

// The suite has one control plane, and a proxy before its API server. Each spec sets the rules of the proxy anew.
var (
	plane *harness.ControlPlane
	// admin and k8s have all rights and do not go through the proxy.
	admin  *kubernetes.Clientset
	k8s    client.WithWatch
	before *proxy.Proxy
)

// soakIt is It for what takes too long for every day.
func soakIt(text string, args ...any) bool {
	return !soaking() || It(text, append(args, Label(soakLabel))...)
}

// soakLabel is on what takes too long for every day.
const soakLabel = "soak"

// soaking says whether time does not matter.
func soaking() bool {
	until := os.Getenv("FIREBREAK_SOAK")
	if end, err := time.Parse(time.RFC3339, until); err == nil {
		return time.Now().Before(end)
	}
	return until != ""
}

var _ = BeforeEach(func() {
	if slices.Contains(CurrentSpecReport().Labels(), soakLabel) && !soaking() {
		Skip(account.NoTime)
	}
})

func TestFaults(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	SetDefaultConsistentlyDuration(500 * time.Millisecond)
	SetDefaultConsistentlyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "faults")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter)))
	var err error
	plane, err = harness.Start(ctx, harness.Options{ControllerManager: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	DeferCleanup(expectNothingDenied)
	Expect(plane.ApplyConfig(ctx)).To(Succeed())
	admin, err = kubernetes.NewForConfig(plane.Config())
	Expect(err).NotTo(HaveOccurred())
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	config := plane.Config()
	config.QPS = -1
	k8s, err = client.NewWithWatch(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	recordStatuses(ctx)
	before, err = proxy.Start(ctx, proxy.Target(plane.Server()))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(before.Close)
})

var _ = AfterEach(func() {
	before.SetRules()
})

// recordStatuses judges every version of every profile that the specs come to, whatever they look at themselves, when the suite
// ends.
func recordStatuses(ctx context.Context) {
	GinkgoHelper()
	recorder, err := truth.Record(ctx, plane.Config())
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(recorder.Stop)
	DeferCleanup(func(ctx SpecContext) {
		report, err := recorder.Judge(ctx)
		Expect(err).NotTo(HaveOccurred())
		AddReportEntry(account.EntryName, account.Account{Test: "truth of the status", Writes: report.Versions, Note: report.String()})
		Expect(report.Violations).To(BeEmpty(), "%s", report.Violations)
		if config, _ := GinkgoConfiguration(); len(config.FocusStrings)+len(config.SkipStrings)+len(config.FocusFiles)+len(config.SkipFiles) == 0 {
			Expect(report.Healthy).To(BeNumerically(">", 15), "%s", report)
		}
	}, NodeTimeout(time.Minute))
}

// throughProxy returns a client configuration with a ServiceAccount's token, for the proxy instead of the API server.
func throughProxy(token string) *rest.Config {
	return &rest.Config{Host: before.URL(), TLSClientConfig: rest.TLSClientConfig{CAData: before.CA()}, BearerToken: token}
}

// lastActs lists the last faults, for who reads a failure.
func lastActs() string {
	acts := before.Acts()
	var out strings.Builder
	out.WriteString("the last faults:\n")
	for _, act := range acts[max(0, len(acts)-20):] {
		out.WriteString(act.String() + "\n")
	}
	return out.String()
}

// actsSince returns the faults since there were so many, of those that a condition is true of.
func actsSince(since int, where func(proxy.Act) bool) []proxy.Act {
	var out []proxy.Act
	for _, act := range before.Acts()[since:] {
		if where(act) {
			out = append(out, act)
		}
	}
	return out
}

// count is how often a rule acted in a namespace since there were so many faults; in any, if none is given.
func count(rule, namespace string, since int) int {
	return len(actsSince(since, func(act proxy.Act) bool {
		return act.Rule == rule && (namespace == "" || act.Namespace == namespace)
	}))
}

// heldBack is how many watches the valve of a view has held back or cut since there were so many faults.
func heldBack(what view, since int) int { return count("watch "+what.name, "", since) }
