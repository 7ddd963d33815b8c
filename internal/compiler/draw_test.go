package compiler

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// drawer draws random clusters. Its profiles are valid.
type drawer struct{ *rand.Rand }

func newDrawer(seed, number uint64) drawer {
	return drawer{rand.New(rand.NewPCG(seed, number))}
}

func one[T any](d drawer, choices ...T) T { return choices[d.IntN(len(choices))] }

// cluster draws three namespaces, one of them protected, up to three profiles of either kind, and DNS.
func (d drawer) cluster() cluster {
	c := cluster{options: snapshot.DefaultOptions("firebreak-system")}
	for _, name := range []string{"shop", "data", "kube-system"} {
		labels := map[string]string{"kubernetes.io/metadata.name": name}
		if d.IntN(2) == 0 {
			labels["team"] = one(d, "a", "b")
		}
		c.namespaces = append(c.namespaces, snapshot.Namespace{Name: name, Labels: labels})
	}
	for i := range 1 + d.IntN(3) {
		c.profiles = append(c.profiles, d.profile(i))
	}
	c.facts = d.facts()
	if d.IntN(4) == 0 {
		c.options.NodeLocalDNS = nil
	}
	if d.IntN(4) == 0 {
		c.options.ClusterCIDRs = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	}
	c.options.AllowNAT64 = d.IntN(4) == 0
	return c
}

func (d drawer) profile(number int) snapshot.Profile {
	p := snapshot.Profile{UID: types.UID(fmt.Sprint("uid", number)), Generation: int64(1 + d.IntN(9))}
	p.Key = snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: fmt.Sprint(one(d, "p", "web.v1", "a-b"), number)}
	if d.IntN(2) == 0 {
		p.Key.Kind, p.Key.Namespace = v1alpha1.KindClusterSegmentationProfile, ""
		p.NamespaceSelector = one(d, &v1alpha1.LabelSelector{}, d.selector("team"))
	}
	p.Mode = v1alpha1.ModeEnforce
	p.DeletionPolicy = one(d, v1alpha1.DeletionPolicyDelete, v1alpha1.DeletionPolicyRetain)
	p.Isolation = one(d, v1alpha1.IsolationNamespace, v1alpha1.IsolationTiers)
	p.DNS = one(d, v1alpha1.DNSCluster, v1alpha1.DNSNone, v1alpha1.DNSAny)
	for i := range 1 + d.IntN(4) {
		p.Tiers = append(p.Tiers, d.tier(i, p.Key.Kind))
	}
	for i := range d.IntN(6) {
		p.Allow = append(p.Allow, d.entry(i, p))
	}
	return p
}

func (d drawer) tier(number int, kind v1alpha1.Kind) v1alpha1.ClusterTier {
	tier := v1alpha1.ClusterTier{Tier: v1alpha1.Tier{
		Name: fmt.Sprint("t", number), Description: one(d, "", "What it is for"), PodSelector: d.selector("app"),
		Ports: d.ports(true), DNS: one(d, "", "", v1alpha1.DNSCluster, v1alpha1.DNSNone, v1alpha1.DNSAny),
	}}
	if kind == v1alpha1.KindClusterSegmentationProfile && d.IntN(3) == 0 {
		tier.NamespaceSelector = d.selector("team")
	}
	return tier
}

func (d drawer) selector(key string) *v1alpha1.LabelSelector {
	value := one[v1alpha1.LabelValue](d, "a", "b", "c")
	switch d.IntN(5) {
	case 0:
		return &v1alpha1.LabelSelector{}
	case 1:
		return &v1alpha1.LabelSelector{MatchExpressions: []v1alpha1.LabelSelectorRequirement{
			{Key: key, Operator: one(d, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn), Values: []v1alpha1.LabelValue{value, "d", value}},
			{Key: "other", Operator: one(d, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)},
		}}
	default:
		return &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{key: value}}
	}
}

func (d drawer) ports(named bool) []v1alpha1.Port {
	var out []v1alpha1.Port
	for range 1 + d.IntN(3) {
		port := v1alpha1.Port{Protocol: one(d, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP), Port: intstr.FromInt(one(d, 53, 80, 443))}
		switch {
		case named && d.IntN(4) == 0:
			port.Port = intstr.FromString("http")
		case d.IntN(4) == 0:
			port.EndPort = new(int32(port.Port.IntValue() + d.IntN(3)))
		}
		out = append(out, port)
	}
	return out
}

