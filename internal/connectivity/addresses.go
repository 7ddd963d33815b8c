package connectivity

import (
	"net/netip"
	"slices"
	"strings"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/networkpolicy"
)

// The names of parties that are addresses.
const (
	internet     = "the internet"
	internetIPv6 = "the internet (IPv6)"
	// everywhereOutside stands where all addresses fare alike.
	everywhereOutside = "addresses outside the cluster"
	dnsName           = "DNS"
	apiServer         = "the API server"
	nodes             = "nodes"
)

// region is addresses that have a name, with one that stands for each part of them.
type region struct {
	name     string
	examples []netip.Addr
}

// withAddresses adds the cells of connections with addresses outside the cluster.
func (f *field) withAddresses() {
	inside := map[string][]int{}
	hasDNS := false
	for i, p := range f.parties {
		if p.Inside {
			namespace := p.members[0].namespace
			inside[namespace] = append(inside[namespace], i)
		}
		hasDNS = hasDNS || p.Kind == KindDNS
	}
	byName := map[string]int{}
	for _, namespace := range f.names {
		if len(inside[namespace]) == 0 {
			continue
		}
		for _, direction := range []networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress} {
			regions := f.regions(namespace, direction)
			if hasDNS {
				regions = slices.DeleteFunc(regions, func(r region) bool { return r.name == dnsName })
			}
			f.withRegions(inside[namespace], direction, regions, byName)
		}
	}
}

// regions returns the addresses that the rules of a namespace may treat differently in some view, by name.
func (f *field) regions(namespace string, direction networkpolicy.Direction) []region {
	var rules []*evaluator.Namespace
	for _, w := range f.worlds {
		rules = append(rules, w.rules[namespace])
	}
	names := f.addressNames(namespace)
	var out []region
	at := map[string]int{}
	for _, r := range analyzer.RegionsOf(direction, rules...) {
		// Names stand in lists, which have commas of their own.
		name := strings.ReplaceAll(r.Name, ", such as", " such as")
		if known := names[name]; known != "" {
			name = known
		}
		if i, ok := at[name]; ok {
			out[i].examples = append(out[i].examples, r.Example)
			continue
		}
		at[name] = len(out)
		out = append(out, region{name: name, examples: []netip.Addr{r.Example}})
	}
	return out
}

// addressNames returns what ranges that profiles have looked up are, by their text. One that is several things, such as the
// API server on a node, is called by what says the most.
func (f *field) addressNames(namespace string) map[string]string {
	out := map[string]string{"169.254.20.10/32": dnsName}
	for v := range f.views {
		for _, o := range f.at(v, namespace).outputs {
			for _, flow := range o.Flows {
				name := nameOfAddresses(flow)
				for _, peer := range flow.Peers {
					if peer.IPBlock != nil && name != "" {
						out[peer.IPBlock.CIDR] = tellingMost(name, out[peer.IPBlock.CIDR])
					}
				}
			}
		}
	}
	return out
}

func tellingMost(a, b string) string {
	for _, name := range []string{dnsName, apiServer} {
		if a == name || b == name {
			return name
		}
	}
	switch {
	case a == nodes && b != "":
		return b
	case b == "" || b == nodes:
		return a
	}
	return min(a, b)
}

// nameOfAddresses returns what the addresses of a flow are, when nobody wrote them down as such; empty otherwise.
func nameOfAddresses(flow compiler.Flow) string {
	switch declared := flow.Declared; {
	case flow.Entry == compiler.EntryDNS:
		return dnsName
	case declared.KubeAPIServer != nil:
		return apiServer
	case declared.Nodes != nil:
		return nodes
	case declared.Service != nil:
		return "addresses of Service " + declared.Service.Name
	}
	return ""
}

// withRegions adds the cells of some parties of one namespace with the addresses. Where all addresses fare alike, they are one
// party; where those of both families do, the internet is.
func (f *field) withRegions(parties []int, direction networkpolicy.Direction, regions []region, byName map[string]int) {
	states := make([][][2]state, len(regions))
	first, allSame := -1, len(regions) > 1
	for i, r := range regions {
		for _, p := range parties {
			states[i] = append(states[i], f.withRegion(p, direction, r))
		}
		allSame = allSame && sameStates(states[0], states[i])
		if r.name == internet {
			first = i
		}
	}
	if allSame {
		regions[0].name = everywhereOutside
		f.addRegion(parties, direction, regions[0], states[0], byName)
		return
	}
	for i, r := range regions {
		if r.name != internetIPv6 || first < 0 || !sameStates(states[first], states[i]) {
			f.addRegion(parties, direction, r, states[i], byName)
		}
	}
}

func sameStates(a, b [][2]state) bool {
	return slices.EqualFunc(a, b, func(x, y [2]state) bool { return x[0].equal(y[0]) && x[1].equal(y[1]) })
}

func (f *field) addRegion(parties []int, direction networkpolicy.Direction, r region, states [][2]state, byName map[string]int) {
	at, ok := byName[r.name]
	if !ok {
		at = len(f.parties)
		byName[r.name] = at
		p := &party{Party: Party{Key: "addresses " + r.name, Kind: KindAddresses, Name: r.name}}
		if r.name == dnsName {
			p.Party = Party{Key: "dns", Kind: KindDNS, Name: dnsName}
		}
		f.parties = append(f.parties, p)
	}
	for i, p := range parties {
		c := cell{pair: pair{p, at}, states: states[i]}
		if direction == networkpolicy.Ingress {
			c.pair = pair{at, p}
		}
		f.outside = append(f.outside, c)
		f.examples[c.pair] = r.examples
	}
}

// withRegion returns how a party fares with one of the addresses of a region, in each view.
func (f *field) withRegion(party int, direction networkpolicy.Direction, r region) (out [2]state) {
	for v, w := range f.worlds {
		var g gatherer
		for _, class := range w.classes[party] {
			pod := &w.matrix.Classes()[class].Pod
			var one evaluator.Admission
			for _, example := range r.examples {
				a := w.rules[pod.Namespace].Admits(direction, pod, evaluator.Other{Address: example})
				one.Ports, one.Undecidable = one.Ports.Union(a.Ports), one.Undecidable.Union(a.Undecidable)
			}
			g.add(one.Ports, one.Undecidable.Minus(one.Ports))
		}
		out[v] = g.state()
	}
	return out
}
