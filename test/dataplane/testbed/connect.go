package testbed

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// Answer is what became of a connection that somebody tried to open.
type Answer struct {
	// By is the name of who answered; empty when nobody did.
	By string
	// Source is the address that the answering host was asked from.
	Source netip.AddrPort
	// Lost says that packets had to be sent again although somebody answered in the end.
	Lost bool
}

// Open opens a new connection from the host and asks who is there. Nobody answers a connection that is denied: its packets are
// dropped, so that is known after patience has run out. A TCP packet that gets no answer is sent again after a second, so a
// patience of less waits for the first alone. A UDP packet is sent once.
//
// An error means that nothing could be sent, or that the packet arrived where nobody listens, which says nothing of policies.
func (h *Host) Open(ctx context.Context, protocol corev1.Protocol, to netip.AddrPort, patience time.Duration) (Answer, error) {
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline))
	}
	var conn *os.File
	err := h.inside(func() (err error) {
		conn, err = h.socket(protocol, to)
		return err
	})
	if err != nil {
		return Answer{}, fmt.Errorf("connect from %s to %s: %w", h.Name, to, err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return Answer{}, err
	}
	// For TCP this waits until the connection stands.
	if _, err := conn.Write([]byte("?")); err != nil {
		return Answer{}, h.unanswered(to, err)
	}
	answer := make([]byte, 128)
	n, err := conn.Read(answer)
	if err != nil {
		return Answer{}, h.unanswered(to, err)
	}
	a := Answer{}
	name, source, _ := strings.Cut(string(answer[:n]), " ")
	a.By = name
	if a.Source, err = netip.ParseAddrPort(source); err != nil {
		return Answer{}, fmt.Errorf("%s answered %q, which no host of this testbed says", to, answer[:n])
	}
	if protocol == corev1.ProtocolTCP {
		a.Lost = resent(conn)
	}
	return a, nil
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

// unanswered returns nil when nothing came back in time.
func (h *Host) unanswered(to netip.AddrPort, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("connect from %s to %s: %w", h.Name, to, err)
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
