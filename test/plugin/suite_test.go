// Package plugin_test runs the plugin's own binary, called by kubectl as users call it, against a real control plane with
// the operator's own binary at work. It sees what users see: outputs and exit codes.
package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"firebreak.dev/firebreak/internal/live"
	"firebreak.dev/firebreak/test/audit"
	"firebreak.dev/firebreak/test/harness"
)

// The suite has one control plane and one operator. Each spec has namespaces and cluster profiles of its own.
var (
	plane    *harness.ControlPlane
	operator *harness.Manager
	// k8s has all rights, and so has whoever uses the kubeconfig admin.
	k8s   client.WithWatch
	admin string
	// binary is the plugin.
	binary string
)

func TestPlugin(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "plugin")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(zap.New(zap.WriteTo(GinkgoWriter)))
	var err error
	plane, err = harness.Start(ctx, harness.Options{
		ControllerManager: true, APIServerFlags: map[string]string{"service-cluster-ip-range": "10.96.0.0/16"},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	DeferCleanup(expectNothingDenied)
	Expect(plane.ApplyConfig(ctx)).To(Succeed())
	k8s, err = live.NewClient(plane.Config())
	Expect(err).NotTo(HaveOccurred())
	admin = filepath.Join(GinkgoT().TempDir(), "admin.kubeconfig")
	Expect(plane.AdminKubeconfig(admin)).To(Succeed())
	binary, err = harness.BuildPlugin(ctx)
	Expect(err).NotTo(HaveOccurred())

	kubeconfig, err := plane.ServiceAccountKubeconfig(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount)
	Expect(err).NotTo(HaveOccurred())
	operator, err = plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() error { return operator.Stop() })
	Expect(operator.WaitReady(ctx, time.Minute)).To(Succeed())
	createDNS(ctx)
})

// expectNothingDenied says that the shipped rights sufficed for whatever the operator did in this suite.
func expectNothingDenied() {
	GinkgoHelper()
	requests, err := audit.Requests(plane)
	Expect(err).NotTo(HaveOccurred())
	Expect(audit.Denied(requests, nil)).To(BeEmpty(), "RBAC denied the operator")
}

// createDNS makes the Service that clusters have; the API server may take a moment to make its namespace.
func createDNS(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() error {
		return k8s.Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: "kube-dns", Namespace: "kube-system", Labels: map[string]string{"k8s-app": "kube-dns"}},
			Spec: corev1.ServiceSpec{
				ClusterIP: "10.96.0.10",
				Selector:  map[string]string{"k8s-app": "kube-dns"},
				Ports: []corev1.ServicePort{
					{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP},
					{Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP},
				},
			},
		})
	}).Should(Succeed())
}

// answer is what a call of the plugin came to.
type answer struct {
	stdout, stderr string
	code           int
}

// firebreak runs `kubectl firebreak` with all rights, in the root of the repository.
func firebreak(ctx context.Context, args ...string) answer {
	GinkgoHelper()
	return firebreakAs(ctx, admin, "", args...)
}

// firebreakAs runs `kubectl firebreak` with a kubeconfig and something on its standard input.
func firebreakAs(ctx context.Context, kubeconfig, stdin string, args ...string) answer {
	GinkgoHelper()
	kubectl, err := harness.Program("kubectl")
	Expect(err).NotTo(HaveOccurred())
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, kubectl, append([]string{"firebreak"}, args...)...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = plane.Root(), strings.NewReader(stdin), &stdout, &stderr
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+filepath.Dir(binary)+string(os.PathListSeparator)+os.Getenv("PATH"))
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		Expect(err).NotTo(HaveOccurred())
	}
	return answer{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// newNamespace makes a namespace for a spec, and removes it when it ends.
func newNamespace(ctx context.Context, labels map[string]string) string {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "plugin-", Labels: labels}}
	Expect(k8s.Create(ctx, ns)).To(Succeed())
	DeferCleanup(func(ctx context.Context) error { return client.IgnoreNotFound(k8s.Delete(ctx, ns)) })
	return ns.Name
}
