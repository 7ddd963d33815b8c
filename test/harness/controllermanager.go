package harness

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// RestartControllerManager kills kube-controller-manager and starts another one. A CustomResourceDefinition that was deleted
// and made anew is watched by the garbage collector at once then; otherwise it looks for new ones every 30 seconds.
func (c *ControlPlane) RestartControllerManager(ctx context.Context) error {
	if c.controllerManager == nil {
		return errors.New("the control plane was started without ControllerManager")
	}
	if err := c.controllerManager.Kill(); err != nil {
		return fmt.Errorf("kill kube-controller-manager: %w", err)
	}
	return c.startControllerManager(ctx, c.controllers)
}

// startControllerManager starts kube-controller-manager and waits until it has made the default ServiceAccount of the
// default namespace: its health endpoint answers long before any controller works.
func (c *ControlPlane) startControllerManager(ctx context.Context, more []string) error {
	c.controllers = more
	controllers := append([]string{
		"namespace-controller",
		"serviceaccount-controller",
		"garbage-collector-controller",
		"clusterrole-aggregation-controller",
	}, more...)
	process, err := StartProcess(ctx, Command{
		Program: filepath.Join(c.bin, "kube-controller-manager"),
		Args: []string{
			"--kubeconfig=" + c.adminKubeconfig(),
			"--controllers=" + strings.Join(controllers, ","),
			"--leader-elect=false",
			"--secure-port=0",
		},
		Log: filepath.Join(c.dir, "kube-controller-manager.log"),
	})
	if err != nil {
		return err
	}
	c.controllerManager = process

	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, startTimeout, true,
		func(ctx context.Context) (bool, error) {
			if err := process.Failure(); err != nil {
				return false, err
			}
			_, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return false, nil
			}
			return err == nil, err
		})
	if err != nil {
		return fmt.Errorf("wait for kube-controller-manager: %w", err)
	}
	return nil
}
