package importer

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// findDNS lets a tier's dns stand for the rules that lead to name servers, where it means the same.
func (t *translation) findDNS(in Input) {
	dns, isKnown := clusterDNS(in)
	has := map[string]bool{}
	for _, a := range t.atoms {
		has[a.key()] = true
	}
	for _, here := range t.tiers {
		var cluster []atom
		for _, flow := range dns {
			for _, peer := range flow.peers {
				cluster = append(cluster, portsOf(here, peer, flow.ports)...)
			}
		}
		there := func(a atom) bool { return has[a.key()] }
		if isKnown {
			here.dns = t.dnsOf(here, cluster, there)
			continue
		}
		here.dns = v1alpha1.DNSNone
		if slices.ContainsFunc(cluster, there) {
			t.remark("Some pods may reach what usually is the cluster's DNS. Where it is in this cluster is not known here, so their rules stay " +
				"rules. If \"dns: Cluster\" is meant, which follows its Service and a cache on the node, say that instead.")
		}
	}
}

// dnsOf returns which dns a tier has by its rules, and drops those. The atoms are what Cluster would open, and there says which a tier
// has.
func (t *translation) dnsOf(here *tier, cluster []atom, there func(atom) bool) v1alpha1.DNS {
	missing := func(a atom) bool { return !there(a) }
	// On the ports of DNS, Any leads to the cluster's name servers with everybody.
	isElsewhere := func(a atom) bool { return missing(a) && !slices.ContainsFunc(dnsPorts(), samePort(a.port)) }
	anywhere := portsOf(here, v1alpha1.Peer{Anywhere: &v1alpha1.AnywherePeer{}}, dnsPorts())
	switch {
	case len(cluster) > 0 && !slices.ContainsFunc(anywhere, missing) && !slices.ContainsFunc(cluster, isElsewhere):
		t.drop(slices.Concat(anywhere, cluster))
		return v1alpha1.DNSAny
	case len(cluster) > 0 && !slices.ContainsFunc(cluster, missing):
		t.drop(cluster)
		return v1alpha1.DNSCluster
	case slices.ContainsFunc(cluster, there):
		t.remark("Some pods may reach name servers of the cluster, but not all those that \"dns: Cluster\" stands for, which follows " +
			"its Service and a cache on the node. If that is what is meant, say that instead.")
	}
	return v1alpha1.DNSNone
}

func samePort(a v1alpha1.Port) func(v1alpha1.Port) bool {
	return func(b v1alpha1.Port) bool { return networkpolicy.Key(a) == networkpolicy.Key(b) }
}

// dnsPorts are those on which name servers listen: RFC 1035, section 4.2.
func dnsPorts() []v1alpha1.Port {
	return []v1alpha1.Port{
		{Port: intstr.FromInt32(53), Protocol: corev1.ProtocolUDP},
		{Port: intstr.FromInt32(53), Protocol: corev1.ProtocolTCP},
	}
}

func portsOf(here *tier, peer v1alpha1.Peer, ports []v1alpha1.Port) []atom {
	var out []atom
	for _, port := range ports {
		out = append(out, atom{direction: networkpolicy.Egress, tier: here, peer: peer, port: port})
	}
	return out
}

// drop removes atoms.
func (t *translation) drop(atoms []atom) {
	gone := map[string]bool{}
	for _, a := range atoms {
		gone[a.key()] = true
	}
	t.atoms = slices.DeleteFunc(t.atoms, func(a atom) bool { return gone[a.key()] })
}

// servers are name servers with their ports.
type servers struct {
	peers []v1alpha1.Peer
	ports []v1alpha1.Port
}

// clusterDNS returns what dns: Cluster opens, and whether that is known. If not, it is what it opens where nobody says otherwise.
func clusterDNS(in Input) (out []servers, isKnown bool) {
	probe := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: in.Namespace.Name, Name: in.Name}}
	probe.Spec.Tiers = []v1alpha1.Tier{{Name: "probe", PodSelector: &v1alpha1.LabelSelector{}}}
	outputs := compiler.Compile(snapshot.Snapshot{
		Namespace: in.Namespace, Profiles: []snapshot.Profile{snapshot.FromSegmentationProfile(probe)}, Facts: in.Facts, Options: in.Options,
	})
	for _, flow := range outputs[0].Flows {
		known := servers{ports: flow.Ports}
		for _, peer := range flow.Peers {
			if p, isNobody, why := peerOf(peer); why == "" && !isNobody {
				known.peers = append(known.peers, p)
				continue
			}
			return nil, false
		}
		out = append(out, known)
	}
	return out, !slices.ContainsFunc(outputs[0].Findings, func(f v1alpha1.Finding) bool { return f.Code == v1alpha1.CodeDNSNotFound })
}

// setDNS writes the tiers, and says what most of them have once.
func (t *translation) setDNS(p *v1alpha1.SegmentationProfile) {
	usual, isSame := t.usualDNS()
	if usual != "" && usual != v1alpha1.DNSCluster {
		p.Spec.DNS = usual
	}
	for _, here := range t.tiers {
		pods, _ := toAPI(here.selector)
		out := v1alpha1.Tier{Name: here.name, PodSelector: pods}
		if !isSame && here.dns != usual && !t.hasDNSAnyway(here) {
			out.DNS = here.dns
		}
		p.Spec.Tiers = append(p.Spec.Tiers, out)
	}
}

// usualDNS returns what the profile says of DNS, and whether no tier differs. It is empty where it does not matter.
func (t *translation) usualDNS() (usual v1alpha1.DNS, isSame bool) {
	for _, here := range t.tiers {
		if t.hasDNSAnyway(here) {
			continue
		}
		if usual != "" && usual != here.dns {
			return v1alpha1.DNSNone, false
		}
		usual = here.dns
	}
	return usual, true
}

// hasDNSAnyway says whether the pods of a tier may reach name servers whatever its dns says: where everything is open, and where
// every pod of the namespace may.
func (t *translation) hasDNSAnyway(here *tier) bool {
	all := t.bySelector[selectorKey(&metav1.LabelSelector{})]
	return here.open[networkpolicy.Egress] ||
		all != nil && all != here && slices.Contains(t.tiers, all) && all.dns != v1alpha1.DNSNone && (here.dns != v1alpha1.DNSAny || all.dns == v1alpha1.DNSAny)
}
