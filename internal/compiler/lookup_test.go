package compiler

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/random"
)

// TestLookedUpPeersOfRandomProfiles holds what is opened towards looked-up peers against another reading of what they
// mean: all of it is open, and no single address is open that none of them stands for.
func TestLookedUpPeersOfRandomProfiles(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	opened, unresolved := 0, 0
	for number := range uint64(cases) {
		c := random.New(seed, number).Cluster()
		for _, ns := range c.Namespaces {
			s := c.In(ns)
			for _, o := range Compile(s) {
				if o.Disposition != Enforce {
					continue
				}
				reading := reading{snapshot: s, profile: o.Profile}
				for _, policy := range o.Policies {
					tier, ok := o.Profile.Tier(policy.Labels[v1alpha1.LabelTier])
					if !ok {
						continue
					}
					n, err := reading.check(tier.Name, policy.Spec)
					if err != nil {
						t.Fatalf("case %d: %s in %s, tier %s: %v", number, o.Profile.Key, ns.Name, tier.Name, err)
					}
					opened += n
				}
				for _, f := range o.Findings {
					if f.Code == v1alpha1.CodeUnresolvedPeer {
						unresolved++
					}
				}
			}
		}
	}
	if opened < cases/10 || unresolved < cases/10 {
		t.Errorf("only %d flows to looked-up peers and %d that are unresolved: this proves little", opened, unresolved)
	}
	t.Logf("%d flows to looked-up peers", opened)
}

// reading reads a profile by itself.
type reading struct {
	snapshot snapshot.Snapshot
	profile  snapshot.Profile
}

// flow as the reading sees it: one peer on one port; the port is empty for those of the tier, at a destination.
type wantedFlow struct {
	peer networkingv1.NetworkPolicyPeer
	port v1alpha1.Port
}

// check compares a tier's policy with the reading, and returns the number of flows that it found open.
func (r reading) check(tier string, spec networkingv1.NetworkPolicySpec) (int, error) {
	atoms := networkpolicy.Admitted(spec)
	self, _ := r.profile.Tier(tier)
	found := 0
	hosts := map[string]bool{}
	for _, entry := range r.profile.Allow {
		if namesTier(entry.To, tier) {
			ports := entry.Ports
			if len(ports) == 0 {
				ports = self.Ports
			}
			for _, source := range entry.From {
				for _, want := range r.flows(source, []v1alpha1.Port{{}}, false, hosts) {
					for _, port := range ports {
						if !isOpen(atoms, networkpolicy.Ingress, wantedFlow{want.peer, port}) {
							return 0, fmt.Errorf("%s: ingress from %v on %v is not open", entry.Name, networkpolicy.Key(want.peer), port)
						}
						found++
					}
				}
			}
		}
		if namesTier(entry.From, tier) {
			for _, destination := range entry.To {
				for _, want := range r.flows(destination, entry.Ports, true, hosts) {
					if !isOpen(atoms, networkpolicy.Egress, want) {
						return 0, fmt.Errorf("%s: egress to %v on %v is not open", entry.Name, networkpolicy.Key(want.peer), want.port)
					}
					found++
				}
			}
		}
	}
	return found, r.noOtherHosts(spec, hosts)
}

func isOpen(atoms map[networkpolicy.Atom]bool, direction networkpolicy.Direction, want wantedFlow) bool {
	ports := networkpolicy.Canonical(networkingv1.NetworkPolicySpec{
		Ingress: []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{want.peer}, Ports: policyPorts([]v1alpha1.Port{want.port})}},
	}).Ingress[0]
	for _, peer := range []string{networkpolicy.Key(ports.From[0]), networkpolicy.Everyone} {
		if atoms[networkpolicy.Atom{Direction: direction, Peer: peer, Port: networkpolicy.Key(ports.Ports[0])}] {
			return true
		}
	}
	return false
}

