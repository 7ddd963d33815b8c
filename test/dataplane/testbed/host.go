package testbed

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
)

// Host is a network namespace with a link to the node: a pod's, or that of somebody outside the cluster. Its methods may be used
// side by side, Detach excepted.
type Host struct {
	// Name is what its servers answer with.
	Name string
	// Addresses are its own, at most one of each family.
	Addresses []netip.Addr

	link string
	// tasks are done one after the other on a thread that is in the host's namespace. None of them waits for anything.
	tasks chan func()
	// detached is closed when the host goes, and done when its thread has ended.
	detached, done chan struct{}

	// ports is where this host's connections come from.
	ports *sourcePorts

	mu      sync.Mutex
	servers []closer
}

type closer interface{ Close() error }

// enterHost starts the thread that opens the host's sockets.
func enterHost(name, link string, addresses []netip.Addr, ports *sourcePorts) (*Host, error) {
	namespace, err := os.Open("/run/netns/" + link)
	if err != nil {
		return nil, err
	}
	defer func() { _ = namespace.Close() }()
	h := &Host{Name: name, Addresses: addresses, link: link, tasks: make(chan func()), ports: ports}
	h.detached, h.done = make(chan struct{}), make(chan struct{})
	entered := make(chan error)
	go func() {
		defer close(h.done)
		// Never unlocked, so the thread ends with this goroutine and is in no namespace that others would not expect.
		runtime.LockOSThread()
		err := enterNamespace(namespace)
		entered <- err
		if err != nil {
			return
		}
		for {
			select {
			case task := <-h.tasks:
				task()
			case <-h.detached:
				return
			}
		}
	}()
	return h, <-entered
}

// inside runs a task, which must not wait, in the host's namespace. Sockets that it opens stay there.
func (h *Host) inside(task func() error) error {
	if h.tasks == nil {
		return fmt.Errorf("%s can only be called", h.Name)
	}
	var err error
	finished := make(chan struct{})
	select {
	case h.tasks <- func() {
		err = task()
		close(finished)
	}:
		<-finished
		return err
	case <-h.detached:
		return fmt.Errorf("%s is not on the network any more", h.Name)
	}
}

// Address returns the host's address of the family of another; the zero address when it has none.
func (h *Host) Address(like netip.Addr) netip.Addr {
	for _, a := range h.Addresses {
		if a.Is4() == like.Is4() {
			return a
		}
	}
	return netip.Addr{}
}

// Detach stops the host's servers and removes it from the network.
func (h *Host) Detach(ctx context.Context) error {
	h.mu.Lock()
	servers := h.servers
	h.servers = nil
	h.mu.Unlock()
	var errs []error
	for _, s := range servers {
		errs = append(errs, s.Close())
	}
	close(h.detached)
	<-h.done
	errs = append(errs, run(ctx, "", "ip", "link", "delete", h.link), run(ctx, "", "ip", "netns", "delete", h.link))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("detach %s from the network: %w", h.Name, err)
	}
	return nil
}
