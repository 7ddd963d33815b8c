package harness_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"firebreak.dev/firebreak/test/harness"
)

func TestManagerRunsWithItsServiceAccount(t *testing.T) {
	ctx := t.Context()
	plane, err := harness.Start(ctx, harness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := plane.ApplyConfig(ctx); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := plane.ServiceAccountKubeconfig(ctx, harness.ManagerNamespace, harness.ManagerServiceAccount)
	if err != nil {
		t.Fatal(err)
	}

	manager, err := plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.WaitReady(ctx, time.Minute); err != nil {
		t.Error(err)
	}
	if code, _, err := manager.Metrics(ctx, ""); err != nil || code != http.StatusUnauthorized {
		t.Errorf("get the metrics as nobody: %d, %v", code, err)
	}
	if err := manager.Stop(); err != nil {
		t.Error(err)
	}

	t.Run("waiting for one that ends says why it ended", func(t *testing.T) {
		failing, err := plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig, Args: []string{"--no-such-flag"}})
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		if err := failing.WaitReady(ctx, time.Minute); err == nil || time.Since(started) > 30*time.Second {
			t.Errorf("got %v after %s, want an error at once", err, time.Since(started))
		}
	})
	t.Run("a killed one is gone", func(t *testing.T) {
		killed, err := plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig})
		if err != nil {
			t.Fatal(err)
		}
		if err := killed.Kill(); err != nil {
			t.Error(err)
		}
		select {
		case <-killed.Exited():
		default:
			t.Error("it has not exited")
		}
	})
	t.Run("one that nobody stopped is killed with the control plane, which says so", func(t *testing.T) {
		forgotten, err := plane.StartManager(ctx, harness.ManagerOptions{Kubeconfig: kubeconfig})
		if err != nil {
			t.Fatal(err)
		}
		if err := plane.Stop(); err == nil || !strings.Contains(err.Error(), "was left running") {
			t.Errorf("got %v", err)
		}
		if forgotten.Failure() == nil {
			t.Error("it runs")
		}
	})
}
