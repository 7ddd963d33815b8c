package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"

	"firebreak.dev/firebreak/test/harness"
)

// managerTimeout bounds the start of the operator.
const managerTimeout = time.Minute

// demo is the cluster and the terminal. The zero values of the others are "not started".
type demo struct {
	*terminal
	keep    bool
	plane   *harness.ControlPlane
	manager *harness.Manager
	client  kubernetes.Interface
	// plugin is the path of the kubectl plugin.
	plugin string
}

// start starts the control plane, without anything of Firebreak.
func (d *demo) start(ctx context.Context) error {
	d.say("Firebreak demo: a real Kubernetes API server and the real operator, on this machine only. There are no " +
		"nodes and there is no network plugin: you will see policies being written and kept, not packets being dropped.")
	fmt.Fprintln(d.out)
	return d.timed("Starting etcd and kube-apiserver", func() (err error) {
		d.plane, err = harness.Start(ctx, harness.Options{
			WithoutCRDs: true,
			// As kubeadm sets it, so that the DNS address looks familiar.
			APIServerFlags: map[string]string{"service-cluster-ip-range": "10.96.0.0/16"},
		})
		if err != nil {
			return err
		}
		d.client, err = kubernetes.NewForConfig(d.plane.Config())
		return err
	})
}

// stop stops and removes everything that was started, also when ctx has ended.
func (d *demo) stop(ctx context.Context) error {
	var errs []error
	switch {
	case d.manager == nil:
	case ctx.Err() != nil:
		// Ctrl-C in a terminal has reached the operator, too. A second signal would make it end with an error.
		errs = append(errs, d.manager.Kill())
	default:
		errs = append(errs, d.manager.Stop())
	}
	if d.plane != nil {
		errs = append(errs, d.plane.Stop())
	}
	return errors.Join(errs...)
}

// startManager builds the operator and runs it as the ServiceAccount that config/default installs.
func (d *demo) startManager(ctx context.Context) error {
	err := d.timed("Building the operator (the first time, this takes a minute or two)", func() error {
		_, err := harness.BuildManager(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if err := d.installPlugin(ctx); err != nil {
		return err
	}
	return d.timed("Starting the operator", func() error {
		kubeconfig, err := d.plane.ServiceAccountKubeconfig(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount)
		if err != nil {
			return err
		}
		if d.manager, err = d.plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig}); err != nil {
			return err
		}
		return d.manager.WaitReady(ctx, managerTimeout)
	})
}

// installPlugin builds the kubectl plugin and puts it where kubectl looks for it.
func (d *demo) installPlugin(ctx context.Context) error {
	return d.timed("Building the kubectl plugin", func() (err error) {
		if d.plugin, err = harness.BuildPlugin(ctx); err != nil {
			return err
		}
		return os.Setenv("PATH", filepath.Dir(d.plugin)+string(os.PathListSeparator)+os.Getenv("PATH"))
	})
}

// populate makes what a cluster with nodes would have by itself or by its users: namespaces, the DNS Service, and pods
// that run.
func (d *demo) populate(ctx context.Context) error {
	for _, name := range []string{namespace, "ingress-nginx", "monitoring"} {
		if err := d.createNamespace(ctx, name); err != nil {
			return err
		}
	}
	dns := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "kube-dns", Labels: map[string]string{"k8s-app": "kube-dns"}},
		Spec: corev1.ServiceSpec{
			ClusterIP: "10.96.0.10",
			Selector:  map[string]string{"k8s-app": "kube-dns"},
			Ports: []corev1.ServicePort{
				{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP, TargetPort: intstr.FromInt32(53)},
				{Name: "dns-tcp", Port: 53, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(53)},
			},
		},
	}
	if _, err := d.client.CoreV1().Services("kube-system").Create(ctx, dns, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create Service kube-dns: %w", err)
	}
	return d.runPods(ctx,
		workload{namespace, "frontend", "tier=frontend", 8080, []string{"10.244.0.10", "10.244.0.11"}},
		workload{namespace, "api", "tier=api", 8080, []string{"10.244.0.12", "10.244.0.13"}},
		workload{namespace, "database", "tier=database", 5432, []string{"10.244.0.14"}},
	)
}

// waitForUser leaves everything running until Ctrl-C.
func (d *demo) waitForUser(ctx context.Context) error {
	kubeconfig := filepath.Join(d.plane.Dir(), "kubeconfig")
	if err := d.plane.AdminKubeconfig(kubeconfig); err != nil {
		return err
	}
	d.heading("Now you")
	d.say("Everything keeps running. In another terminal:")
	fmt.Fprintln(d.out)
	programs := filepath.Dir(d.plugin)
	if _, err := exec.LookPath("kubectl"); err != nil {
		programs += ":" + filepath.Join(d.plane.Root(), "bin", "k8s")
	}
	fmt.Fprintf(d.out, "    export PATH=%s:$PATH\n", programs)
	fmt.Fprintf(d.out, "    export KUBECONFIG=%s\n    kubectl firebreak status -A\n", kubeconfig)
	d.say("Ctrl-C here stops and removes everything.")
	select {
	case <-ctx.Done():
		d.say("Stopping.")
		return nil
	case <-d.manager.Exited():
		// Ctrl-C in a terminal reaches the operator as well.
		if ctx.Err() == nil {
			return errors.New("the operator ended by itself")
		}
		return nil
	}
}
