package chart_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/test/audit"
	"firebreak.dev/firebreak/test/harness"
)

const chart = "config/chart"

// cluster is a control plane and the two programs that users install Firebreak with.
type cluster struct {
	*WithT
	t          *testing.T
	plane      *harness.ControlPlane
	kubeconfig string
}

// startCluster starts a control plane without anything of Firebreak, with the release's namespace.
func startCluster(t *testing.T) cluster {
	t.Helper()
	plane := start(t, harness.Options{ControllerManager: true, WithoutCRDs: true})
	c := cluster{WithT: NewWithT(t), t: t, plane: plane, kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	c.Expect(plane.AdminKubeconfig(c.kubeconfig)).To(Succeed())
	return c
}

func (c cluster) kubectl(args ...string) string {
	c.t.Helper()
	stdout, stderr, err := c.plane.Kubectl(c.t.Context(), args...)
	c.Expect(err).NotTo(HaveOccurred())
	c.Expect(stderr).To(BeEmpty())
	return stdout
}

// helm runs helm in the release's namespace; a warning of it or of the API server is a failure.
func (c cluster) helm(args ...string) string {
	c.t.Helper()
	stdout, err := helm(c.t, nil, append(args, "--kubeconfig="+c.kubeconfig, "--namespace="+namespace)...)
	c.Expect(err).NotTo(HaveOccurred())
	return stdout
}

// exists says whether an object, such as "deployment/x", is there.
func (c cluster) exists(args ...string) bool {
	c.t.Helper()
	return c.kubectl(append([]string{"get", "--ignore-not-found", "-o=name"}, args...)...) != ""
}

// policies is the number of NetworkPolicies of the sample.
func (c cluster) policies() int {
	return strings.Count(c.kubectl("get", "networkpolicies", "-n=production", "-o=name"), "\n")
}

// createNamespace does what docs/operations.md says, with the level of Pod Security that the kustomization sets.
func (c cluster) createNamespace() {
	c.t.Helper()
	c.kubectl("create", "namespace", namespace)
	c.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted", "pod-security.kubernetes.io/warn=restricted")
}

// runOperator runs the operator with the rights and the flags that the release has given it.
func (c cluster) runOperator() *harness.Manager {
	c.t.Helper()
	ctx := c.t.Context()
	kubeconfig, err := c.plane.ServiceAccountKubeconfig(ctx, namespace, harness.ManagerServiceAccount)
	c.Expect(err).NotTo(HaveOccurred())
	var deployment appsv1.Deployment
	c.Expect(yaml.Unmarshal([]byte(c.kubectl("get", "deployment", harness.ManagerServiceAccount, "-n="+namespace, "-o=yaml")), &deployment)).To(Succeed())
	var flags []string
	for _, flag := range deployment.Spec.Template.Spec.Containers[0].Args {
		// The ports of a pod may be taken on this machine.
		if !strings.Contains(flag, "-bind-address=") {
			flags = append(flags, flag)
		}
	}
	operator, err := c.plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig, Args: flags})
	c.Expect(err).NotTo(HaveOccurred())
	c.Expect(operator.WaitReady(ctx, time.Minute)).To(Succeed())
	return operator
}

func TestHelmInstallsUpgradesAndUninstalls(t *testing.T) {
	c := startCluster(t)
	c.createNamespace()
	old := olderChart(t)
	c.helm("install", release, old)
	c.Expect(c.kubectl("get", "crd", "segmentationprofiles.firebreak.dev", "-o=jsonpath={.spec.names.shortNames}")).To(BeEmpty())

	// An upgrade with other values, by the current chart.
	c.helm("upgrade", release, chart, "--set=replicas=3", "--set=operator.mode=Enforce", "--set=operator.maxWritesPerSecond=100", "--set=operator.workers=4", "--set=operator.verbosity=1", "--set=operator.protectedNamespaces={team-a,team-b}",
		"--set=operator.clusterCIDRs={203.0.113.0/24}", "--set=operator.nodeCIDRs={192.0.2.0/24}", "--set=operator.dnsServices={kube-system/kube-dns}", "--set=operator.nodeLocalDNS={169.254.20.10}",
		"--set=operator.internetNAT64=true", "--set=operator.logFormat=text")
	c.Expect(c.kubectl("get", "deployment", harness.ManagerServiceAccount, "-n="+namespace, "-o=jsonpath={.spec.replicas}")).To(Equal("3"))
	c.expectCurrentCRDs()

	// A user's view: whoever may edit a namespace declares a profile there, and it becomes ready.
	c.kubectl("create", "namespace", "production")
	c.kubectl("create", "rolebinding", "team", "-n=production", "--clusterrole=edit", "--user=alice")
	c.Eventually(func() error {
		_, _, err := c.plane.Kubectl(t.Context(), "--as=alice", "apply", "-f=config/samples/three-tier.yaml")
		return err
	}).Should(Succeed(), "the cluster's role edit is told of profiles")
	operator := c.runOperator()
	c.kubectl("--as=alice", "wait", "--for=condition=Ready", "--timeout=60s", "segp/shop", "-n=production")
	c.Expect(c.policies()).To(Equal(4))
	c.Expect(operator.Stop()).To(Succeed())
	requests, err := audit.Requests(c.plane)
	c.Expect(err).NotTo(HaveOccurred())
	c.Expect(len(requests)).To(BeNumerically(">", 10))
	c.Expect(audit.Denied(requests, nil)).To(BeEmpty(), "RBAC denied the operator that Helm installed")

	// What must stay stays, and a new release takes it over.
	c.helm("uninstall", release)
	c.Expect(c.exists("deployment,serviceaccount,role,networkpolicy,pdb,resourcequota", "-n="+namespace, "-l=app.kubernetes.io/name=firebreak")).To(BeFalse())
	c.Expect(c.exists("clusterrole,clusterrolebinding", "-l=app.kubernetes.io/name=firebreak")).To(BeFalse())
	c.Expect(c.exists("segp/shop", "-n=production")).To(BeTrue())
	c.Expect(c.policies()).To(Equal(4))
	c.helm("install", release, chart, "--set=crds.keep=false")

	// Unless it is said that nothing shall stay.
	c.helm("uninstall", release)
	c.Eventually(func() bool { return c.exists("crd") }).Should(BeFalse())
}

