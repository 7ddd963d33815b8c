package harness_test

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"firebreak.dev/firebreak/test/harness"
)

func TestAControlPlaneIsKilledAndComesBackAsItWas(t *testing.T) {
	ctx := t.Context()
	plane, err := harness.Start(ctx, harness.Options{Outages: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	maps := client.CoreV1().ConfigMaps("default")
	mustNotAnswer := func() {
		t.Helper()
		within, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := maps.Get(within, "first", metav1.GetOptions{}); err == nil || apierrors.IsNotFound(err) {
			t.Fatalf("get from a control plane that is down: %v", err)
		}
	}
	create := func(name string) *corev1.ConfigMap {
		t.Helper()
		object, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return object
	}
	first := create("first")
	// Something newer than the version from which the watch is to go on.
	create("second")

	for component, meanwhile := range map[harness.Component]func(context.Context) error{
		harness.Etcd:      func(context.Context) error { return nil },
		harness.APIServer: plane.Compact,
	} {
		if err := plane.Kill(ctx, component); err != nil {
			t.Fatal(err)
		}
		mustNotAnswer()
		if err := meanwhile(ctx); err != nil {
			t.Fatal(err)
		}
		if err := plane.Revive(ctx, component); err != nil {
			t.Fatal(err)
		}
		now, err := maps.Get(ctx, "first", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if now.UID != first.UID || now.ResourceVersion != first.ResourceVersion {
			t.Errorf("after %s was down: %s, want %s", component, now.ResourceVersion, first.ResourceVersion)
		}
	}

	seconds := int64(5)
	events, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: first.ResourceVersion, TimeoutSeconds: &seconds})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Stop()
	if event := <-events.ResultChan(); event.Type != watch.Error || !apierrors.IsResourceExpired(apierrors.FromObject(event.Object)) {
		t.Errorf("a watch from before the compaction gets %v, want 410", event)
	}
}

func TestAControlPlaneIsNotKilledUnlessItWasMeantToBe(t *testing.T) {
	var plane harness.ControlPlane
	for _, err := range []error{plane.Kill(t.Context(), harness.Etcd), plane.Revive(t.Context(), harness.Etcd)} {
		if err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want an error", err)
		}
	}
}