// flows reads one peer. It notes single addresses in hosts. Nodes are left to hosts, because neighbours are joined.
func (r reading) flows(peer v1alpha1.Peer, ports []v1alpha1.Port, destination bool, hosts map[string]bool) []wantedFlow {
	var out []wantedFlow
	add := func(p networkingv1.NetworkPolicyPeer, own []v1alpha1.Port) {
		if p.IPBlock != nil {
			hosts[p.IPBlock.CIDR] = true
		}
		if len(ports) > 0 {
			own = ports
		}
		for _, port := range own {
			if port.Port.Type == intstr.String && p.IPBlock != nil {
				continue
			}
			out = append(out, wantedFlow{p, port})
		}
	}
	facts := r.snapshot.Facts
	switch {
	case peer.RemoteTier != nil:
		for _, p := range facts.RemoteProfiles {
			if p.Key.Namespace != peer.RemoteTier.Namespace || p.Key.Name != peer.RemoteTier.Profile {
				continue
			}
			if tier, ok := p.Tier(peer.RemoteTier.Tier); ok {
				add(r.pods(p.Key.Namespace, selector.FromAPI(tier.PodSelector)), tier.Ports)
			}
		}
	case peer.Service != nil:
		namespace := peer.Service.Namespace
		if namespace == "" {
			namespace = r.snapshot.Namespace.Name
		}
		for _, s := range facts.Services {
			if s.Namespace == namespace && s.Name == peer.Service.Name && s.Spec.Type != corev1.ServiceTypeExternalName {
				r.service(s, add)
			}
		}
	case peer.KubeAPIServer != nil:
		for _, s := range facts.Services {
			if s.Namespace == "default" && s.Name == "kubernetes" {
				for _, ip := range s.Spec.ClusterIPs {
					if destination {
						add(host(ip), []v1alpha1.Port{{Port: intstr.FromInt32(443), Protocol: corev1.ProtocolTCP}})
					}
				}
			}
		}
		r.slices("default", "kubernetes", r.snapshot.Facts.PodAddresses, add)
	case peer.Nodes != nil:
		for _, n := range facts.Nodes {
			for _, a := range n.Addresses {
				hosts[host(a.String()).IPBlock.CIDR] = true
			}
		}
	}
	return out
}

func (r reading) service(s corev1.Service, add func(networkingv1.NetworkPolicyPeer, []v1alpha1.Port)) {
	if s.Spec.Selector == nil {
		r.slices(s.Namespace, s.Name, r.snapshot.Facts.PodAddresses, add)
		return
	}
	var own []v1alpha1.Port
	for _, p := range s.Spec.Ports {
		port := v1alpha1.Port{Port: p.TargetPort, Protocol: p.Protocol}
		if port.Port.IntVal == 0 && port.Port.StrVal == "" {
			port.Port = intstr.FromInt32(p.Port)
		}
		if port.Protocol == "" {
			port.Protocol = corev1.ProtocolTCP
		}
		own = append(own, port)
	}
	add(r.pods(s.Namespace, &metav1.LabelSelector{MatchLabels: s.Spec.Selector}), own)
}

func (r reading) slices(namespace, service string, pods map[netip.Addr]bool, add func(networkingv1.NetworkPolicyPeer, []v1alpha1.Port)) {
	for _, slice := range r.snapshot.Facts.EndpointSlices {
		if slice.Namespace != namespace || slice.Labels["kubernetes.io/service-name"] != service {
			continue
		}
		var own []v1alpha1.Port
		for _, p := range slice.Ports {
			if p.Port == nil {
				continue
			}
			port := v1alpha1.Port{Port: intstr.FromInt32(*p.Port), Protocol: corev1.ProtocolTCP}
			if p.Protocol != nil {
				port.Protocol = *p.Protocol
			}
			own = append(own, port)
		}
		for _, e := range slice.Endpoints {
			for _, text := range e.Addresses {
				if addr, err := netip.ParseAddr(text); err == nil && !pods[addr] {
					add(host(text), own)
				}
			}
		}
	}
}

func (r reading) pods(namespace string, pods *metav1.LabelSelector) networkingv1.NetworkPolicyPeer {
	peer := networkingv1.NetworkPolicyPeer{PodSelector: pods}
	if namespace != r.snapshot.Namespace.Name {
		peer.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}}
	}
	return peer
}

func host(ip string) networkingv1.NetworkPolicyPeer {
	addr := netip.MustParseAddr(ip)
	return networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: netip.PrefixFrom(addr, addr.BitLen()).String()}}
}

