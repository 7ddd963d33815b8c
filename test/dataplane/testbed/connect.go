package testbed

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Answer is what became of a connection that somebody tried to open.
type Answer struct {
	// By is the name of who answered; empty when nobody did.
	By string
	// Lost says that packets had to be sent again although somebody answered in the end.
	Lost bool
	// Begun is when the connection was begun.
	Begun time.Time
}

// Open opens a new connection from the host and asks who is there. Nobody answers a connection that is denied: its packets are
// dropped, so that is known after patience has run out. A TCP packet that gets no answer is sent again after a second, so a
// patience of less waits for the first alone. A UDP packet is sent once.
//
// An error means that nothing could be sent, or that the packet arrived where nobody listens, which says nothing of policies.
func (h *Host) Open(ctx context.Context, protocol corev1.Protocol, to netip.AddrPort, patience time.Duration) (a Answer, err error) {
	if deadline, ok := ctx.Deadline(); ok {
		patience = min(patience, time.Until(deadline))
	}
	var conn *os.File
	err = h.inside(func() (err error) {
		a.Begun = time.Now()
		conn, err = h.socket(protocol, to)
		return err
	})
	if err != nil {
		return a, fmt.Errorf("connect from %s to %s: %w", h.Name, to, err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return a, err
	}
	// For TCP this waits until the connection stands.
	if _, err := conn.Write([]byte("?")); err != nil {
		return a, h.unanswered(to, err)
	}
	answer := make([]byte, 128)
	n, err := conn.Read(answer)
	if err != nil {
		return a, h.unanswered(to, err)
	}
	a.By = string(answer[:n])
	if protocol == corev1.ProtocolTCP {
		a.Lost = resent(conn)
	}
	return a, nil
}

// unanswered returns nil when nothing came back in time.
func (h *Host) unanswered(to netip.AddrPort, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("connect from %s to %s: %w", h.Name, to, err)
}
