package testbed

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// DialContext opens a TCP connection from the host, for a program that has more to say than Open: a client of the API server, for
// one, takes it as its way out. The network must be "tcp", and the address one that needs no resolver.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp" {
		return nil, fmt.Errorf("connect from %s to %s: not over %s", h.Name, address, network)
	}
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("connect from %s: %w", h.Name, err)
	}
	var socket *os.File
	err = h.inside(func() (err error) {
		socket, err = h.socket(corev1.ProtocolTCP, to)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect from %s to %s: %w", h.Name, to, err)
	}
	// The connection that is returned has a file descriptor of its own.
	defer func() { _ = socket.Close() }()
	if err := connected(ctx, socket); err != nil {
		return nil, fmt.Errorf("connect from %s to %s: %w", h.Name, to, err)
	}
	return net.FileConn(socket)
}

// connected waits until a socket that has begun to connect is connected. When ctx ends first, it returns its error.
func connected(ctx context.Context, socket *os.File) error {
	past := time.Unix(1, 0)
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(past) })
	defer stop()
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var refused error
	err = raw.Write(func(fd uintptr) bool {
		if code, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
			refused = err
			if err == nil {
				refused = unix.Errno(code)
			}
			return true
		}
		_, err := unix.Getpeername(int(fd))
		return err == nil
	})
	switch {
	case refused != nil:
		return refused
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return err
}
