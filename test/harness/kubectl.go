package harness

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Kubectl runs kubectl with all rights and returns what it printed. When it fails, the error holds what it said.
func (c *ControlPlane) Kubectl(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	return c.KubectlStdin(ctx, strings.NewReader(""), args...)
}

// KubectlStdin is Kubectl with something on its standard input, for `-f -`. A --kubeconfig among args replaces the
// administrator's, which is in the environment: a plugin takes no flags before its name.
func (c *ControlPlane) KubectlStdin(
	ctx context.Context, stdin io.Reader, args ...string,
) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "kubectl"), args...)
	cmd.Dir = c.root
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &errOut
	// Neither the user's discovery cache, which is of other clusters, nor the user's preferences take part.
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.adminKubeconfig(), "KUBECACHEDIR="+filepath.Join(c.dir, "kubectl-cache"), "KUBERC=off")
	if err := cmd.Run(); err != nil {
		return out.String(), errOut.String(), fmt.Errorf("kubectl %s: %w: %s",
			strings.Join(args, " "), err, strings.TrimSpace(errOut.String()))
	}
	return out.String(), errOut.String(), nil
}

// ApplyConfig installs config/default the way a user does: CRDs, namespace, ServiceAccount, RBAC and the Deployment.
// The Deployment's pods never run, because nothing here makes them; StartManager runs the operator.
func (c *ControlPlane) ApplyConfig(ctx context.Context) error {
	manifests, _, err := c.Kubectl(ctx, "kustomize", filepath.Join(c.root, "config", "default"))
	if err != nil {
		return err
	}
	_, stderr, err := c.KubectlStdin(ctx, strings.NewReader(manifests), "apply", "--server-side", "-f", "-")
	if err != nil {
		return err
	}
	// A warning here is one that every user would see, such as a pod that its namespace would refuse.
	if warning := strings.TrimSpace(stderr); warning != "" {
		return fmt.Errorf("apply config/default: %s", warning)
	}
	return nil
}
