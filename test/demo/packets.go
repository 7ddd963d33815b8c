package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"firebreak.dev/firebreak/test/dataplane/testbed"
	"firebreak.dev/firebreak/test/harness"
)

// operatorVariable is set, inside the sandbox, to the path of the operator.
const operatorVariable = "FIREBREAK_OPERATOR"

// packetsPossible says whether this machine can show packets.
func packetsPossible(ctx context.Context) error {
	if enabled("KEEP") {
		return errors.New("KEEP=1 and PACKETS=1 do not go together: the network of the latter ends with the program")
	}
	if err := testbed.Possible(ctx); err != nil {
		return fmt.Errorf("this machine cannot show packets (PACKETS=1): %w", err)
	}
	return nil
}

// enterSandbox builds what needs Go outside, runs the demo with packets in a sandbox, and returns its exit code. The sandbox, with
// all processes and files in it, goes as soon as ctx or this program ends.
func enterSandbox(ctx context.Context, t *terminal) (int, error) {
	if err := packetsPossible(ctx); err != nil {
		return 0, err
	}
	t.say("Firebreak demo with real packets: a network namespace for each pod and host, and a network plugin of Kubernetes " +
		"SIG Network, kube-network-policies, between them. All of it is in a sandbox out of which no packet leads.")
	fmt.Fprintln(t.out)
	d := &demo{terminal: t}
	err := t.timed("Building the operator (the first time, this takes a minute or two)", func() error {
		operator, err := harness.BuildManager(ctx)
		if err != nil {
			return err
		}
		return os.Setenv(operatorVariable, operator)
	})
	if err != nil {
		return 0, err
	}
	if err := d.installPlugin(ctx); err != nil {
		return 0, err
	}
	return testbed.Enter(ctx)
}

// wire is a demo with a network.
type wire struct {
	*demo
	cluster *testbed.Cluster
	// Pods of the application, and a host of the internet.
	frontend, api, database, internet *testbed.Host
}

// showPackets runs inside the sandbox: it starts and shows everything.
func showPackets(ctx context.Context, t *terminal) error {
	testbed.Furnish(ctx)
	// This directory is the sandbox's own. What is written there goes with it, however it ends.
	if err := os.Setenv("TMPDIR", "/run"); err != nil {
		return err
	}
	w := &wire{demo: &demo{terminal: t}}
	return errors.Join(w.run(ctx), w.stop())
}

func (w *wire) run(ctx context.Context) error {
	started := time.Now()
	for _, stage := range []struct {
		what string
		run  func(context.Context) error
	}{
		{"Starting etcd, kube-apiserver, kube-network-policies and kube-proxy", w.startCluster},
		{"Installing config/default and starting the operator, with just the rights in there", w.startOperator},
		{"Starting a shop of three pods, and a host that stands for the internet", w.startHosts},
	} {
		if err := w.timed(stage.what, func() error { return stage.run(ctx) }); err != nil {
			return err
		}
	}
	for _, step := range []step{
		{"Before: everybody talks to everybody", w.before},
		{"One profile, and what it does not list is dropped", w.after},
		{"Somebody opens a hole", w.openHole},
	} {
		w.heading(step.title)
		if err := step.show(ctx); err != nil {
			return fmt.Errorf("step %d, %q: %w", w.steps, step.title, err)
		}
	}
	w.say("That was all, in %.0f s. The same with every connection there is: make test-dataplane.", time.Since(started).Seconds())
	return nil
}

func (w *wire) stop() error {
	var errs []error
	if w.manager != nil {
		errs = append(errs, w.manager.Kill())
	}
	if w.cluster != nil {
		errs = append(errs, w.cluster.Stop())
	}
	return errors.Join(errs...)
}

func (w *wire) startCluster(ctx context.Context) (err error) {
	if w.cluster, err = testbed.Start(ctx); err != nil {
		return err
	}
	w.plane = w.cluster.Plane
	w.client, err = kubernetes.NewForConfig(w.plane.Config())
	return err
}

func (w *wire) startOperator(ctx context.Context) error {
	if err := w.plane.ApplyConfig(ctx); err != nil {
		return err
	}
	kubeconfig, err := w.plane.ServiceAccountKubeconfig(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount)
	if err != nil {
		return err
	}
	w.manager, err = w.plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig, Binary: os.Getenv(operatorVariable)})
	if err != nil {
		return err
	}
	return w.manager.WaitReady(ctx, managerTimeout)
}

// startHosts runs pods, with the labels of the sample, and a host outside. Each answers on the ports at which it is called later,
// so that whatever gets no answer was denied.
func (w *wire) startHosts(ctx context.Context) (err error) {
	for _, name := range []string{namespace, "ingress-nginx", "monitoring"} {
		if err := w.createNamespace(ctx, name); err != nil {
			return err
		}
	}
	for _, pod := range []struct {
		host **testbed.Host
		name string
		port int32
	}{{&w.frontend, "frontend", 8080}, {&w.api, "api", 8080}, {&w.database, "database", 5432}} {
		*pod.host, err = w.cluster.RunPod(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pod.name, Labels: map[string]string{"tier": pod.name}},
		})
		if err != nil {
			return err
		}
		if err := (*pod.host).Listen(ctx, testbed.TCP(pod.port)); err != nil {
			return err
		}
	}
	if w.internet, err = w.cluster.Outside(ctx, "internet", "203.0.113.10"); err != nil {
		return err
	}
	return w.internet.Listen(ctx, testbed.TCP(25), testbed.TCP(443))
}
