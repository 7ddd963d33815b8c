package starter

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/flowlog"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/networkpolicy"
)

// party is who an end of a connection is, as a profile would name it.
type party struct {
	// peers name it. Those of a party that is not clear name more than it; nil when nothing does.
	peers []v1alpha1.Peer
	// unclear is why no entry is made of its connections: a reason that a list of names can follow. Empty for most.
	unclear string
	// name is for the names of entries, and shown for lists of who it was where that says more; mostly empty.
	name, shown string
	// group is that of pods; nil for all else, and for pods that are not known.
	group *group
	// here: it is in the namespace that a profile is proposed for.
	here bool
	// isDNS: it is behind the cluster's DNS.
	isDNS bool
	// isAPIServer: its ports are its own.
	isAPIServer bool
	// address is set for what is named by its address alone.
	address netip.Addr
	// known are names of the address.
	known []string
	guess guess
}

// guess is what who an end is was guessed from.
type guess string

// The guesses, each a sentence that names can follow.
const (
	guessNone      guess = ""
	guessName      guess = "Pods that are not there now are told by their names"
	guessLabels    guess = "Pods of other namespaces that are not there are told by all the labels that the records have of them"
	guessAddress   guess = "Addresses are taken for those of the pods and Services that have them now"
	guessAPIServer guess = "Connections to the API server's machines on its ports are taken for connections to it"
)

// The reasons for which no entry is made of connections, each followed by names.
const (
	unclearInNoTier  = "from or to pods that are in no tier"
	unclearPod       = "from or to pods that are not known here"
	unclearAlike     = "from or to pods that no labels tell from others of their namespace"
	unclearNode      = "from or to nodes, of which a profile names all or those with a label"
	unclearNetwork   = "from or to the network plugin itself"
	unclearAddress   = "from or to addresses of no single machine"
	unclearPrivate   = "from or to private addresses that nobody here has, which may be those of pods"
	unclearGone      = "from or to addresses of the cluster that nobody has"
	unclearService   = "to Services that are not one group of pods"
	unclearSource    = "from addresses of Services, which open none"
	unclearNoService = "to ports that their Services do not have"
)

// key is equal for parties that are the same to a profile.
func (p party) key() string { return networkpolicy.Key(p.peers) + p.unclear }

// party returns who an end is.
func (p *proposal) party(e flowlog.End) party {
	if e.Pod != "" {
		if e.Namespace == "" {
			e.Namespace = p.Namespace
		}
		return p.podParty(e)
	}
	if g := p.index.byAddress[e.Address]; g != nil {
		out := p.groupParty(g)
		out.guess = guessAddress
		return out
	}
	switch {
	case e.Role == flowlog.RoleKubeAPIServer || p.index.apiServers[e.Address]:
		return party{peers: []v1alpha1.Peer{{KubeAPIServer: &v1alpha1.KubeAPIServerPeer{}}}, name: "kube-apiserver", isAPIServer: true}
	case e.Role == flowlog.RoleNode || p.isNode(e.Address):
		return nodesParty(e.String())
	case e.Role == flowlog.RoleNetwork || !e.Address.IsValid():
		return party{unclear: unclearNetwork, name: e.String()}
	}
	return p.addressParty(e)
}

func nodesParty(shown string) party {
	return party{peers: []v1alpha1.Peer{{Nodes: &v1alpha1.NodesPeer{}}}, name: "nodes", shown: shown, unclear: unclearNode}
}

// addressParty returns who an address is that is no pod's and no node's.
func (p *proposal) addressParty(e flowlog.End) party {
	addr := e.Address
	if addr.IsMulticast() || addr.IsLoopback() || addr.IsUnspecified() || (addr.Is6() && addr.IsLinkLocalUnicast()) {
		return party{unclear: unclearAddress, name: e.String()}
	}
	if inAny(p.Cluster.Facts.ClusterRanges, addr) || inAny(p.Cluster.Options.ClusterCIDRs, addr) {
		return party{unclear: unclearGone, name: e.String()}
	}
	out := party{
		peers: []v1alpha1.Peer{{IPBlocks: &v1alpha1.IPBlocksPeer{CIDRs: []string{ipset.Host(addr).String()}}}},
		name:  addr.String(), address: addr, known: e.Names,
	}
	if !ipset.Public(ipset.Host(addr)) && e.Role != flowlog.RoleOutside {
		// Who has it tomorrow may be another pod.
		out.unclear = unclearPrivate
	}
	return out
}

// podParty returns who a pod is.
func (p *proposal) podParty(e flowlog.End) party {
	if g, guessed := p.index.groupOf(e); g != nil {
		out := p.groupParty(g)
		out.guess = guessed
		return out
	}
	if p.index.onHost[types.NamespacedName{Namespace: e.Namespace, Name: e.Pod}] {
		return nodesParty(e.String())
	}
	unknown := party{unclear: unclearPod, name: e.Namespace, shown: e.String(), here: e.Namespace == p.Namespace, isDNS: p.isDNSNamespace(e.Namespace)}
	if !unknown.here {
		unknown.peers = []v1alpha1.Peer{{Pods: &v1alpha1.PodsPeer{Namespaces: []string{e.Namespace}}}}
	}
	return unknown
}

