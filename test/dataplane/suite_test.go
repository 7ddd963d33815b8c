// Package dataplane_test holds what profiles say against what flows: the operator's own binary, with the rights that are shipped,
// writes policies; kube-network-policies, which SIG Network wrote, enforces them; and real TCP and UDP go from pod to pod.
package dataplane_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"firebreak.dev/firebreak/test/audit"
	"firebreak.dev/firebreak/test/dataplane/testbed"
	"firebreak.dev/firebreak/test/harness"
)

// dnsAddress is where pods ask for names.
var dnsAddress = netip.MustParseAddrPort("10.96.0.10:53")

// The suite has one cluster and one operator. Each spec has namespaces of its own.
var (
	cluster            *testbed.Cluster
	operator           *harness.Manager
	operatorKubeconfig string
)

// These are set, inside the sandbox, to the paths of the operator and of its previous version; the latter is empty where that is not
// to be had.
const (
	operatorVariable         = "FIREBREAK_OPERATOR"
	previousOperatorVariable = "FIREBREAK_PREVIOUS_OPERATOR"
)

// unavailable is why this machine cannot run the suite; nil inside the sandbox.
var unavailable error

func TestMain(m *testing.M) {
	ctx := context.Background()
	if testbed.Inside() {
		testbed.Furnish(ctx)
		os.Exit(m.Run())
	}
	unavailable = testbed.Possible(ctx)
	if unavailable != nil && os.Getenv("CI") == "" {
		os.Exit(m.Run()) // Which skips everything.
	}
	code, err := 1, unavailable
	if err == nil {
		code, err = enter(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "The data plane cannot be tested:", err)
		code = 1
	}
	os.Exit(code)
}

// enter runs this program in a sandbox, with operators that were built outside: what Go may have to download for them cannot be had
// inside.
func enter(ctx context.Context) (int, error) {
	if err := testbed.Installed(); err != nil {
		return 0, err
	}
	binary, err := harness.BuildManager(ctx)
	if err != nil {
		return 0, err
	}
	previous, err := buildPrevious(ctx)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(os.Setenv(operatorVariable, binary), os.Setenv(previousOperatorVariable, previous)); err != nil {
		return 0, err
	}
	return testbed.Enter(ctx)
}

// buildPrevious returns the path of the operator's previous version; empty in a shallow clone, which does not have it.
func buildPrevious(ctx context.Context) (string, error) {
	has, err := harness.HasPreviousVersion(ctx)
	if err != nil || !has {
		return "", err
	}
	return harness.BuildManagerOf(ctx, harness.PreviousVersion)
}

func TestDataplane(t *testing.T) {
	if unavailable != nil {
		t.Skip("not on this machine: ", unavailable)
	}
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	RunSpecs(t, "dataplane")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter)))
	var err error
	cluster, err = testbed.Start(ctx)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(cluster.Stop)
	DeferCleanup(expectNothingDenied)
	Expect(cluster.Plane.ApplyConfig(ctx)).To(Succeed())
	operatorKubeconfig, err = cluster.Plane.ServiceAccountKubeconfig(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount)
	Expect(err).NotTo(HaveOccurred())
	createDNS(ctx)
	startOperator(ctx, os.Getenv(operatorVariable))
	DeferCleanup(func() error { return operator.Stop() })
})

// expectNothingDenied says that the shipped rights sufficed for whatever the operator, and its previous version, did in this suite.
func expectNothingDenied() {
	GinkgoHelper()
	requests, err := audit.Requests(cluster.Plane)
	Expect(err).NotTo(HaveOccurred())
	Expect(audit.Denied(requests, nil)).To(BeEmpty(), "RBAC denied the operator")
}

// createDNS makes the Service that clusters have; the API server may take a moment to make its namespace. The pods behind it are
// each spec's own.
func createDNS(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() error {
		return cluster.Client.Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "kube-dns", Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}},
			Spec: corev1.ServiceSpec{
				ClusterIP: dnsAddress.Addr().String(),
				Selector:  map[string]string{"k8s-app": "kube-dns"},
				Ports: []corev1.ServicePort{
					{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP},
					{Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP},
				},
			},
		})
	}).Should(Succeed())
}

// startOperator starts a build of the operator, as its ServiceAccount.
func startOperator(ctx context.Context, binary string) {
	GinkgoHelper()
	var err error
	operator, err = cluster.Plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: operatorKubeconfig, Binary: binary})
	Expect(err).NotTo(HaveOccurred())
	Expect(operator.WaitReady(ctx, time.Minute)).To(Succeed())
}

// What the operator said helps whoever reads a failure.
var _ = JustAfterEach(func() {
	if !CurrentSpecReport().Failed() {
		return
	}
	text, err := operator.Log()
	Expect(err).NotTo(HaveOccurred())
	lines := strings.Split(text, "\n")
	AddReportEntry("the operator's log", strings.Join(lines[max(0, len(lines)-60):], "\n"), ReportEntryVisibilityFailureOrVerbose)
})
