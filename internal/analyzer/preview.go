package analyzer

import (
	"cmp"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
)

// MaxListed is how many connections of each kind a preview lists in a namespace; it counts all.
const MaxListed = 20

// manyNamespaces is from how many namespaces on they are counted and not listed, where all their pods fare alike.
const manyNamespaces = 5

// Preview is what enforcing a profile would change for the pods that run now, with the network as it is at the other ends.
type Preview struct {
	// Cut are connections that are possible now and would not be, Opened those that would become possible.
	Cut, Opened Connections
}

// Connections are a number of connections.
type Connections struct {
	// Count is that of pairs of workloads; many namespaces that fare alike count one each.
	Count int
	// Listed are at most MaxListed of them: those within the namespace first, then those with other namespaces, then those with
	// addresses.
	Listed []Connection
}

// Connection is between two workloads, tiers, namespaces or ranges of addresses, as people call them.
type Connection struct {
	Namespace, From, To string
	Ports               portset.Set
	// rank orders what is listed: 0 within the namespace, 1 with another one, 2 with many, 3 with addresses.
	rank, count int
}

// PreviewOf compares what is possible now with what would be if the output's profile were enforced in its namespace. Here is
// that namespace as it is; others are all other namespaces. Ports are those that the destination's containers declare; any
// port where they declare none, and towards what is not one workload.
func PreviewOf(output compiler.Output, here *Place, others []*Place) (Preview, error) {
	after, err := enforced(output, here)
	if err != nil {
		return Preview{}, err
	}
	names, err := newNames(output.Profile, here)
	if err != nil {
		return Preview{}, err
	}
	p := &preview{here: here, after: after.Rules, names: names, changes: map[changeKey]*Connection{}}
	sources, destinations := regionsOf(networkpolicy.Ingress, here.Rules, after.Rules), regionsOf(networkpolicy.Egress, here.Rules, after.Rules)
	nameDNS(destinations, output.Flows)
	for i := range here.Pods {
		pod := &here.Pods[i]
		if pod.HostNetwork || pod.Completed {
			continue
		}
		p.within(pod)
		p.withOthers(pod, others)
		p.withAddresses(networkpolicy.Ingress, pod, sources)
		p.withAddresses(networkpolicy.Egress, pod, destinations)
	}
	return Preview{Cut: p.list(cut), Opened: p.list(opened)}, nil
}

// enforced returns a namespace as it would be: with the policies that the profile wants in place of those that it has, and without
// those of the profile that it would replace.
func enforced(output compiler.Output, here *Place) (*Place, error) {
	replaced := output.Profile.Key
	replaced.Name = output.Profile.PreviewOf
	var policies []*networkingv1.NetworkPolicy
	for _, policy := range here.Policies {
		if owner, _, ok := plan.Owner(policy); ok && (owner == output.Profile.Key || owner == replaced) {
			continue
		}
		policies = append(policies, policy)
	}
	for i := range output.Policies {
		policies = append(policies, &output.Policies[i])
	}
	return NewPlace(here.Namespace, policies, here.Pods)
}

// effect is what enforcing would do to a connection.
type effect int

const (
	cut effect = iota
	opened
)

type changeKey struct {
	effect   effect
	from, to string
}

// preview is the work on one profile in one namespace.
type preview struct {
	here    *Place
	after   *evaluator.Namespace
	names   names
	changes map[changeKey]*Connection
}

// within looks at what a pod can open to the others of its namespace, and to others such as itself.
func (p *preview) within(pod *snapshot.Pod) {
	for i := range p.here.Pods {
		other := &p.here.Pods[i]
		if other.HostNetwork || other.Completed || (other == pod && pod.Count < 2) {
			continue
		}
		possible := func(rules *evaluator.Namespace) portset.Set {
			source, destination := evaluator.Other{Pod: pod, Namespace: rules}, evaluator.Other{Pod: other, Namespace: rules}
			return rules.Admits(networkpolicy.Egress, pod, destination).Ports.
				Intersect(rules.Admits(networkpolicy.Ingress, other, source).Ports)
		}
		p.compare(possible(p.here.Rules), possible(p.after), Connection{From: p.names.of(pod), To: p.names.of(other), count: 1}, declared(other))
	}
}

