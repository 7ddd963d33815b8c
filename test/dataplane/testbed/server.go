package testbed

import (
	"context"
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
)

// Port is a port of a protocol, TCP or UDP.
type Port struct {
	Protocol corev1.Protocol
	Number   int32
}

// TCP returns a port of TCP.
func TCP(number int32) Port { return Port{corev1.ProtocolTCP, number} }

// UDP returns a port of UDP.
func UDP(number int32) Port { return Port{corev1.ProtocolUDP, number} }

// String returns the port as in 8080/TCP.
func (p Port) String() string { return fmt.Sprintf("%d/%s", p.Number, p.Protocol) }

// Listen makes the host answer everybody on ports, on all its addresses, with its own name.
func (h *Host) Listen(ctx context.Context, ports ...Port) error {
	for _, p := range ports {
		var err error
		switch p.Protocol {
		case corev1.ProtocolTCP:
			err = h.listenTCP(ctx, p.Number)
		case corev1.ProtocolUDP:
			err = h.listenUDP(ctx, p.Number)
		default:
			err = fmt.Errorf("no servers for %s", p.Protocol)
		}
		if err != nil {
			return fmt.Errorf("let %s listen on %s: %w", h.Name, p, err)
		}
	}
	return nil
}

func (h *Host) keep(server closer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers = append(h.servers, server)
}

func (h *Host) listenTCP(ctx context.Context, port int32) error {
	var listener net.Listener
	err := h.inside(func() (err error) {
		listener, err = new(net.ListenConfig).Listen(ctx, "tcp", ":"+strconv.Itoa(int(port)))
		return err
	})
	if err != nil {
		return err
	}
	h.keep(listener)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				// Who calls now is refused, which is an error, instead of getting no answer, as if that were denied.
				_ = listener.Close()
				return
			}
			go func() {
				// Whoever asked sees it when the answer does not arrive.
				_, _ = conn.Read(make([]byte, 1))
				_, _ = conn.Write([]byte(h.Name))
				_ = conn.Close()
			}()
		}
	}()
	return nil
}

func (h *Host) listenUDP(ctx context.Context, port int32) error {
	// A socket for each address: one for all of them would answer from any.
	for _, address := range h.Addresses {
		var server net.PacketConn
		err := h.inside(func() (err error) {
			server, err = new(net.ListenConfig).ListenPacket(ctx, "udp", net.JoinHostPort(address.String(), strconv.Itoa(int(port))))
			return err
		})
		if err != nil {
			return err
		}
		h.keep(server)
		go func() {
			buffer := make([]byte, 64)
			for {
				_, from, err := server.ReadFrom(buffer)
				if err != nil {
					return
				}
				_, _ = server.WriteTo([]byte(h.Name), from)
			}
		}()
	}
	return nil
}
