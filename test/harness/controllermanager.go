package harness

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// startControllerManager starts kube-controller-manager and waits until it has made the default ServiceAccount of the
// default namespace: its health endpoint answers long before any controller works.
func (c *ControlPlane) startControllerManager(ctx context.Context, more []string) error {
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
