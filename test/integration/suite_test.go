// Package integration_test runs the operator's own binary, with the ServiceAccount and RBAC that are shipped and nothing
// more, against a real control plane: etcd, kube-apiserver, and kube-controller-manager for garbage collection and the
// deletion of namespaces. It sees only what users see: objects, kubectl, events, metrics and the audit log.
package integration_test

import (
	"context"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/test/audit"
	"firebreak.dev/firebreak/test/harness"
	"firebreak.dev/firebreak/test/truth"
)

// dnsAddress is where the cluster's DNS is, as in the compiler's golden files.
const dnsAddress = "10.96.0.10"

// The suite has one control plane and one operator. Each spec has namespaces and cluster profiles of its own.
var (
	plane *harness.ControlPlane
	// k8s has all rights; operator has those that are shipped.
	k8s                client.WithWatch
	operator           *harness.Manager
	operatorKubeconfig string
	// scraper is the token of one who may read the metrics, and nothing else.
	scraper string
)

func TestIntegration(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	SetDefaultConsistentlyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "integration")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter)))
	plane, k8s = startPlane(ctx)
	recordStatuses(ctx)
	scraper = newScraper(ctx)
	operatorKubeconfig, operator = startOperator(ctx, plane)
	DeferCleanup(func() error { return operator.Stop() })
	createDNS(ctx)
})

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
		AddReportEntry("measured", report.String())
		Expect(report.Violations).To(BeEmpty(), "%s", report.Violations)
		if runsAll() {
			Expect(report.Healthy).To(BeNumerically(">", 200), "%s", report)
		}
	}, NodeTimeout(time.Minute))
}

// runsAll says whether no spec was left out by flags.
func runsAll() bool {
	config, _ := GinkgoConfiguration()
	return len(config.FocusStrings)+len(config.SkipStrings)+len(config.FocusFiles)+len(config.SkipFiles) == 0 && config.LabelFilter == ""
}

// startPlane starts a control plane with Firebreak's configuration until the suite, the container or the spec ends. Feature gates
// of the API server are as they are by default where nothing else is said.
func startPlane(ctx context.Context, gates ...string) (*harness.ControlPlane, client.WithWatch) {
	GinkgoHelper()
	plane, err := harness.Start(ctx, harness.Options{
		ControllerManager: true,
		APIServerFlags: map[string]string{
			// Room for dnsAddress.
			"service-cluster-ip-range": "10.96.0.0/16",
			// With it, whoever sets blockOwnerDeletion needs a right on the owner's finalizers.
			"enable-admission-plugins": "OwnerReferencesPermissionEnforcement",
			"feature-gates":            strings.Join(gates, ","),
		},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	DeferCleanup(func() { Expect(audit.Denied(requestsOf(plane), nil)).To(BeEmpty(), "RBAC denied the operator") })
	Expect(plane.ApplyConfig(ctx)).To(Succeed())

	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	config := plane.Config()
	config.QPS = -1
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	return plane, c
}

// startOperator starts the operator under its ServiceAccount. Whoever calls it stops it.
func startOperator(ctx context.Context, plane *harness.ControlPlane, args ...string) (string, *harness.Manager) {
	GinkgoHelper()
	kubeconfig, err := plane.ServiceAccountKubeconfig(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount)
	Expect(err).NotTo(HaveOccurred())
	manager, err := plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig, Args: args})
	Expect(err).NotTo(HaveOccurred())
	Expect(manager.WaitReady(ctx, time.Minute)).To(Succeed())
	return kubeconfig, manager
}

// createDNS makes the Service that clusters have; the API server may take a moment to make its namespace.
func createDNS(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() error {
		return k8s.Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "kube-dns", Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}},
			Spec: corev1.ServiceSpec{
				ClusterIP: dnsAddress,
				Selector:  map[string]string{"k8s-app": "kube-dns"},
				Ports: []corev1.ServicePort{
					{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP},
					{Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP},
					{Name: "metrics", Port: 9153, Protocol: corev1.ProtocolTCP},
				},
			},
		})
	}).Should(Succeed())
}
