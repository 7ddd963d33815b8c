// Package crd_test proves, on a real API server, what the schema and the CEL rules of the CRDs accept, refuse, fill in
// and print.
package crd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"
)

// crds is where the generated CRDs are, and samples where the sample profiles are.
const (
	crds    = "../../config/crd/bases"
	samples = "../../config/samples"
)

// kind is one of the two kinds of profile, with what a manifest of that kind needs besides the fields that both share.
type kind struct {
	name      string
	resource  string
	short     string
	namespace string
	spec      string
}

func (k kind) String() string { return k.name }

func bothKinds() []kind {
	return []kind{
		{name: "SegmentationProfile", resource: "segmentationprofile", short: "segp", namespace: "default"},
		{name: "ClusterSegmentationProfile", resource: "clustersegmentationprofile", short: "csegp", spec: "namespaceSelector: {}\n"},
	}
}

// apiServer is the API server that every test of this package talks to.
var apiServer struct {
	environment *envtest.Environment
	// client asks for strict field validation, as kubectl does.
	client client.Client
	// kubectl is the program, and kubeconfig what it reads to reach the server with all rights.
	kubectl, kubeconfig string
}

func TestCRDs(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "CRDs")
}

var _ = BeforeSuite(func() {
	programs := os.Getenv("KUBEBUILDER_ASSETS")
	if programs == "" {
		programs = "../../bin/k8s"
	}
	apiServer.environment = &envtest.Environment{
		BinaryAssetsDirectory:    programs,
		CRDDirectoryPaths:        []string{crds},
		ErrorIfCRDPathMissing:    true,
		UseExistingCluster:       new(bool),
		ControlPlaneStartTimeout: 90 * time.Second,
	}
	config, err := apiServer.environment.Start()
	Expect(err).NotTo(HaveOccurred(), "KUBEBUILDER_ASSETS, or bin/k8s, must hold etcd, kube-apiserver and kubectl")

	plain, err := client.New(config, client.Options{Scheme: runtime.NewScheme()})
	Expect(err).NotTo(HaveOccurred())
	apiServer.client = client.WithFieldValidation(plain, metav1.FieldValidationStrict)
	user, err := apiServer.environment.AddUser(envtest.User{Name: "tester", Groups: []string{"system:masters"}}, nil)
	Expect(err).NotTo(HaveOccurred())
	kubeconfig, err := user.KubeConfig()
	Expect(err).NotTo(HaveOccurred())
	apiServer.kubeconfig = filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(apiServer.kubeconfig, kubeconfig, 0o600)).To(Succeed())
	apiServer.kubectl = filepath.Join(programs, "kubectl")
})

var _ = AfterSuite(func() {
	Expect(apiServer.environment.Stop()).To(Succeed())
})

// profile makes an object of a kind from the YAML of the fields of spec that both kinds share.
func profile(k kind, name, spec string) *unstructured.Unstructured {
	GinkgoHelper()
	fields := map[string]any{}
	// By way of JSON: its decoder makes whole numbers int64, as in what the API server answers.
	text, err := yaml.YAMLToJSON([]byte(k.spec + spec))
	Expect(err).NotTo(HaveOccurred(), "the spec of this test: %s", spec)
	Expect(json.Unmarshal(text, &fields)).To(Succeed())
	if fields == nil {
		fields = map[string]any{} // An empty spec, not a missing one.
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": fields}}
	object.SetAPIVersion("firebreak.dev/v1alpha1")
	object.SetKind(k.name)
	object.SetName(name)
	object.SetNamespace(k.namespace)
	return object
}

// tried asks the API server to check an object without storing it.
func tried(ctx context.Context, object *unstructured.Unstructured) error {
	return apiServer.client.Create(ctx, object, client.DryRunAll)
}

// created stores an object until the end of the test.
func created(ctx context.Context, object *unstructured.Unstructured) *unstructured.Unstructured {
	GinkgoHelper()
	Expect(apiServer.client.Create(ctx, object)).To(Succeed())
	DeferCleanup(func(ctx context.Context) {
		Expect(client.IgnoreNotFound(apiServer.client.Delete(ctx, object))).To(Succeed())
	})
	return object
}

// kubectl runs kubectl and returns what it prints.
func kubectl(ctx context.Context, arguments ...string) string {
	GinkgoHelper()
	output, err := runKubectl(ctx, arguments...)
	Expect(err).NotTo(HaveOccurred())
	return output
}

// explained returns what kubectl explain prints. It waits for the schema, which the API server publishes a moment after
// it serves a new kind.
func explained(ctx context.Context, path string) string {
	GinkgoHelper()
	var output string
	Eventually(ctx, func(ctx context.Context) (err error) {
		output, err = runKubectl(ctx, "explain", path)
		return err
	}, "30s").Should(Succeed())
	return output
}

func runKubectl(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, apiServer.kubectl, append([]string{"--kubeconfig", apiServer.kubeconfig}, arguments...)...)
	stderr := new(strings.Builder)
	command.Stderr = stderr
	stdout, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("kubectl %v: %w: %s", arguments, err, stderr)
	}
	return string(stdout), nil
}
