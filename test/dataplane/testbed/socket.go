//go:build linux

package testbed

import (
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// enterNamespace puts the thread that calls it into a network namespace.
func enterNamespace(namespace *os.File) error {
	return unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET)
}

// socket opens a socket from a source port that has not been used for long, and begins to connect it.
func (h *Host) socket(protocol corev1.Protocol, to netip.AddrPort) (*os.File, error) {
	family, kind := unix.AF_INET, unix.SOCK_STREAM
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	if protocol == corev1.ProtocolUDP {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		// A connection that is done with leaves nothing behind at its source, and its port can be used again.
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
		unix.Bind(fd, socketAddress(netip.AddrPortFrom(h.Address(to.Addr()), h.ports.next(h.Address(to.Addr()))))),
	)
	if err == nil {
		err = unix.Connect(fd, socketAddress(to))
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), to.String()), nil
}

func socketAddress(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// resent says whether any packet of a TCP connection was sent more than once.
func resent(conn *os.File) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	lost := true
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		lost = err != nil || info.Total_retrans > 0
	})
	return lost
}
