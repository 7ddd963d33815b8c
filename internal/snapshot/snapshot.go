// Package snapshot holds the facts that deciding about one namespace needs, as plain immutable values with the API
// server's defaults applied. Controllers fill it from the cluster, the command line from files; from here on nothing
// reads anything else.
package snapshot

import (
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Snapshot is what is known when one namespace is decided about.
type Snapshot struct {
	Namespace Namespace
	// Profiles are all that could matter here, in the order of Profile.Compare: the SegmentationProfiles of the
	// namespace and every ClusterSegmentationProfile, also those that do not select the namespace.
	Profiles []Profile
	// Policies are the NetworkPolicies that are in the namespace now, ours and others.
	Policies []*networkingv1.NetworkPolicy
	Facts    Facts
	Options  Options
}

// Namespace is a namespace.
type Namespace struct {
	Name        string
	Labels      map[string]string
	Terminating bool
}

// Options are the facts about the cluster that its operator states by flags.
type Options struct {
	// PreviewOnly: every profile is previewed, whatever its mode, and nothing is written.
	PreviewOnly bool
	// ProtectedNamespaces are namespaces in which nothing is ever written.
	ProtectedNamespaces []string
	// DNSServices name the cluster's DNS Services. When empty, they are detected.
	DNSServices []types.NamespacedName
	// NodeLocalDNS are the addresses of the node-local DNS cache.
	NodeLocalDNS []netip.Addr
	// ClusterCIDRs are public ranges that the cluster itself uses, so not the internet.
	ClusterCIDRs []netip.Prefix
	// NodeCIDRs are the ranges in which all nodes' addresses lie; nil when that is not known.
	NodeCIDRs []netip.Prefix
	// AllowNAT64 counts 64:ff9b::/96 to the internet, which reaches private IPv4 addresses through a translator.
	AllowNAT64 bool
}

// DefaultOptions are those of an operator without flags that runs in the given namespace.
func DefaultOptions(operatorNamespace string) Options {
	return Options{
		ProtectedNamespaces: []string{"kube-system", "kube-public", "kube-node-lease", operatorNamespace},
		NodeLocalDNS:        []netip.Addr{netip.AddrFrom4([4]byte{169, 254, 20, 10})},
	}
}

// Protected says whether nothing may be written into this namespace.
func (o Options) Protected(namespace string) bool {
	return slices.Contains(o.ProtectedNamespaces, namespace)
}

// DNSNamespaces lists the namespaces whose Services can be the cluster's DNS, sorted.
func (o Options) DNSNamespaces() []string {
	namespaces := []string{"kube-system", "openshift-dns"}
	for _, s := range o.DNSServices {
		namespaces = append(namespaces, s.Namespace)
	}
	slices.Sort(namespaces)
	return slices.Compact(namespaces)
}

// MayBeDNS says whether a Service could be taken for the cluster's DNS: by --dns-service, else by its name or label.
func (o Options) MayBeDNS(namespace, name string, labels map[string]string) bool {
	if len(o.DNSServices) > 0 {
		return slices.Contains(o.DNSServices, types.NamespacedName{Namespace: namespace, Name: name})
	}
	switch namespace {
	case "kube-system":
		return name == "kube-dns" || labels["k8s-app"] == "kube-dns"
	case "openshift-dns":
		return name == "dns-default"
	}
	return false
}
