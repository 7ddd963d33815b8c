package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// Component is a program of the control plane that can be killed and started again.
type Component string

// The components, by the names of their programs.
const (
	Etcd      Component = "etcd"
	APIServer Component = "kube-apiserver"
)

// outages is how a control plane takes its components down. envtest, which starts them first, neither kills nor tells how
// it started them: it is given scripts that write that down and become the programs.
type outages struct {
	bin, dir string
	// again are the components that were started again, which envtest does not know.
	again map[Component]*Process
}

// scriptFor returns the path of a script that runs a component.
func (o *outages) scriptFor(component Component) (string, error) {
	path := filepath.Join(o.dir, string(component)+".sh")
	script := fmt.Sprintf("#!/bin/sh\nprintf '%%s\\n' \"$$\" \"$@\" >'%s'\nexec '%s' \"$@\"\n", o.record(component), o.program(component))
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		return "", fmt.Errorf("write the script of %s: %w", component, err)
	}
	return path, nil
}

func (o *outages) program(component Component) string { return filepath.Join(o.bin, string(component)) }

// record returns the path of the file that holds a component's process id and arguments, a line each.
func (o *outages) record(component Component) string {
	return filepath.Join(o.dir, string(component)+".command")
}

func (o *outages) recorded(component Component) (pid int, args []string, err error) {
	content, err := os.ReadFile(o.record(component))
	if err != nil {
		return 0, nil, fmt.Errorf("read how %s was started: %w", component, err)
	}
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	pid, err = strconv.Atoi(lines[0])
	return pid, lines[1:], err
}

func (o *outages) kill(ctx context.Context, component Component) error {
	if process, ok := o.again[component]; ok {
		return process.Kill()
	}
	pid, _, err := o.recorded(component)
	if err != nil {
		return err
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	if err := process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	// It is envtest's child, which envtest waits for.
	return wait.PollUntilContextTimeout(ctx, time.Millisecond, stopTimeout, true, func(context.Context) (bool, error) {
		return errors.Is(process.Signal(syscall.Signal(0)), os.ErrProcessDone), nil
	})
}

func (o *outages) start(ctx context.Context, component Component) error {
	_, args, err := o.recorded(component)
	if err != nil {
		return err
	}
	log, err := newLog(o.dir, string(component)+"-again-*.log")
	if err != nil {
		return err
	}
	process, err := StartProcess(ctx, Command{Program: o.program(component), Args: args, Log: log})
	if err != nil {
		return err
	}
	o.again[component] = process
	return nil
}

// stop ends what envtest does not know of.
func (o *outages) stop() error {
	var errs []error
	for _, component := range []Component{APIServer, Etcd} {
		if process, ok := o.again[component]; ok {
			errs = append(errs, process.Kill())
		}
	}
	return errors.Join(errs...)
}

// Kill ends a component at once, as a crash would, and returns when it is gone. What etcd has committed stays. The control
// plane must have been started with Outages.
func (c *ControlPlane) Kill(ctx context.Context, component Component) error {
	if c.outages == nil {
		return errors.New("the control plane was started without Outages")
	}
	if err := c.outages.kill(ctx, component); err != nil {
		return fmt.Errorf("kill %s: %w", component, err)
	}
	return nil
}

// Revive starts a component that was killed with the same port, certificates and data, and returns when the API server is
// ready. Of two that were killed, etcd comes first: it is not waited for alone.
func (c *ControlPlane) Revive(ctx context.Context, components ...Component) error {
	if c.outages == nil {
		return errors.New("the control plane was started without Outages")
	}
	for _, component := range components {
		if err := c.outages.start(ctx, component); err != nil {
			return fmt.Errorf("start %s again: %w", component, err)
		}
	}
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, startTimeout, true, func(ctx context.Context) (bool, error) {
		for _, component := range components {
			if err := c.outages.again[component].Failure(); err != nil {
				return false, err
			}
		}
		return client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error() == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the API server after %v: %w", components, err)
	}
	return nil
}

// Compact lets etcd forget every version of every object but the last. An API server that is running keeps what it has in
// memory; one that is started afterwards answers 410 to whoever wants to go on where they were.
func (c *ControlPlane) Compact(ctx context.Context) error {
	var status struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	if err := c.askEtcd(ctx, "/v3/maintenance/status", map[string]any{}, &status); err != nil {
		return fmt.Errorf("ask etcd for its revision: %w", err)
	}
	var done struct{}
	compaction := map[string]any{"revision": status.Header.Revision, "physical": true}
	if err := c.askEtcd(ctx, "/v3/kv/compaction", compaction, &done); err != nil {
		return fmt.Errorf("compact etcd up to revision %s: %w", status.Header.Revision, err)
	}
	return nil
}

// askEtcd sends a request to etcd's JSON gateway.
func (c *ControlPlane) askEtcd(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	url := c.env.ControlPlane.Etcd.URL.JoinPath(path).String()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