func TestHelmTakesOverWhatKubectlInstalled(t *testing.T) {
	c := startCluster(t)
	c.Expect(c.plane.ApplyConfig(t.Context())).To(Succeed())
	uid := func() string {
		return c.kubectl("get", "deployment", harness.ManagerServiceAccount, "-n="+namespace, "-o=jsonpath={.metadata.uid}")
	}
	before := uid()
	_, err := helm(t, nil, "install", release, chart, "--kubeconfig="+c.kubeconfig, "--namespace="+namespace)
	c.Expect(err).To(MatchError(ContainSubstring("invalid ownership metadata")))
	c.helm("install", release, chart, "--take-ownership")
	c.Expect(uid()).To(Equal(before), "the Deployment is not made anew")
}

// Everything that the chart can make is accepted by a real API server that refuses unknown fields, in a namespace that
// refuses pods that are not restricted.
func TestTheAPIServerAcceptsEveryValue(t *testing.T) {
	c := startCluster(t)
	c.createNamespace()
	dir := t.TempDir()
	for path, e := range effects() {
		manifests, err := tryRender(t, e.among.set(path, e.value))
		c.Expect(err).NotTo(HaveOccurred())
		if strings.Contains(manifests, "monitoring.coreos.com") {
			// Kinds of which this API server does not know. They are held against config/prometheus, which is tested.
			continue
		}
		file := filepath.Join(dir, path+".yaml")
		c.Expect(os.WriteFile(file, []byte(manifests), 0o600)).To(Succeed())
		_, stderr, err := c.plane.Kubectl(t.Context(), "apply", "--server-side", "--dry-run=server", "--validate=strict", "-f="+file)
		c.Expect(err).NotTo(HaveOccurred(), path)
		c.Expect(stderr).To(BeEmpty(), path)
	}
}

// expectCurrentCRDs holds the CRDs of the cluster against config/crd.
func (c cluster) expectCurrentCRDs() {
	c.t.Helper()
	for _, file := range []string{"firebreak.dev_segmentationprofiles.yaml", "firebreak.dev_clustersegmentationprofiles.yaml"} {
		text, err := os.ReadFile(filepath.Join(c.plane.Root(), "config", "crd", "bases", file))
		c.Expect(err).NotTo(HaveOccurred())
		var want, got apiextensionsv1.CustomResourceDefinition
		c.Expect(yaml.Unmarshal(text, &want)).To(Succeed())
		c.Expect(yaml.Unmarshal([]byte(c.kubectl("get", "crd", want.Name, "-o=yaml")), &got)).To(Succeed())
		c.Expect(got.Spec.Names.ShortNames).To(Equal(want.Spec.Names.ShortNames))
		c.Expect(got.Spec.Versions).To(Equal(want.Spec.Versions))
	}
}

// olderChart returns a copy of the chart whose CRDs know neither short names nor printed columns.
func olderChart(t *testing.T) string {
	t.Helper()
	g := NewWithT(t)
	dir := filepath.Join(t.TempDir(), "firebreak")
	g.Expect(os.CopyFS(dir, os.DirFS(filepath.Join(root(t), chart)))).To(Succeed())
	files, err := filepath.Glob(filepath.Join(dir, "files", "crd", "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files).To(HaveLen(2))
	for _, file := range files {
		text, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		var crd apiextensionsv1.CustomResourceDefinition
		g.Expect(yaml.UnmarshalStrict(text, &crd)).To(Succeed())
		crd.Spec.Names.ShortNames = nil
		crd.Spec.Versions[0].AdditionalPrinterColumns = nil
		text, err = yaml.Marshal(crd)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(os.WriteFile(file, text, 0o600)).To(Succeed())
	}
	return dir
}