// noOtherHosts checks that every address that is open by itself is one of these, or the cluster's DNS. Ranges that
// profiles and flags name are shorter. Joined node addresses are as well, and must consist of node addresses.
func (r reading) noOtherHosts(spec networkingv1.NetworkPolicySpec, hosts map[string]bool) error {
	for _, s := range r.snapshot.Facts.Services {
		if s.Namespace == "kube-system" || s.Namespace == "openshift-dns" {
			for _, ip := range s.Spec.ClusterIPs {
				hosts[ip+"/32"], hosts[ip+"/128"] = true, true
			}
		}
	}
	hosts["169.254.20.10/32"] = true
	for _, peer := range append(peersOf(spec, networkpolicy.Ingress), peersOf(spec, networkpolicy.Egress)...) {
		if peer.IPBlock == nil {
			continue
		}
		cidr := netip.MustParsePrefix(peer.IPBlock.CIDR)
		nodes := netip.MustParsePrefix("192.168.0.0/24")
		if slices.Contains(r.snapshot.Options.NodeCIDRs, cidr) || cidr.Bits() < 24 || (!cidr.IsSingleIP() && !nodes.Contains(cidr.Addr())) {
			continue
		}
		for addr := cidr.Addr(); cidr.Contains(addr); addr = addr.Next() {
			if !hosts[netip.PrefixFrom(addr, addr.BitLen()).String()] {
				return fmt.Errorf("%s is open", addr)
			}
		}
	}
	return nil
}

func TestEveryFactThatMattersIsNoted(t *testing.T) {
	for file, want := range map[string][]snapshot.Fact{
		"peer-remote-tier": {{Kind: snapshot.FactProfile, Namespace: "payments", Name: "payments"}},
		"peer-service": {
			{Kind: snapshot.FactPodAddress, Name: "10.0.0.5"}, {Kind: snapshot.FactPodAddress, Name: "192.0.2.7"}, {Kind: snapshot.FactPodAddress, Name: "2001:db8::7"},
			{Kind: snapshot.FactService, Namespace: "cache", Name: "redis"}, {Kind: snapshot.FactService, Namespace: "shop", Name: "legacy"},
		},
		"peer-kube-api-server": {{Kind: snapshot.FactAPIServer}, {Kind: snapshot.FactPodAddress, Name: "192.168.0.10"}, {Kind: snapshot.FactPodAddress, Name: "fd00::10"}},
		"peer-nodes":           {{Kind: snapshot.FactNodes}},
		"peer-internet-ranges": {{Kind: snapshot.FactClusterRanges}},
		"dns-by-tier":          {{Kind: snapshot.FactDNS}},
	} {
		c := readCluster(t, "testdata/"+file+".in.yaml")
		var got []snapshot.Fact
		for _, ns := range c.Namespaces {
			s := c.In(ns)
			for _, o := range Compile(s) {
				got = append(got, o.Facts...)
				for _, fact := range o.Facts {
					// What is noted must have been loaded: addresses of pods come with the Service.
					if fact.Kind != snapshot.FactPodAddress && !slices.Contains(s.References(), fact) {
						t.Errorf("%s: %v is used and not looked up", file, fact)
					}
				}
			}
		}
		for _, fact := range want {
			if !slices.Contains(got, fact) {
				t.Errorf("%s: %v is not noted, only %v", file, fact, got)
			}
		}
	}
}

// TestTheDNSThatIsFoundIsTheDNSThatIsFollowed holds the two places that know where DNS may be against each other.
func TestTheDNSThatIsFoundIsTheDNSThatIsFollowed(t *testing.T) {
	for _, file := range []string{"three-tier", "dns-openshift", "dns-told", "dns-by-label-both-families"} {
		c := readCluster(t, "testdata/"+file+".in.yaml")
		// By name alone, where a label is not what DNS is found by.
		if file != "dns-by-label-both-families" {
			for i := range c.Facts.Services {
				c.Facts.Services[i].Labels = nil
			}
		}
		work := newCompilation(c.In(c.Namespaces[0]), snapshot.Profile{}, nil)
		found := work.findDNS()
		if len(found) == 0 {
			t.Errorf("%s: no DNS was found", file)
		}
		for _, s := range found {
			if !c.Options.MayBeDNS(s.Namespace, s.Name, s.Labels) || !slices.Contains(c.Options.DNSNamespaces(), s.Namespace) {
				t.Errorf("%s: %s/%s is taken for DNS, and its changes wake nobody", file, s.Namespace, s.Name)
			}
		}
	}
}