// entry draws an allow entry between tiers, from strangers to tiers, or from tiers to strangers.
func (d drawer) entry(number int, p snapshot.Profile) v1alpha1.AllowEntry {
	entry := v1alpha1.AllowEntry{Name: fmt.Sprint("e", number), Description: one(d, "", "Because."), From: d.tiers(p), To: d.tiers(p)}
	if d.IntN(2) == 0 {
		entry.Ports = d.ports(true)
	}
	switch d.IntN(3) {
	case 0:
		entry.From = d.strangers()
	case 1:
		entry.To, entry.Ports = d.strangers(), d.ports(false)
		if slices.ContainsFunc(entry.To, func(p v1alpha1.Peer) bool { return p.KubeAPIServer != nil }) {
			// It brings its own ports, so only others that do may stand beside it.
			entry.To, entry.Ports = []v1alpha1.Peer{{KubeAPIServer: &v1alpha1.KubeAPIServerPeer{}}, d.ownPorts()}, nil
		}
	}
	return entry
}

func (d drawer) tiers(p snapshot.Profile) []v1alpha1.Peer {
	var out []v1alpha1.Peer
	for range 1 + d.IntN(2) {
		out = append(out, v1alpha1.Peer{Tier: one(d, p.Tiers...).Name})
	}
	return out
}

func (d drawer) strangers() []v1alpha1.Peer {
	var out []v1alpha1.Peer
	for range 1 + d.IntN(3) {
		out = append(out, one(d,
			v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{Namespaces: one(d, []string{"one"}, []string{"two", "one"}), PodSelector: d.selector("app")}},
			v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{NamespaceSelector: d.selector("team")}},
			v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{PodSelector: d.selector("app")}},
			v1alpha1.Peer{IPBlocks: d.ipBlocks()},
			v1alpha1.Peer{Internet: &v1alpha1.InternetPeer{Except: one(d, nil, []string{"8.8.8.8/32", "192.0.0.0/8", "2606:4700::/32"}, []string{"0.0.0.0/1", "128.0.0.0/1"})}},
			v1alpha1.Peer{Anywhere: &v1alpha1.AnywherePeer{}},
			d.lookedUp(),
		))
	}
	return out
}

// ipBlocks draws overlapping and neighbouring ranges with exceptions that may swallow some of them whole.
func (d drawer) ipBlocks() *v1alpha1.IPBlocksPeer {
	out := &v1alpha1.IPBlocksPeer{}
	for range 1 + d.IntN(4) {
		addr := one(d, netip.AddrFrom4([4]byte{192, 0, 2, byte(d.IntN(256))}), netip.MustParseAddr("2001:db8::").Next())
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

// shuffled returns the cluster with every list whose order means nothing in another order.
func (d drawer) shuffled(c cluster) cluster {
	out := c
	out.facts, out.profiles = d.shuffledFacts(c.facts), nil
	for _, p := range shuffle(d, c.profiles) {
		p.Tiers, p.Allow = shuffle(d, p.Tiers), shuffle(d, p.Allow)
		for i := range p.Tiers {
			p.Tiers[i].Ports = shuffle(d, p.Tiers[i].Ports)
		}
		for i := range p.Allow {
			entry := &p.Allow[i]
			entry.From, entry.To, entry.Ports = shuffle(d, entry.From), shuffle(d, entry.To), shuffle(d, entry.Ports)
			for _, peers := range [][]v1alpha1.Peer{entry.From, entry.To} {
				for j := range peers {
					peers[j] = *peers[j].DeepCopy()
					d.shufflePeer(&peers[j])
				}
			}
		}
		out.profiles = append(out.profiles, p)
	}
	return out
}

func (d drawer) shufflePeer(p *v1alpha1.Peer) {
	switch {
	case p.Pods != nil:
		p.Pods.Namespaces = shuffle(d, p.Pods.Namespaces)
		if p.Pods.PodSelector != nil {
			p.Pods.PodSelector.MatchExpressions = shuffle(d, p.Pods.PodSelector.MatchExpressions)
		}
	case p.IPBlocks != nil:
		p.IPBlocks.CIDRs, p.IPBlocks.Except = shuffle(d, p.IPBlocks.CIDRs), shuffle(d, p.IPBlocks.Except)
	case p.Internet != nil:
		p.Internet.Except = shuffle(d, p.Internet.Except)
	}
}

func shuffle[T any](d drawer, list []T) []T {
	out := slices.Clone(list)
	d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}
