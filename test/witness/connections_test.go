package witness

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

// connectionDrawer draws connections in a cluster. It prefers what is at the edge of something that a policy names.
type connectionDrawer struct {
	random.Drawer
	world     evaluator.World
	addresses []netip.Addr
	ports     []int32
}

// outside are addresses that may be drawn besides those at the edges of ipBlocks.
func outside() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("192.168.0.1"), netip.MustParseAddr("10.0.0.250"),
		netip.MustParseAddr("2001:db8::10"), netip.MustParseAddr("fd00::ff"),
	}
}

func newConnectionDrawer(d random.Drawer, world evaluator.World) connectionDrawer {
	out := connectionDrawer{Drawer: d, world: world, addresses: outside(), ports: []int32{1, 80, 65535}}
	for _, policy := range world.Policies {
		for _, rule := range policy.Spec.Ingress {
			out.meet(rule.From, rule.Ports)
		}
		for _, rule := range policy.Spec.Egress {
			out.meet(rule.To, rule.Ports)
		}
	}
	var taken []netip.Addr
	for _, pod := range world.Pods {
		taken = append(taken, pod.Addresses...)
		for _, port := range pod.Ports {
			out.ports = append(out.ports, port.Port)
		}
	}
	// An address that is an end of a connection is no pod's: to the evaluator, such an end would be the pod.
	out.addresses = slices.DeleteFunc(out.addresses, func(addr netip.Addr) bool { return slices.Contains(taken, addr) || hiddenRange().Contains(addr) })
	return out
}

// meet notes the addresses and ports at the edges of a rule.
func (d *connectionDrawer) meet(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) {
	for _, peer := range peers {
		if peer.IPBlock == nil {
			continue
		}
		for _, text := range append([]string{peer.IPBlock.CIDR}, peer.IPBlock.Except...) {
			block := netip.MustParsePrefix(text).Masked()
			first, last := block.Addr(), ipset.Last(block)
			for _, addr := range []netip.Addr{first, last, first.Prev(), last.Next()} {
				if addr.IsValid() {
					d.addresses = append(d.addresses, addr)
				}
			}
		}
	}
	for _, port := range ports {
		if port.Port == nil || port.Port.Type == intstr.String {
			continue
		}
		edges := []int32{port.Port.IntVal - 1, port.Port.IntVal, port.Port.IntVal + 1}
		if port.EndPort != nil {
			edges = append(edges, *port.EndPort, *port.EndPort+1)
		}
		for _, number := range edges {
			if number >= 1 && number <= 65535 {
				d.ports = append(d.ports, number)
			}
		}
	}
}

// connection draws a connection between pods, or between a pod and an address. Most are aimed at a policy, or at a port that
// the destination serves at.
func (d *connectionDrawer) connection() evaluator.Connection {
	c := evaluator.Connection{
		Source: d.pod(), Destination: d.pod(), Port: random.OneOf(d.Drawer, d.ports...),
		Protocol: random.OneOf(d.Drawer, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP),
	}
	served := c.Destination.Pod.Ports
	switch d.IntN(8) {
	case 0:
		c.Source = evaluator.OfAddress(random.OneOf(d.Drawer, d.addresses...))
	case 1:
		c.Destination, served = evaluator.OfAddress(random.OneOf(d.Drawer, d.addresses...)), nil
	}
	switch d.IntN(4) {
	case 0:
		if len(served) > 0 {
			port := random.OneOf(d.Drawer, served...)
			c.Port, c.Protocol = port.Port, port.Protocol
		}
	case 1, 2:
		if len(d.world.Policies) > 0 {
			d.aim(&c, random.OneOf(d.Drawer, d.world.Policies...))
		}
	}
	return c
}

// aim moves one end of the connection into the policy's namespace and, where a rule names ports, the port to one of them.
func (d *connectionDrawer) aim(c *evaluator.Connection, policy *networkingv1.NetworkPolicy) {
	var ports []networkingv1.NetworkPolicyPort
	if d.IntN(2) == 0 {
		d.into(&c.Source, policy.Namespace)
		for _, rule := range policy.Spec.Egress {
			ports = append(ports, rule.Ports...)
		}
	} else {
		d.into(&c.Destination, policy.Namespace)
		for _, rule := range policy.Spec.Ingress {
			ports = append(ports, rule.Ports...)
		}
	}
	if len(ports) == 0 {
		return
	}
	port := random.OneOf(d.Drawer, ports...)
	c.Protocol = corev1.ProtocolTCP
	if port.Protocol != nil {
		c.Protocol = *port.Protocol
	}
	switch {
	case port.Port == nil:
	case port.Port.Type == intstr.Int:
		c.Port = port.Port.IntVal
	case c.Destination.Pod != nil:
		for _, served := range c.Destination.Pod.Ports {
			if served.Name == port.Port.StrVal {
				c.Port = served.Port
			}
		}
	}
}

// into makes a pod of the namespace the end of a connection.
func (d *connectionDrawer) into(end *evaluator.Endpoint, namespace string) {
	var there []*snapshot.Pod
	for i := range d.world.Pods {
		if pod := &d.world.Pods[i]; pod.Namespace == namespace {
			there = append(there, pod)
		}
	}
	if len(there) > 0 {
		*end = evaluator.OfPod(random.OneOf(d.Drawer, there...))
	}
}

func (d *connectionDrawer) pod() evaluator.Endpoint {
	return evaluator.OfPod(&d.world.Pods[d.IntN(len(d.world.Pods))])
}

// describe returns the connection as "shop/web -> 203.0.113.10 TCP/443".
func describe(c evaluator.Connection) string {
	name := func(end evaluator.Endpoint) string {
		if end.Pod == nil {
			return end.Address.String()
		}
		return end.Pod.Namespace + "/" + end.Pod.Name
	}
	return fmt.Sprintf("%s -> %s %s/%d", name(c.Source), name(c.Destination), c.Protocol, c.Port)
}
