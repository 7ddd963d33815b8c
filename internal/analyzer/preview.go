package analyzer

import (
	"cmp"
	"fmt"
	"maps"
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
	after, err := Enforced(output, here)
	if err != nil {
		return Preview{}, err
	}
	names, err := newNames(output.Profile, here)
	if err != nil {
		return Preview{}, err
	}
	p := &preview{here: here, after: after.Rules, names: names, changes: map[changeKey]*Connection{}, seen: map[viewKey]change{}}
	sources, destinations := RegionsOf(networkpolicy.Ingress, here.Rules, after.Rules), RegionsOf(networkpolicy.Egress, here.Rules, after.Rules)
	nameDNS(destinations, output.Flows)
	byName := p.podsByName()
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		for _, pod := range byName[name] {
			p.within(pod)
			p.withAddresses(networkpolicy.Ingress, pod, sources)
			p.withAddresses(networkpolicy.Egress, pod, destinations)
		}
	}
	p.flush()
	p.withOthers(byName, others)
	return Preview{Cut: p.totals[cut], Opened: p.totals[opened]}, nil
}

// podsByName returns the pods that policies govern, by what they are called.
func (p *preview) podsByName() map[string][]*snapshot.Pod {
	out := map[string][]*snapshot.Pod{}
	for i := range p.here.Pods {
		if pod := &p.here.Pods[i]; !pod.HostNetwork && !pod.Completed {
			out[p.names.of(pod)] = append(out[p.names.of(pod)], pod)
		}
	}
	return out
}

// Enforced returns a namespace as it would be: with the policies that the profile wants in place of those that it has, and without
// those of the profile that it would replace.
func Enforced(output compiler.Output, here *Place) (*Place, error) {
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
	here  *Place
	after *evaluator.Namespace
	names names
	// changes are those that more pods may add to; flush adds them to the totals.
	changes map[changeKey]*Connection
	totals  [2]Connections
	// seen are the ports that a pod may use now, and then, with what looks so to the rules here.
	seen map[viewKey]change
}

type viewKey struct {
	pod       *snapshot.Pod
	direction networkpolicy.Direction
	view      string
}

// change is the ports that are cut and opened.
type change [2]portset.Set

func changeOf(before, after portset.Set) change {
	return change{cut: before.Minus(after), opened: after.Minus(before)}
}

// maxSeen bounds how much is remembered of what was seen.
const maxSeen = 100_000

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

// withOthers looks at the connections of pods with those of other namespaces, both ways.
func (p *preview) withOthers(byName map[string][]*snapshot.Pod, others []*Place) {
	var alike []*Place
	for _, place := range others {
		switch {
		case !slices.ContainsFunc(place.Pods, governed):
		case place.Rules.IsEmpty() && !p.here.Rules.Mentions(place.Rules) && !p.after.Mentions(place.Rules):
			alike = append(alike, place)
		default:
			p.withPlace(byName, place)
		}
	}
	if len(alike) <= manyNamespaces {
		for _, place := range alike {
			p.withPlace(byName, place)
		}
		return
	}
	for _, pods := range byName {
		for _, pod := range pods {
			p.withMany(networkpolicy.Egress, pod, alike)
			p.withMany(networkpolicy.Ingress, pod, alike)
		}
	}
	p.flush()
}

// governed says whether policies have something to say about a pod.
func governed(pod snapshot.Pod) bool { return !pod.HostNetwork && !pod.Completed }

// withPlace looks at the connections with one namespace. The changes are added up by what the pods are called, since there may be as
// many as pairs of workloads in the cluster.
func (p *preview) withPlace(byName map[string][]*snapshot.Pod, place *Place) {
	for i := range place.Pods {
		if other := &place.Pods[i]; governed(*other) {
			name := workloadIn(other)
			for _, direction := range []networkpolicy.Direction{networkpolicy.Egress, networkpolicy.Ingress} {
				view := p.here.Rules.View(direction, evaluator.Other{Pod: other, Namespace: place.Rules}) + "/" +
					p.after.View(direction, evaluator.Other{Pod: other, Namespace: place.Rules})
				for mine, pods := range byName {
					for _, pod := range pods {
						p.withPod(viewKey{pod, direction, view}, place, other, Connection{From: mine, To: name, rank: 1, count: 1})
					}
				}
			}
		}
	}
	p.flush()
}

// withPod looks at the connections of a pod with one of another namespace, which looks so from here.
func (p *preview) withPod(key viewKey, place *Place, other *snapshot.Pod, c Connection) {
	here, known := p.seen[key]
	if !known {
		to := evaluator.Other{Pod: other, Namespace: place.Rules}
		here = changeOf(p.here.Rules.Admits(key.direction, key.pod, to).Ports, p.after.Admits(key.direction, key.pod, to).Ports)
		if len(p.seen) >= maxSeen {
			clear(p.seen)
		}
		p.seen[key] = here
	}
	if here[cut].IsEmpty() && here[opened].IsEmpty() {
		return
	}
	// What the other end admits does not depend on what is enforced here.
	opposite, destination := networkpolicy.Ingress, other
	if key.direction == networkpolicy.Ingress {
		opposite, destination = networkpolicy.Egress, key.pod
		c.From, c.To = c.To, c.From
	}
	there := place.Rules.Admits(opposite, other, evaluator.Other{Pod: key.pod, Namespace: p.here.Rules}).Ports
	if !there.IsEmpty() {
		p.note(here, c, declared(destination).Intersect(there))
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
func (p *preview) withAddresses(direction networkpolicy.Direction, pod *snapshot.Pod, regions []Region) {
	for _, r := range regions {
		other, c, relevant := evaluator.Other{Address: r.Example}, Connection{From: p.names.of(pod), To: r.Name, rank: 3, count: 1}, portset.All()
		if direction == networkpolicy.Ingress {
			c.From, c.To, relevant = c.To, c.From, declared(pod)
		}
		p.compare(p.here.Rules.Admits(direction, pod, other).Ports, p.after.Admits(direction, pod, other).Ports, c, relevant)
	}
}

// compare notes what differs between the ports before and after, as far as they are relevant.
func (p *preview) compare(before, after portset.Set, c Connection, relevant portset.Set) {
	p.note(changeOf(before, after), c, relevant)
}

// note adds a change to those between the same two, as far as the ports are relevant.
func (p *preview) note(what change, c Connection, relevant portset.Set) {
	for what, ports := range what {
		if ports = ports.Intersect(relevant); ports.IsEmpty() {
			continue
		}
		key := changeKey{effect(what), c.From, c.To}
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

// flush adds the changes to the totals: nothing that is looked at later may change them any more.
func (p *preview) flush() {
	for key, c := range p.changes {
		total := &p.totals[key.effect]
		total.Count += c.count
		total.Listed = append(total.Listed, *c)
	}
	clear(p.changes)
	for i := range p.totals {
		total := &p.totals[i]
		slices.SortFunc(total.Listed, func(a, b Connection) int {
			return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To))
		})
		total.Listed = slices.Delete(total.Listed, min(len(total.Listed), MaxListed), len(total.Listed))
	}
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
