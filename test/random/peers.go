package random

import (
	"fmt"
	"net/netip"
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// entry draws an allow entry between tiers, from strangers to tiers, or from tiers to strangers.
func (d Drawer) entry(number int, p snapshot.Profile) v1alpha1.AllowEntry {
	entry := v1alpha1.AllowEntry{Name: fmt.Sprint("e", number), Description: OneOf(d, "", "Because."), From: d.tiers(p), To: d.tiers(p)}
	portless := slices.ContainsFunc(entry.To, func(peer v1alpha1.Peer) bool {
		tier, _ := p.Tier(peer.Tier)
		return len(tier.Ports) == 0
	})
	if portless || d.oneIn(2) {
		entry.Ports = d.ports(true)
	}
	switch d.IntN(8) {
	case 0, 1, 2:
		entry.From = d.strangers()
	case 3:
		entry.To, entry.Ports = []v1alpha1.Peer{d.ownPorts(), d.ownPorts()}, OneOf(d, nil, nil, d.ports(true))
	case 4, 5:
		entry.To, entry.Ports = d.strangers(), d.ports(false)
		if slices.ContainsFunc(entry.To, func(p v1alpha1.Peer) bool { return p.KubeAPIServer != nil }) {
			// It brings its own ports, so only others that do may stand beside it.
			entry.To, entry.Ports = []v1alpha1.Peer{{KubeAPIServer: &v1alpha1.KubeAPIServerPeer{}}, d.ownPorts()}, nil
		}
	}
	return entry
}

func (d Drawer) tiers(p snapshot.Profile) []v1alpha1.Peer {
	var out []v1alpha1.Peer
	for range 1 + d.IntN(2) {
		out = append(out, v1alpha1.Peer{Tier: OneOf(d, p.Tiers...).Name})
	}
	return out
}

func (d Drawer) strangers() []v1alpha1.Peer {
	var out []v1alpha1.Peer
	for range 1 + d.IntN(3) {
		out = append(out, OneOf(d,
			v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{Namespaces: OneOf(d, []string{"one"}, []string{"data", "shop"}, []string{"data"}), PodSelector: d.selector("app")}},
			v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{Namespaces: []string{"shop", "kube-system"}, NamespaceSelector: d.selector("team")}},
			v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{NamespaceSelector: d.selector("team")}},
			v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{PodSelector: d.selector("app")}},
			v1alpha1.Peer{IPBlocks: d.ipBlocks()},
			v1alpha1.Peer{Internet: &v1alpha1.InternetPeer{Except: OneOf(d, nil, []string{"8.8.8.8/32", "192.0.0.0/8", "2606:4700::/32"}, []string{"0.0.0.0/1", "128.0.0.0/1"})}},
			v1alpha1.Peer{Anywhere: &v1alpha1.AnywherePeer{}},
			d.lookedUp(),
		))
	}
	return out
}

// ipBlocks draws overlapping and neighbouring ranges with exceptions that may swallow some of them whole.
func (d Drawer) ipBlocks() *v1alpha1.IPBlocksPeer {
	out := &v1alpha1.IPBlocksPeer{}
	for range 1 + d.IntN(4) {
		addr := OneOf(d, netip.AddrFrom4([4]byte{192, 0, 2, byte(d.IntN(256))}), netip.AddrFrom4([4]byte{10, 0, 0, byte(d.IntN(8))}), netip.MustParseAddr("2001:db8::1"))
		bits := 24 + d.IntN(6)
		cidr := netip.PrefixFrom(addr, bits).Masked()
		out.CIDRs = append(out.CIDRs, cidr.String())
		for range d.IntN(3) {
			out.Except = append(out.Except, netip.PrefixFrom(cidr.Addr(), bits+1+d.IntN(3)).String())
		}
	}
	for _, list := range []*[]string{&out.CIDRs, &out.Except} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return out
}

// lookedUp draws a peer that is looked up. Half of what it names does not exist.
func (d Drawer) lookedUp() v1alpha1.Peer {
	return OneOf(d,
		d.ownPorts(),
		v1alpha1.Peer{KubeAPIServer: &v1alpha1.KubeAPIServerPeer{}},
		v1alpha1.Peer{Nodes: &v1alpha1.NodesPeer{NodeSelector: OneOf(d, nil, d.selector("zone"))}},
	)
}

// ownPorts draws a peer that has ports of its own.
func (d Drawer) ownPorts() v1alpha1.Peer {
	if d.IntN(2) == 0 {
		return v1alpha1.Peer{Service: &v1alpha1.ServicePeer{Name: OneOf(d, "s0", "s0", "s1", "s2"), Namespace: OneOf(d, "", "shop", "data")}}
	}
	return v1alpha1.Peer{RemoteTier: &v1alpha1.RemoteTierPeer{
		Namespace: OneOf(d, "shop", "shop", "data"), Profile: OneOf(d, "p0", "p0", "p1", "web.v10"), Tier: OneOf(d, "t0", "t0", "t1", "t2"),
	}}
}
