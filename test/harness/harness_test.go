package harness_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"firebreak.dev/firebreak/test/harness"
)

func TestControlPlaneRunsWithTheShippedConfiguration(t *testing.T) {
	ctx := t.Context()
	plane, err := harness.Start(ctx, harness.Options{ControllerManager: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(plane.Dir()); !os.IsNotExist(err) {
			t.Errorf("%s is left behind: %v", plane.Dir(), err)
		}
	})
	if err := plane.ApplyConfig(ctx); err != nil {
		t.Fatal(err)
	}

	t.Run("kubectl explains the kinds", func(t *testing.T) {
		stdout := kubectl(t, plane, "explain", "segmentationprofile.spec.tiers")
		if !strings.Contains(stdout, "podSelector") {
			t.Errorf("no podSelector in:\n%s", stdout)
		}
	})
	t.Run("the samples are valid", func(t *testing.T) {
		kubectl(t, plane, "apply", "-f", "config/samples/namespaces.yaml")
		kubectl(t, plane, "apply", "--dry-run=server", "-k", "config/samples")
	})
	t.Run("the operator's ServiceAccount has the shipped rights and no others", func(t *testing.T) {
		kubeconfig, err := plane.ServiceAccountKubeconfig(t.Context(),
			harness.ManagerNamespace, harness.ManagerServiceAccount)
		if err != nil {
			t.Fatal(err)
		}
		for request, want := range map[string]string{
			"create networkpolicies -n default":                          "yes",
			"patch networkpolicies -n default":                           "no",
			"patch segmentationprofiles --subresource=status -n default": "yes",
			"update segmentationprofiles -n default":                     "no",
			"update leases -n firebreak-system":                          "yes",
			"update leases -n default":                                   "no",
			"get secrets -n firebreak-system":                            "no",
		} {
			args := append([]string{"--kubeconfig=" + kubeconfig, "auth", "can-i"}, strings.Fields(request)...)
			// It exits with 1 when the answer is no.
			stdout, stderr, _ := plane.Kubectl(t.Context(), args...)
			if got := strings.TrimSpace(stdout); got != want {
				t.Errorf("can-i %s: got %q, want %q (%s)", request, got, want, stderr)
			}
		}
	})
	t.Run("a deleted namespace goes", func(t *testing.T) {
		kubectl(t, plane, "create", "namespace", "short-lived")
		kubectl(t, plane, "delete", "namespace", "short-lived", "--timeout=60s")
	})
	t.Run("requests of the operator's ServiceAccount are in the audit log, and no others", func(t *testing.T) {
		err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 10*time.Second, true,
			func(context.Context) (bool, error) {
				content, err := os.ReadFile(plane.AuditLog())
				if strings.Contains(string(content), `"short-lived"`) {
					t.Error("the administrator's are, too")
				}
				return strings.Contains(string(content), `"selfsubjectaccessreviews"`), err
			})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestStartSaysWhatToDoWithoutPrograms(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", "")
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module firebreak.dev/firebreak\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(root)
	_, err := harness.Start(t.Context(), harness.Options{})
	if err == nil || !strings.Contains(err.Error(), `run "make controlplane"`) {
		t.Errorf("got %v, want advice", err)
	}
}

func kubectl(t *testing.T, plane *harness.ControlPlane, args ...string) string {
	t.Helper()
	stdout, _, err := plane.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return stdout
}