// withOthers looks at the connections of a pod with those of other namespaces, both ways.
func (p *preview) withOthers(pod *snapshot.Pod, others []*Place) {
	for _, direction := range []networkpolicy.Direction{networkpolicy.Egress, networkpolicy.Ingress} {
		var alike []*Place
		for _, place := range others {
			switch {
			case len(place.Pods) == 0:
			case place.Rules.IsEmpty() && !p.here.Rules.Mentions(place.Rules) && !p.after.Mentions(place.Rules):
				alike = append(alike, place)
			default:
				p.withPlace(direction, pod, place)
			}
		}
		if len(alike) <= manyNamespaces {
			for _, place := range alike {
				p.withPlace(direction, pod, place)
			}
			continue
		}
		p.withMany(direction, pod, alike)
	}
}

func (p *preview) withPlace(direction networkpolicy.Direction, pod *snapshot.Pod, place *Place) {
	opposite := networkpolicy.Ingress
	if direction == networkpolicy.Ingress {
		opposite = networkpolicy.Egress
	}
	for i := range place.Pods {
		other := &place.Pods[i]
		if other.HostNetwork || other.Completed {
			continue
		}
		// Where the other end is does not depend on what is enforced here.
		there := place.Rules.Admits(opposite, other, evaluator.Other{Pod: pod, Namespace: p.here.Rules}).Ports
		if there.IsEmpty() {
			continue
		}
		to := evaluator.Other{Pod: other, Namespace: place.Rules}
		before, after := p.here.Rules.Admits(direction, pod, to).Ports.Intersect(there), p.after.Admits(direction, pod, to).Ports.Intersect(there)
		c, destination := Connection{From: p.names.of(pod), To: workloadIn(other), rank: 1, count: 1}, other
		if direction == networkpolicy.Ingress {
			c.From, c.To, destination = c.To, c.From, pod
		}
		p.compare(before, after, c, declared(destination))
	}
}

// withMany looks at the connections of a pod with namespaces of which no policy speaks, neither their own nor those here:
// their pods all fare alike.
func (p *preview) withMany(direction networkpolicy.Direction, pod *snapshot.Pod, alike []*Place) {
	first := alike[0]
	other := evaluator.Other{Pod: &snapshot.Pod{Namespace: first.Namespace.Name, Addresses: first.Pods[0].Addresses}, Namespace: first.Rules}
	c := Connection{
		From: p.names.of(pod), To: fmt.Sprintf("pods of %d other namespaces, such as %s", len(alike), first.Namespace.Name), rank: 2, count: len(alike),
	}
	relevant := portset.All()
	if direction == networkpolicy.Ingress {
		c.From, c.To, relevant = c.To, c.From, declared(pod)
	}
	p.compare(p.here.Rules.Admits(direction, pod, other).Ports, p.after.Admits(direction, pod, other).Ports, c, relevant)
}

// withAddresses looks at the connections of a pod with addresses outside the cluster: those that it receives, or opens.
func (p *preview) withAddresses(direction networkpolicy.Direction, pod *snapshot.Pod, regions []region) {
	for _, r := range regions {
		other, c, relevant := evaluator.Other{Address: r.example}, Connection{From: p.names.of(pod), To: r.name, rank: 3, count: 1}, portset.All()
		if direction == networkpolicy.Ingress {
			c.From, c.To, relevant = c.To, c.From, declared(pod)
		}
		p.compare(p.here.Rules.Admits(direction, pod, other).Ports, p.after.Admits(direction, pod, other).Ports, c, relevant)
	}
}

// compare notes what differs between the ports before and after, as far as they are relevant.
func (p *preview) compare(before, after portset.Set, c Connection, relevant portset.Set) {
	for what, ports := range map[effect]portset.Set{cut: before.Minus(after), opened: after.Minus(before)} {
		if ports = ports.Intersect(relevant); ports.IsEmpty() {
			continue
		}
		key := changeKey{what, c.From, c.To}
		known, ok := p.changes[key]
		if !ok {
			fresh := c
			fresh.Namespace = p.here.Namespace.Name
			known = &fresh
			p.changes[key] = known
		}
		known.Ports = known.Ports.Union(ports)
	}
}

func (p *preview) list(what effect) Connections {
	var out Connections
	for key, c := range p.changes {
		if key.effect == what {
			out.Count += c.count
			out.Listed = append(out.Listed, *c)
		}
	}
	slices.SortFunc(out.Listed, func(a, b Connection) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
	})
	out.Listed = slices.Clip(out.Listed[:min(len(out.Listed), MaxListed)])
	return out
}

// declared returns the ports on which a pod says that it serves; every port when it says nothing.
func declared(pod *snapshot.Pod) portset.Set {
	var out portset.Set
	for _, p := range pod.Ports {
		out = out.Union(portset.Of(p.Protocol, p.Port, p.Port))
	}
	if out.IsEmpty() {
		return portset.All()
	}
	return out
}
