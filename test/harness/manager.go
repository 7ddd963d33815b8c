package harness

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Namespace and ServiceAccount of the operator, as config/default names them.
const (
	ManagerNamespace      = "firebreak-system"
	ManagerServiceAccount = "firebreak-controller-manager"
)

// ManagerOptions say how to run the operator.
type ManagerOptions struct {
	// Kubeconfig is the path of the kubeconfig to use. Required.
	Kubeconfig string

	// Args are further flags. They come last and so override those that the harness sets: two probe and metrics
	// addresses on free ports, and the namespace of the lease. Leader election is on, as it is by default.
	Args []string

	// Binary is the program to run; when empty, the one that BuildManager builds.
	Binary string

	// Log is the file for what the operator writes. When empty, a new file in the control plane's directory.
	Log string
}

// Manager is the operator, running as a process of its own.
type Manager struct {
	*Process
	// ProbeURL is where it serves /healthz and /readyz, as http://127.0.0.1:PORT, and MetricsURL where it serves /metrics,
	// as https://127.0.0.1:PORT.
	ProbeURL, MetricsURL string
}

// RaceEnabled says whether this program, and with it the operator that BuildManager builds, has the race detector: then all that
// needs the processor takes several times as long.
func RaceEnabled() bool { return raceEnabled }

// BuildManager builds the operator from source into bin/ and returns the path of the binary. It is built with the race
// detector when the caller was, so that a race in the operator fails the test that stops it.
func BuildManager(ctx context.Context) (string, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, "bin", "manager")
	if raceEnabled {
		binary += "-race"
	}
	if err := build(ctx, "./cmd/manager", binary); err != nil {
		return "", fmt.Errorf("build the operator: %w", err)
	}
	return binary, nil
}

// PreviousVersion is the commit of the version that this one is to take over from.
const PreviousVersion = "2ed089a"

// HasPreviousVersion says whether the previous version can be built here. A shallow clone that cannot be completed is the
// one reason why not; anything else shows when it is built.
func HasPreviousVersion(ctx context.Context) (bool, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return false, err
	}
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = root
		output, err := cmd.Output()
		return strings.TrimSpace(string(output)), err
	}
	if shallow, err := git("rev-parse", "--is-shallow-repository"); err != nil || shallow != "true" {
		return true, nil //nolint:nilerr // what is wrong shows when it is built
	}
	if _, err := git("fetch", "--quiet", "--unshallow"); err == nil {
		return true, nil
	}
	_, err = git("cat-file", "-e", PreviousVersion+"^{commit}")
	return err == nil, nil
}

// BuildManagerOf builds the operator as it was at a commit of this repository, into bin/, and returns the path of the
// binary. It needs the history: a shallow clone does not have it. A commit does not change, so what was built once is used again.
func BuildManagerOf(ctx context.Context, commit string) (string, error) {
	root, err := RepositoryRoot()
	if err != nil {
		return "", err
	}
	binary := filepath.Join(root, "bin", "manager-"+commit)
	args := []string{"build", "-buildvcs=false"}
	if raceEnabled {
		// What it shares with the operator of today is built already.
		binary += "-race"
		args = append(args, "-race")
	}
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	source, err := os.MkdirTemp("", "firebreak-"+commit)
	if err != nil {
		return "", fmt.Errorf("make a directory for the sources of %s: %w", commit, err)
	}
	defer func() { _ = os.RemoveAll(source) }()
	checkout := exec.CommandContext(ctx, "git", "--work-tree="+source, "restore", "--source="+commit, "--worktree", "--", ".")
	checkout.Dir = root
	if output, err := checkout.CombinedOutput(); err != nil {
		return "", fmt.Errorf("get the sources of %s: %w\n%s", commit, err, output)
	}
	if err := buildWhole(ctx, source, binary, args); err != nil {
		return "", fmt.Errorf("build the operator of %s: %w", commit, err)
	}
	return binary, nil
}

// buildWhole builds the operator from its sources with arguments of go. The binary gets its name when it is complete, so that
// builds side by side, each of which has a file of its own until then, do not meet.
func buildWhole(ctx context.Context, source, binary string, args []string) error {
	unfinished, err := os.CreateTemp(filepath.Dir(binary), filepath.Base(binary)+".*.unfinished")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(unfinished.Name()) }()
	if err := unfinished.Close(); err != nil {
		return err
	}
	build := exec.CommandContext(ctx, "go", append(args, "-o", unfinished.Name(), "./cmd/manager")...)
	build.Dir = source
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	return os.Rename(unfinished.Name(), binary)
}

// StartManager builds and starts the operator. The process outlives ctx: whoever starts it calls Stop or Kill.
func (c *ControlPlane) StartManager(ctx context.Context, opts ManagerOptions) (*Manager, error) {
	binary := opts.Binary
	if binary == "" {
		built, err := BuildManager(ctx)
		if err != nil {
			return nil, err
		}
		binary = built
	}
	probes, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	metrics, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	log := opts.Log
	if log == "" {
		if log, err = newLog(c.dir, "manager-*.log"); err != nil {
			return nil, err
		}
	}
	args := []string{
		"--kubeconfig=" + opts.Kubeconfig,
		"--health-probe-bind-address=" + probes,
		"--metrics-bind-address=" + metrics,
		"--leader-election-namespace=" + ManagerNamespace,
	}
	process, err := StartProcess(ctx, Command{Program: binary, Args: append(args, opts.Args...), Log: log})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.operators = append(c.operators, process)
	return &Manager{Process: process, ProbeURL: "http://" + probes, MetricsURL: "https://" + metrics}, nil
}

// WaitReady waits until /readyz answers with 200 and the metrics answer at all. It fails at once, with the end of the log,
// when the operator ends.
func (m *Manager) WaitReady(ctx context.Context, timeout time.Duration) error {
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, timeout, true,
		func(ctx context.Context) (bool, error) {
			if err := m.Failure(); err != nil {
				return false, err
			}
			if !answers(ctx, m.ProbeURL+"/readyz") {
				return false, nil
			}
			// The two servers start side by side.
			_, _, err := m.Metrics(ctx, "")
			return err == nil, nil
		})
	if err != nil {
		return fmt.Errorf("wait for the operator: %w\n%s", err, m.Tail())
	}
	return nil
}

// answers says whether a GET is answered with 200. Why it is not matters to nobody who polls.
func answers(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

// freeAddress returns a loopback address with a port that nobody listened on a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// newLog makes an empty file from a pattern of os.CreateTemp and returns its path.
func newLog(dir, pattern string) (string, error) {
	file, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return "", fmt.Errorf("make a log file: %w", err)
	}
	return file.Name(), file.Close()
}
