package snapshot

import (
	"cmp"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// FactKind is a kind of Fact.
type FactKind string

// The kinds of facts that policies are made from besides profiles and namespaces.
const (
	// FactDNS is where the cluster's DNS is.
	FactDNS FactKind = "DNS"
	// FactService is a Service, and its EndpointSlices when it has no selector.
	FactService FactKind = "Service"
	// FactAPIServer is the Service and the EndpointSlices of the API server.
	FactAPIServer FactKind = "APIServer"
	// FactProfile is a SegmentationProfile that a remote tier refers to.
	FactProfile FactKind = "Profile"
	// FactNodes is the labels and addresses of all nodes.
	FactNodes FactKind = "Nodes"
	// FactClusterRanges is Facts.ClusterRanges.
	FactClusterRanges FactKind = "ClusterRanges"
	// FactPodAddress is whether an address, written in Name, is that of a pod.
	FactPodAddress FactKind = "PodAddress"
)

// Fact names something in the cluster that a namespace's policies are made from, so that they can follow it.
type Fact struct {
	Kind FactKind
	// Namespace and Name are empty for kinds of which there is one.
	Namespace, Name string
}

// Compare orders facts by kind, namespace and name.
func (f Fact) Compare(g Fact) int {
	return cmp.Or(cmp.Compare(f.Kind, g.Kind), cmp.Compare(f.Namespace, g.Namespace), cmp.Compare(f.Name, g.Name))
}

// Facts are what peers and DNS are looked up in. All of it may hold more than a decision needs, in any order.
type Facts struct {
	// Services are those that peers name, and those that may be the cluster's DNS.
	Services []corev1.Service
	// EndpointSlices are those of Services without a selector, the API server's among them.
	EndpointSlices []discoveryv1.EndpointSlice
	// RemoteProfiles are the SegmentationProfiles that remote tiers refer to.
	RemoteProfiles []Profile
	Nodes          []Node
	// ClusterRanges are the public ranges that the cluster uses for itself: of Services, pods and nodes.
	ClusterRanges []netip.Prefix
	// PodAddresses holds, of the addresses in EndpointSlices, those that are a pod's. Pods on the host network have none.
	PodAddresses map[netip.Addr]bool
}

// APIServerService is the Service by which pods reach the API server.
func APIServerService() types.NamespacedName {
	return types.NamespacedName{Namespace: "default", Name: "kubernetes"}
}

// FactOf returns the fact that a peer is looked up in, as seen from a namespace; ok is false for peers that need none.
func FactOf(peer v1alpha1.Peer, namespace string, o Options) (fact Fact, ok bool) {
	switch {
	case peer.RemoteTier != nil:
		return Fact{FactProfile, peer.RemoteTier.Namespace, peer.RemoteTier.Profile}, true
	case peer.Service != nil:
		return Fact{FactService, ServiceNamespace(*peer.Service, namespace), peer.Service.Name}, true
	case peer.KubeAPIServer != nil:
		return Fact{Kind: FactAPIServer}, true
	case peer.Nodes != nil && !o.NodesByRange(*peer.Nodes):
		return Fact{Kind: FactNodes}, true
	case peer.Internet != nil:
		return Fact{Kind: FactClusterRanges}, true
	}
	return Fact{}, false
}

// ServiceNamespace returns the namespace of the Service that a peer names, as seen from a namespace.
func ServiceNamespace(peer v1alpha1.ServicePeer, namespace string) string {
	if peer.Namespace != "" {
		return peer.Namespace
	}
	return namespace
}

// NodesByRange says whether a peer means all nodes and it is known in which ranges they are.
func (o Options) NodesByRange(peer v1alpha1.NodesPeer) bool {
	selectsAll := peer.NodeSelector == nil || (len(peer.NodeSelector.MatchLabels) == 0 && len(peer.NodeSelector.MatchExpressions) == 0)
	return selectsAll && len(o.NodeCIDRs) > 0
}

// References returns the facts that the profiles of a snapshot refer to from its namespace, each once. It leaves out
// profiles that do not act there.
func (s Snapshot) References() []Fact {
	var out []Fact
	seen := map[Fact]bool{}
	add := func(f Fact) {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	for _, p := range s.Profiles {
		if selects, err := p.Selects(s.Namespace); err != nil || !selects {
			continue
		}
		add(Fact{Kind: FactDNS})
		for _, entry := range p.Allow {
			for _, peers := range [][]v1alpha1.Peer{entry.From, entry.To} {
				for _, peer := range peers {
					if fact, ok := FactOf(peer, s.Namespace.Name, s.Options); ok {
						add(fact)
					}
				}
			}
		}
	}
	return out
}
