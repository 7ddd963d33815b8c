package testbed

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
)

// NodeAddresses returns the node's addresses, IPv4 first. They, and those of pods and Services, are as kubeadm and kind have them.
func NodeAddresses() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr("172.18.0.2"), netip.MustParseAddr("fd00:18::2")}
}

// Where a host finds its router, which is the node: the same for all, for each of them has a link of its own.
const (
	router  = "169.254.1.1"
	router6 = "fe80::1"
)

// Network is the node, which forwards what hosts send to each other, and the links to them. There is one in a sandbox. Its
// methods may be used side by side.
type Network struct {
	mu sync.Mutex
	// links is the number of links made so far, of which each has a number of its own.
	links int

	ports sourcePorts
}

// Attach adds a host with addresses of its own: at most one of each family. The host answers nobody before it listens.
func (n *Network) Attach(ctx context.Context, name string, addresses ...netip.Addr) (*Host, error) {
	n.mu.Lock()
	n.links++
	number := n.links
	n.mu.Unlock()
	link := fmt.Sprintf("veth%d", number)
	// Locally administered, and unlike any other here.
	nodeMAC := fmt.Sprintf("02:00:00:00:%02x:%02x", number>>8, number&0xff)
	hostMAC := fmt.Sprintf("02:01:00:00:%02x:%02x", number>>8, number&0xff)

	outside := []string{
		fmt.Sprintf("link add %s address %s type veth peer name eth0 address %s netns %s", link, nodeMAC, hostMAC, link),
		fmt.Sprintf("addr add %s/32 dev %s", router, link),
		fmt.Sprintf("addr add %s/64 dev %s nodad", router6, link),
		fmt.Sprintf("link set %s up", link),
	}
	inside := []string{"link set lo up", "link set eth0 up"}
	for _, a := range addresses {
		// Nobody is asked who has an address: a question that is lost would look like a connection that is denied.
		outside = append(outside,
			fmt.Sprintf("route add %s dev %s", a, link),
			fmt.Sprintf("neigh replace %s dev %s lladdr %s nud permanent", a, link, hostMAC))
		via := router
		if a.Is6() {
			via = router6
			inside = append(inside, fmt.Sprintf("addr add %s/128 dev eth0 nodad", a))
		} else {
			inside = append(inside,
				fmt.Sprintf("addr add %s/32 dev eth0", a),
				fmt.Sprintf("route add %s dev eth0 scope link", via))
		}
		inside = append(inside,
			fmt.Sprintf("neigh replace %s dev eth0 lladdr %s nud permanent", via, nodeMAC),
			fmt.Sprintf("route add default via %s dev eth0", via))
	}
	for _, step := range []struct {
		lines []string
		args  []string
	}{
		{[]string{"netns add " + link}, nil},
		{outside, nil},
		{inside, []string{"-n", link}},
	} {
		if err := run(ctx, strings.Join(step.lines, "\n")+"\n", "ip", append(step.args, "-batch", "-")...); err != nil {
			return nil, fmt.Errorf("attach %s to the network: %w", name, err)
		}
	}
	h, err := enterHost(name, link, addresses, &n.ports)
	if err != nil {
		return nil, fmt.Errorf("attach %s to the network: %w", name, err)
	}
	return h, nil
}
