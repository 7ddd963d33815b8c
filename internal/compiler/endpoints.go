package compiler

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// endpoints are what the EndpointSlices of a Service list.
type endpoints struct {
	groups []endpointGroup
	// pods are the addresses that are left out because they are a pod's, sorted.
	pods []netip.Addr
	// others is the number of addresses that are left out because there are too many.
	others int
}

// endpointGroup is addresses that serve on the same ports, both sorted, and the ports as a key.
type endpointGroup struct {
	addresses []netip.Addr
	ports     []v1alpha1.Port
	key       string
}

// endpointsOf returns what the EndpointSlices of a Service list, ready or not: an endpoint that comes back must not wait
// for a policy. An address that is a pod's is left out: whoever edits the list could reach pods by it that nobody
// selected. Host names are left out, and so is a port without number, which would mean every port.
func (c *compilation) endpointsOf(name types.NamespacedName) endpoints {
	if known, ok := c.memo.endpoints[name]; ok {
		return known
	}
	var out endpoints
	allowed := map[netip.Addr]bool{}
	taken, others := snapshot.AddressesOf(name, c.facts.EndpointSlices)
	out.others = others
	for _, addr := range taken {
		c.read(snapshot.Fact{Kind: snapshot.FactPodAddress, Name: addr.String()})
		if c.facts.PodAddresses[addr] {
			out.pods = append(out.pods, addr)
			continue
		}
		allowed[addr] = true
	}
	out.groups = groupEndpoints(name, c.facts.EndpointSlices, allowed)
	c.memo.endpoints[name] = out
	return out
}

// groupEndpoints joins the EndpointSlices of a Service that give the same ports. The order of EndpointSlices means
// nothing.
func groupEndpoints(name types.NamespacedName, list []discoveryv1.EndpointSlice, allowed map[netip.Addr]bool) []endpointGroup {
	var out []endpointGroup
	byPorts := map[string]int{}
	for i := range list {
		if !snapshot.IsOf(&list[i], name) {
			continue
		}
		ports := slicePorts(&list[i])
		key := portsKey(ports)
		at, ok := byPorts[key]
		if !ok {
			at = len(out)
			byPorts[key] = at
			out = append(out, endpointGroup{ports: ports, key: key})
		}
		for _, addr := range snapshot.AddressesIn(&list[i]) {
			if allowed[addr] {
				out[at].addresses = append(out[at].addresses, addr)
			}
		}
	}
	for i := range out {
		slices.SortFunc(out[i].addresses, netip.Addr.Compare)
		out[i].addresses = slices.Compact(out[i].addresses)
	}
	slices.SortFunc(out, func(a, b endpointGroup) int { return strings.Compare(a.key, b.key) })
	return out
}

// slicePorts returns the ports of an EndpointSlice that have a number, sorted and each once.
func slicePorts(slice *discoveryv1.EndpointSlice) []v1alpha1.Port {
	var out []v1alpha1.Port
	for _, p := range slice.Ports {
		if p.Port == nil {
			continue
		}
		protocol := corev1.ProtocolTCP
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		out = append(out, v1alpha1.Port{Port: intstr.FromInt32(*p.Port), Protocol: protocol})
	}
	slices.SortFunc(out, func(a, b v1alpha1.Port) int {
		return cmp.Or(cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port.IntVal, b.Port.IntVal))
	})
	return slices.Compact(out)
}

// findLeftOut finds addresses of a Service that are not allowed, and says what to do about those of pods.
func (e endpoints) findLeftOut(service, instead, place string, find finder) {
	if len(e.pods) > 0 {
		find(v1alpha1.CodeUnresolvedPeer, place, "Of the addresses of %s, %d belong to pods, %s for one, and are left out; %s.",
			service, len(e.pods), e.pods[0], instead)
	}
	if e.others > 0 {
		find(v1alpha1.CodeUnresolvedPeer, place, "The EndpointSlices of %s list %d addresses more than the %d that are taken; the highest are not allowed here. Use ipBlocks with ranges.",
			service, e.others, snapshot.MaxEndpoints)
	}
}
