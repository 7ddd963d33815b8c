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

// Address returns where the source calls.
func (f Flow) Address() (netip.AddrPort, error) {
	if f.Via.IsValid() {
		return f.Via, nil
	}
	for _, own := range f.From.Addresses {
		if a := f.To.Address(own); a.IsValid() {
			return netip.AddrPortFrom(a, uint16(f.Port.Number)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("%s: they have no addresses of one family", f)
}

// Open opens one connection, and fails when somebody else than the flow's destination answers.
func (f Flow) Open(ctx context.Context, patience time.Duration) (Answer, error) {
	to, err := f.Address()
	if err != nil {
		return Answer{}, err
	}
	answer, err := f.From.Open(ctx, f.Port.Protocol, to, patience)
	if err == nil && answer.By != "" && answer.By != f.To.Name {
		err = fmt.Errorf("%s: %s answered", f, answer.By)
	}
	return answer, err
}

// How long a connection is waited for when it is not known whether it is allowed, and how soon after each other they are begun: the
// enforcer drops what comes in larger bursts.
const (
	patience = 700 * time.Millisecond
	pace     = 500 * time.Microsecond
)

// Passing opens a connection for each flow, side by side, and returns those that were answered, as text and in order. One that is
// not answered is tried once more. It fails when some did not pass for another reason than a verdict of the enforcer; then it can
// be asked again.
func (c *Cluster) Passing(ctx context.Context, flows []Flow) ([]string, error) {
	before, err := c.Judged()
	if err != nil {
		return nil, err
	}
	passing, opened, err := passing(ctx, flows)
	if err != nil {
		return nil, err
	}
	after, err := c.Judged()
	switch handed := after.Packets - before.Packets; {
	case err != nil:
		return nil, err
	case handed < opened+after.Waiting:
		return nil, fmt.Errorf("of %d connections, %d packets were handed to the enforcer, and %d wait for its verdict", opened, handed, after.Waiting)
	case after.Lost > before.Lost:
		return nil, fmt.Errorf("%d packets were lost on the way to the enforcer", after.Lost-before.Lost)
	}
	return passing, nil
}

// passing also returns how many connections were opened.
func passing(ctx context.Context, flows []Flow) (passing []string, opened uint64, err error) {
	var mu sync.Mutex
	var errs []error
	passing = []string{}
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	var all sync.WaitGroup
	for _, f := range flows {
		<-ticker.C
		all.Go(func() {
			passes, tries, err := f.passes(ctx)
			mu.Lock()
			defer mu.Unlock()
			opened += tries
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
	return passing, opened, errors.Join(errs...)
}

func (f Flow) passes(ctx context.Context) (passes bool, tries uint64, err error) {
	for tries < 2 {
		answer, err := f.Open(ctx, patience)
		tries++
		if err != nil || answer.By != "" {
			return answer.By != "", tries, err
		}
	}
	return false, tries, ctx.Err()
}
