package testbed

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Flow is a kind of connection: from a host to a port of another. Via is where the source calls when that is not the
// destination's own address of the family that both have (IPv4 where they have both): the address of a Service, say.
type Flow struct {
	From, To *Host
	Port     Port
	Via      netip.AddrPort
}

// String returns the flow as in "frontend > api 8080/TCP" or "frontend > api 8080/TCP via 10.96.0.7:80".
func (f Flow) String() string {
	text := fmt.Sprintf("%s > %s %s", f.From.Name, f.To.Name, f.Port)
	if f.Via.IsValid() {
		text += " via " + f.Via.String()
	}
	return text
}

// Between returns the flows from each host to each other one, on each port.
func Between(from, to []*Host, ports ...Port) []Flow {
	var out []Flow
	for _, source := range from {
		for _, destination := range to {
			for _, port := range ports {
				if source != destination {
					out = append(out, Flow{From: source, To: destination, Port: port})
				}
			}
		}
	}
	return out
}

// address returns where the source calls.
func (f Flow) address() (netip.AddrPort, error) {
	if f.Via.IsValid() {
		return f.Via, nil
	}
	for _, own := range f.From.Addresses {
		if a := f.To.Address(own); a.IsValid() {
			return netip.AddrPortFrom(a, uint16(f.Port.Number)), nil //nolint:gosec // a port
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%s: they have no addresses of one family", f)
}

// Open opens one connection, and fails when somebody else than the flow's destination answers.
func (f Flow) Open(ctx context.Context, patience time.Duration) (Answer, error) {
	to, err := f.address()
	if err != nil {
		return Answer{}, err
	}
	answer, err := f.From.Open(ctx, f.Port.Protocol, to, patience)
	if err == nil && answer.By != "" && answer.By != f.To.Name {
		err = fmt.Errorf("%s: %s answered", f, answer.By)
	}
	return answer, err
}

// How long a connection is waited for, when it is not known whether it is allowed: TCP packets are sent again after a second. At
// most so many connections wait at once.
const (
	patience   = 1400 * time.Millisecond
	sideBySide = 1000
)

// Passing opens a connection for each flow, side by side, and returns those that were answered, as text and in order. A UDP flow
// that is not answered is tried once more, since nobody else would send its packet again.
func Passing(ctx context.Context, flows []Flow) ([]string, error) {
	var mu sync.Mutex
	var errs []error
	passing := []string{}
	room := make(chan struct{}, sideBySide)
	var all sync.WaitGroup
	for _, f := range flows {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			passes, err := f.passes(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			}
			if passes {
				passing = append(passing, f.String())
			}
		})
	}
	all.Wait()
	slices.Sort(passing)
	return passing, errors.Join(errs...)
}

func (f Flow) passes(ctx context.Context) (bool, error) {
	for range 2 {
		answer, err := f.Open(ctx, patience/2)
		if err != nil || answer.By != "" {
			return answer.By != "", err
		}
	}
	return false, ctx.Err()
}
