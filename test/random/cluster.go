package random

import (
	"net/netip"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/internal/snapshot"
)

// Cluster is a cluster. Its Profiles are valid, and those of the namespaced kind are in shop or data; its Policies are those
// that nobody compiled.
type Cluster = snapshot.Cluster

// Cluster draws the namespaces shop, data and kube-system, of which the last is protected, with pods, up to three profiles of
// either kind, DNS, Services, nodes, and flags. It draws no Policies.
func (d Drawer) Cluster() Cluster {
	c := Cluster{Namespaces: d.namespaces(), Options: d.options()}
	for i := range OneOf(d, 1, 1, 1, 2, 2, 3) {
		c.Profiles = append(c.Profiles, d.Profile(i))
	}
	c.Facts = d.facts()
	c.Pods = d.pods(c.Namespaces)
	c.Facts.PodAddresses = podAddresses(c.Pods)
	return c
}

// Foreign draws a cluster in which there are NetworkPolicies that somebody else wrote, up to six, and no profile.
func (d Drawer) Foreign() Cluster {
	c := Cluster{Namespaces: d.namespaces(), Options: d.options()}
	c.Pods = d.pods(c.Namespaces)
	for i := range 1 + d.IntN(6) {
		c.Policies = append(c.Policies, d.Policy(OneOf(d, c.Namespaces...).Name, i))
	}
	return c
}

func (d Drawer) namespaces() []snapshot.Namespace {
	var out []snapshot.Namespace
	for _, name := range []string{"shop", "data", "kube-system"} {
		labels := map[string]string{"kubernetes.io/metadata.name": name}
		if d.oneIn(2) {
			labels["team"] = OneOf(d, "a", "b")
		}
		if d.oneIn(4) {
			labels["other"] = "x"
		}
		out = append(out, snapshot.Namespace{Name: name, Labels: labels})
	}
	return out
}

func (d Drawer) options() snapshot.Options {
	o := snapshot.DefaultOptions("firebreak-system")
	if d.oneIn(4) {
		o.NodeLocalDNS = nil
	}
	if d.oneIn(4) {
		o.ClusterCIDRs = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")}
	}
	if d.oneIn(6) {
		o.NodeCIDRs = []netip.Prefix{netip.MustParsePrefix("192.168.0.0/24"), netip.MustParsePrefix("198.51.100.0/28")}
	}
	if d.oneIn(8) {
		o.DNSServices = OneOf(d,
			[]types.NamespacedName{{Namespace: "kube-system", Name: "dns1"}},
			[]types.NamespacedName{{Namespace: "openshift-dns", Name: "dns-default"}, {Namespace: "kube-system", Name: "kube-dns"}},
		)
	}
	o.AllowNAT64 = d.oneIn(4)
	return o
}

// Shuffled returns the cluster with every list whose order means nothing in another order.
func (d Drawer) Shuffled(c Cluster) Cluster {
	out := Cluster{Facts: d.shuffledFacts(c.Facts), Options: c.Options}
	out.Namespaces, out.Pods, out.Policies = Shuffled(d, c.Namespaces), Shuffled(d, c.Pods), Shuffled(d, c.Policies)
	for _, p := range Shuffled(d, c.Profiles) {
		out.Profiles = append(out.Profiles, d.shuffledProfile(p))
	}
	return out
}
