package witness

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
)

// witness answers what the evaluator answers, by the engine alone. What the engine does not say, because it is one plugin
// and knows no third verdict, is found by asking it about other policies.
type witness struct {
	// hidden are the addresses of pods whose addresses the evaluator is not told.
	hidden map[string]netip.Addr
	// asWritten has the policies as they are. bare has them without their rules: what it denies is isolated. noBlocks and
	// anyBlocks have ipBlocks that match nothing, and everything.
	asWritten, bare, noBlocks, anyBlocks *engine
}

// hiddenRange is where pods get an address whose addresses the evaluator is not told. Nothing else is in it.
func hiddenRange() netip.Prefix { return netip.MustParsePrefix("198.18.0.0/24") }

func newWitness(world evaluator.World) (*witness, error) {
	w := &witness{hidden: map[string]netip.Addr{}}
	told := slices.Clone(world.Pods)
	for i := range told {
		if pod := &told[i]; pod.Addresses == nil {
			addr := hiddenRange().Addr()
			for range i {
				addr = addr.Next()
			}
			pod.Addresses, w.hidden[pod.Namespace+"/"+pod.Name] = []netip.Addr{addr}, addr
		}
	}
	c, err := newCluster(world.Namespaces, told)
	if err != nil {
		return nil, err
	}
	for engine, change := range map[**engine]func(*networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy{
		&w.asWritten: (*networkingv1.NetworkPolicy).DeepCopy,
		&w.bare:      withoutRules,
		&w.noBlocks:  withoutBlocks,
		&w.anyBlocks: withWidestBlocks,
	} {
		if *engine, err = c.newEngine(world.Policies, change); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// addresses returns those of an end of a connection, and whether the evaluator is told them.
func (w *witness) addresses(end evaluator.Endpoint) (addresses []netip.Addr, told bool) {
	switch {
	case end.Pod == nil:
		return []netip.Addr{end.Address}, true
	case end.Pod.Addresses == nil:
		return []netip.Addr{w.hidden[end.Pod.Namespace+"/"+end.Pod.Name]}, false
	}
	return end.Pod.Addresses, true
}

// decide returns the verdict at one end of a connection. It is Undecidable where the other end is a pod that an ipBlock
// admits and nothing else does. ("IPBlocks [...] should be cluster-external IPs, since Pod IPs are ephemeral and
// unpredictable": kubernetes.io/docs/concepts/services-networking/network-policies. The API does not say whether they may
// match pods; plugins differ.)
func (w *witness) decide(ctx context.Context, direction networkpolicy.Direction, c evaluator.Connection) (evaluator.Verdict, error) {
	end, other := c.Source, c.Destination
	if direction == networkpolicy.Ingress {
		end, other = other, end
	}
	ends, _ := w.addresses(end)
	others, told := w.addresses(other)
	blocks := w.asWritten
	if !told {
		blocks = w.anyBlocks
	}
	isolated, always, sometimes := true, true, false
	for _, addr := range others {
		// One address of this end's is enough, since no policy names it; it may be of another family than the other end's.
		p := packet(ends[0], addr, c.Protocol, c.Port)
		if direction == networkpolicy.Ingress {
			p = packet(addr, ends[0], c.Protocol, c.Port)
		}
		open, errBare := w.bare.accepts(ctx, direction, p)
		withoutBlocks, errWithout := w.noBlocks.accepts(ctx, direction, p)
		withBlocks, errWith := blocks.accepts(ctx, direction, p)
		if err := errors.Join(errBare, errWithout, errWith); err != nil {
			return "", err
		}
		isolated, always, sometimes = isolated && !open, always && withoutBlocks, sometimes || withBlocks
	}
	switch {
	case !isolated:
		return evaluator.NotIsolated, nil
	case always, sometimes && other.Pod == nil:
		return evaluator.Allowed, nil
	case sometimes:
		return evaluator.Undecidable, nil
	}
	return evaluator.Denied, nil
}

// passes returns what the engine's whole pipeline says of the connection, for each pair of addresses that it may run
// between.
func (w *witness) passes(ctx context.Context, c evaluator.Connection) ([]bool, error) {
	var out []bool
	sources, _ := w.addresses(c.Source)
	destinations, _ := w.addresses(c.Destination)
	for _, source := range sources {
		for _, destination := range destinations {
			if source.Is4() != destination.Is4() {
				continue
			}
			passes, err := w.asWritten.passes(ctx, packet(source, destination, c.Protocol, c.Port))
			if err != nil {
				return nil, err
			}
			out = append(out, passes)
		}
	}
	return out, nil
}