// groupParty returns who a group is: its tier or, in another namespace, its pods.
func (p *proposal) groupParty(g *group) party {
	out := party{group: g, name: g.name(), here: g.namespace == p.Namespace, isDNS: p.isDNS(g)}
	switch {
	case out.here && g.tier == nil:
		out.unclear, out.name = unclearInNoTier, g.made()
		return out
	case out.here:
		out.peers, out.name = []v1alpha1.Peer{{Tier: g.tier.Name}}, g.tier.Name
		return out
	}
	pods := &v1alpha1.PodsPeer{Namespaces: []string{g.namespace}}
	out.peers, out.shown, out.name = []v1alpha1.Peer{{Pods: pods}}, g.namespace+": "+cmp.Or(g.made(), out.name), strings.TrimSuffix(g.namespace+"-"+out.name, "-")
	if g.selector == nil {
		out.unclear = unclearAlike
		return out
	}
	pods.PodSelector = apiSelector(g.selector)
	return out
}

// isDNS says whether a group is behind the cluster's DNS.
func (p *proposal) isDNS(g *group) bool {
	return slices.ContainsFunc(p.index.dns, func(s *corev1.Service) bool { return s.Namespace == g.namespace && leadsTo(s, g) })
}

// isDNSNamespace says whether the cluster's DNS may be in a namespace.
func (p *proposal) isDNSNamespace(namespace string) bool {
	return slices.Contains(p.Cluster.Options.DNSNamespaces(), namespace)
}

func (p *proposal) isNode(addr netip.Addr) bool {
	return p.index.nodes[addr] || inAny(p.Cluster.Options.NodeCIDRs, addr)
}

func inAny(ranges []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(ranges, func(r netip.Prefix) bool { return r.Contains(addr) })
}

// source returns who opened a connection.
func (p *proposal) source(e flowlog.End) party {
	out := p.party(e)
	if s := p.index.services[e.Address]; e.Pod == "" && s != nil {
		return party{unclear: unclearSource, name: s.Name, shown: s.Namespace + "/" + s.Name, here: s.Namespace == p.Namespace}
	}
	return out
}

// destination returns who a connection was opened to, and the port there: policies see the pods behind a Service, not the Service.
func (p *proposal) destination(f flowlog.Flow, port v1alpha1.Port) (party, v1alpha1.Port) {
	e := f.Destination
	s := p.index.services[e.Address]
	out := p.party(e)
	switch {
	case out.isAPIServer && f.Protocol == corev1.ProtocolTCP && p.index.isAPI(e.Address, f.Port):
		if !p.index.apiServers[e.Address] {
			out.guess = guessAPIServer
		}
		return out, port
	case out.isAPIServer && s == nil:
		// What else its machines serve is not the API server's.
		return nodesParty(e.String()), port
	case e.Pod != "" || s == nil:
		return out, port
	}
	of, has := portAt(s, f)
	if !has {
		return party{unclear: unclearNoService, here: s.Namespace == p.Namespace, name: fmt.Sprintf("%s/%s %s", s.Namespace, s.Name, portInWords(port))}, port
	}
	return p.behind(s, of)
}

// portAt returns the port of a Service that a connection was opened to, and whether there is one.
func portAt(s *corev1.Service, f flowlog.Flow) (corev1.ServicePort, bool) {
	i := slices.IndexFunc(s.Spec.Ports, func(of corev1.ServicePort) bool {
		return of.Port == f.Port && cmp.Or(of.Protocol, corev1.ProtocolTCP) == f.Protocol
	})
	if i < 0 {
		return corev1.ServicePort{}, false
	}
	return s.Spec.Ports[i], true
}

// behind returns who is behind a port of a Service, and the port there.
func (p *proposal) behind(s *corev1.Service, of corev1.ServicePort) (party, v1alpha1.Port) {
	var groups []*group
	for _, g := range p.index.groups[s.Namespace] {
		if leadsTo(s, g) {
			groups = append(groups, g)
		}
	}
	if len(groups) == 1 {
		port, ok := targetPort(of, groups[0])
		out := p.groupParty(groups[0])
		out.guess = guessAddress
		if !ok {
			out.unclear = unclearNoService
		}
		return out, port
	}
	port, ok := targetPort(of, nil)
	out := party{
		peers: []v1alpha1.Peer{{Service: &v1alpha1.ServicePeer{Name: s.Name, Namespace: s.Namespace}}}, name: s.Namespace + "-" + s.Name,
		here: s.Namespace == p.Namespace, isDNS: p.Cluster.Options.MayBeDNS(s.Namespace, s.Name, s.Labels), guess: guessAddress,
	}
	// A Service that a profile names opens the way out, and not the way into tiers of its own. One without selector leads to whoever
	// is in its EndpointSlices.
	if !ok || out.here || len(s.Spec.Selector) == 0 {
		out.unclear, out.shown = unclearService, s.Namespace+"/"+s.Name
	}
	if tiers := tiersOf(groups); ok && out.here && len(tiers) > 0 {
		out.peers = tiers
	}
	return out, port
}

// tiersOf returns the tiers of groups, as peers.
func tiersOf(groups []*group) []v1alpha1.Peer {
	var out []v1alpha1.Peer
	for _, g := range groups {
		if g.tier != nil {
			out = append(out, v1alpha1.Peer{Tier: g.tier.Name})
		}
	}
	return out
}
