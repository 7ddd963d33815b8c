package health

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/test/harness"
)

// keys are where Argo CD looks for the script of each kind.
func keys() []string {
	const prefix = "resource.customizations.health.firebreak.dev_"
	return []string{prefix + "SegmentationProfile", prefix + "ClusterSegmentationProfile"}
}

// read returns a file of the repository.
func read(t *testing.T, path string) string {
	t.Helper()
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block returns the first code of a language in the section of operations.md about Argo CD.
func block(t *testing.T, language string) string {
	t.Helper()
	_, section, _ := strings.Cut(read(t, "docs/operations.md"), "\n## Argo CD and Flux\n")
	_, code, _ := strings.Cut(section, "```"+language+"\n")
	code, _, found := strings.Cut(code, "```")
	if !found {
		t.Fatalf("docs/operations.md shows no %s", language)
	}
	return code
}

func expectScript(t *testing.T, data map[string]string) {
	t.Helper()
	want := read(t, script)
	for _, key := range keys() {
		if data[key] != want {
			t.Errorf("%s is not %s, but:\n%s", key, script, data[key])
		}
	}
	if data["url"] != "https://argocd.example.com" {
		t.Errorf("what was there before is gone: %v", data)
	}
}

// TestTheComponentOfTheDocumentationInstallsTheScript builds the kustomization that operations.md shows.
func TestTheComponentOfTheDocumentationInstallsTheScript(t *testing.T) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "config", "argocd"), os.DirFS(filepath.Join(root, "config", "argocd"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "argocd"), 0o750); err != nil {
		t.Fatal(err)
	}
	// As in Argo CD's own manifests: without a namespace.
	const install = "{apiVersion: v1, kind: ConfigMap, metadata: {name: argocd-cm}, data: {url: https://argocd.example.com}}"
	for file, text := range map[string]string{"kustomization.yaml": block(t, "yaml"), "install.yaml": install} {
		if err := os.WriteFile(filepath.Join(dir, "argocd", file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kubectl, err := harness.Program("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), kubectl, "kustomize", filepath.Join(dir, "argocd")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var built corev1.ConfigMap
	if err := yaml.Unmarshal(out, &built); err != nil {
		t.Fatal(err)
	}
	if built.Name != "argocd-cm" || built.Namespace != "argocd" {
		t.Errorf("%s/%s", built.Namespace, built.Name)
	}
	expectScript(t, built.Data)
}

// TestTheCommandOfTheDocumentationInstallsTheScript runs the command that operations.md shows.
func TestTheCommandOfTheDocumentationInstallsTheScript(t *testing.T) {
	plane, err := harness.Start(t.Context(), harness.Options{WithoutCRDs: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	k8s, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k8s.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "argocd"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	before := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "argocd-cm"}, Data: map[string]string{"url": "https://argocd.example.com"}}
	if _, err := k8s.CoreV1().ConfigMaps("argocd").Create(ctx, before, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	kubectl, err := harness.Program("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := plane.AdminKubeconfig(kubeconfig); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, "bash", "-ec", block(t, "sh"))
	command.Dir = plane.Root()
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+filepath.Dir(kubectl)+":"+os.Getenv("PATH"))
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	after, err := k8s.CoreV1().ConfigMaps("argocd").Get(ctx, "argocd-cm", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	expectScript(t, after.Data)
}
