package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/util/retry"

	"firebreak.dev/firebreak/test/harness"
)

// profiled is for how long, in seconds, it is looked at what an operator does.
const profiled = 10

// profiles are where it is kept what operators did.
type profiles struct {
	// dir is empty when nothing is profiled.
	dir string
	// address is where an operator serves its profiles.
	address string
	number  int
}

// newProfiles keeps profiles in a directory; none, when it is empty.
func newProfiles(ctx context.Context, dir string) (profiles, error) {
	if dir == "" {
		return profiles{}, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return profiles{}, fmt.Errorf("make a directory for profiles: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return profiles{}, fmt.Errorf("find a free port: %w", err)
	}
	return profiles{dir: dir, address: listener.Addr().String()}, listener.Close()
}

// arguments are the operator's, besides others.
func (p *profiles) arguments() []string {
	if p.dir == "" {
		return nil
	}
	return []string{"--pprof-bind-address=" + p.address}
}

// while looks at an operator while it does something.
func (p *profiles) while(ctx context.Context, manager *harness.Manager, do func(context.Context) error) error {
	if p.dir == "" {
		return do(ctx)
	}
	p.number++
	done := make(chan error, 1)
	go func() {
		// It may be starting, and not serve them yet.
		done <- retry.OnError(wait.Backoff{Steps: 500, Duration: 10 * time.Millisecond}, isRefused, func() error {
			return p.save(ctx, fmt.Sprintf("profile?seconds=%d", profiled), fmt.Sprintf("cpu-%d.pprof", p.number))
		})
	}()
	err := do(ctx)
	return errors.Join(err, <-done, p.save(ctx, "allocs", fmt.Sprintf("allocs-%d.pprof", p.number)), manager.Failure())
}

// heap keeps what is in memory.
func (p *profiles) heap(ctx context.Context) error {
	if p.dir == "" {
		return nil
	}
	p.number++
	return p.save(ctx, "heap?gc=1", fmt.Sprintf("heap-%d.pprof", p.number))
}

func isRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// save asks for a profile.
func (p *profiles) save(ctx context.Context, profile, file string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/debug/pprof/"+profile, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask for a profile: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ask for a profile: %s", response.Status)
	}
	out, err := os.Create(filepath.Join(p.dir, file))
	if err != nil {
		return err
	}
	_, err = io.Copy(out, response.Body)
	return errors.Join(err, out.Close())
}
