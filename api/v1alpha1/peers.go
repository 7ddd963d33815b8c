package v1alpha1

// Peer is one end of an allowed connection. Exactly one of its members is set.
// One that stands for nobody, such as a Service that does not exist, allows
// nothing, and condition ResolvedRefs says so.
// ---
// +kubebuilder:validation:XValidation:rule=`[has(self.tier), has(self.remoteTier), has(self.pods), has(self.service), has(self.ipBlocks), has(self.internet), has(self.kubeAPIServer), has(self.nodes), has(self.anywhere)].exists_one(set, set)`,message=`a peer has exactly one of tier, remoteTier, pods, service, ipBlocks, internet, kubeAPIServer, nodes and anywhere`
type Peer struct {
	// tier names a tier of this profile. In a cluster profile, two tiers without a
	// namespaceSelector of their own talk inside one namespace only; where either
	// has one, they talk across the profile's namespaces.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Tier string `json:"tier,omitempty"`

	// remoteTier refers to a tier of another team's SegmentationProfile and
	// follows its selector and ports as they change. Only this profile's end is
	// opened: where the other end is isolated, its profile must allow the
	// connection too. Whoever owns that profile decides who the tier is.
	// +optional
	RemoteTier *RemoteTierPeer `json:"remoteTier,omitempty"`

	// pods selects pods by namespace and labels: those that match all that is
	// given. As a destination it needs ports in the entry.
	// +optional
	Pods *PodsPeer `json:"pods,omitempty"`

	// service stands for the pods that a Service selects and, as a destination,
	// for their target ports. A Service without selector stands for the addresses
	// and ports of its EndpointSlices, pods left out, and is reported as a
	// finding: whoever may edit those chooses who is allowed.
	// +optional
	Service *ServicePeer `json:"service,omitempty"`

	// ipBlocks stands for addresses outside the cluster. Whether it also matches
	// pods and nodes depends on the network plugin, so use the other peers for
	// those.
	// +optional
	IPBlocks *IPBlocksPeer `json:"ipBlocks,omitempty"`

	// internet stands for the public addresses of both IP families: no private,
	// link-local, loopback, multicast or otherwise reserved range, and none that
	// the cluster itself uses for Services, pods or nodes.
	// +optional
	Internet *InternetPeer `json:"internet,omitempty"`

	// kubeAPIServer stands for the Kubernetes API server as pods see it: its
	// Service address and every endpoint, each with its own port. An entry that
	// leads to it has no ports of its own. As a source it stands for the
	// addresses of the endpoints.
	// +optional
	KubeAPIServer *KubeAPIServerPeer `json:"kubeAPIServer,omitempty"`

	// nodes stands for the internal addresses of nodes: for kubelets, pods on the
	// host network, health checks, and traffic through node ports, which hides
	// the client. It follows nodes as they come and go, within 10 seconds.
	// +optional
	Nodes *NodesPeer `json:"nodes,omitempty"`

	// anywhere stands for all sources or all destinations, inside the cluster and
	// outside. It is reported as a finding.
	// +optional
	Anywhere *AnywherePeer `json:"anywhere,omitempty"`
}

// RemoteTierPeer refers to a tier of another SegmentationProfile, as a rule in
// another namespace.
type RemoteTierPeer struct {
	// namespace is the namespace of the other profile.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace"`

	// profile is the name of the other SegmentationProfile.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Profile string `json:"profile"`

	// tier is the name of a tier of the other profile.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Tier string `json:"tier"`
}

// PodsPeer selects pods. At least one member is set, and a pod must match all
// that are.
// ---
// {} could be read as every pod, or as none.
// +kubebuilder:validation:XValidation:rule=`has(self.namespaces) || has(self.namespaceSelector) || has(self.podSelector)`,message=`pods needs at least one of namespaces, namespaceSelector and podSelector`
type PodsPeer struct {
	// namespaces lists namespaces by name. When this and namespaceSelector are
	// omitted, the namespace in which the profile acts is meant.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespaces []string `json:"namespaces,omitempty"`

	// namespaceSelector chooses namespaces by label; {} chooses all. A namespace's
	// labels are as trustworthy as the right to edit namespaces. With namespaces
	// given too, both must hold.
	// +optional
	NamespaceSelector *LabelSelector `json:"namespaceSelector,omitempty"`

	// podSelector chooses pods by label. When omitted, every pod of the chosen
	// namespaces is meant.
	// +optional
	PodSelector *LabelSelector `json:"podSelector,omitempty"`
}

// ServicePeer refers to a Service.
type ServicePeer struct {
	// name is the name of the Service.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// namespace is the namespace of the Service. When omitted, the namespace in
	// which the profile acts is meant.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace,omitempty"`
}

// IPBlocksPeer is a set of addresses: all of cidrs less all of except.
// ---
// Canonical: the address masked to its prefix, IPv6 as RFC 5952 writes it, no IPv4 address in IPv6 clothes. Other forms
// mean different things to different network plugins, and NetworkPolicy will refuse them. What stands in the list of
// one element is computed once, and the API server's estimate of the cost then does not multiply the bounds of the
// lists; the cost of the real ones is small.
// +kubebuilder:validation:XValidation:rule=`!has(self.cidrs) || [self.cidrs].all(list, list.all(c, isCIDR(c) && string(cidr(c).masked()) == c))`,fieldPath=`.cidrs`,message=`an address range is not in canonical form`,messageExpression=`[self.cidrs].map(list, list.map(c, !isCIDR(c) || string(cidr(c).masked()) != c, '"' + c + '" ' + (isCIDR(c) ? 'must be written as ' + string(cidr(c).masked()) : 'is not an address range such as 192.0.2.0/24 or 2001:db8::/32'))[0])[0]`
// +kubebuilder:validation:XValidation:rule=`!has(self.except) || [self.except].all(list, list.all(c, isCIDR(c) && string(cidr(c).masked()) == c))`,fieldPath=`.except`,message=`an address range is not in canonical form`,messageExpression=`[self.except].map(list, list.map(c, !isCIDR(c) || string(cidr(c).masked()) != c, '"' + c + '" ' + (isCIDR(c) ? 'must be written as ' + string(cidr(c).masked()) : 'is not an address range such as 192.0.2.0/24 or 2001:db8::/32'))[0])[0]`
//
// A NetworkPolicy with an except outside its cidr is refused as a whole.
// +kubebuilder:validation:XValidation:rule=`!has(self.except) || [self.cidrs].all(cidrs, self.except.all(e, !isCIDR(e) || cidrs.exists(c, !isCIDR(c) || cidr(c).containsCIDR(e) && c != e)))`,fieldPath=`.except`,message=`an except does not lie strictly inside one of cidrs`,messageExpression=`[self.cidrs].map(cidrs, self.except.map(e, isCIDR(e) && !cidrs.exists(c, isCIDR(c) && cidr(c).containsCIDR(e) && c != e), '"' + e + '" does not lie strictly inside one of cidrs')[0])[0]`
type IPBlocksPeer struct {
	// cidrs lists address ranges, IPv4 or IPv6, in canonical form: 192.0.2.0/24,
	// 2001:db8::/32.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=43
	CIDRs []string `json:"cidrs"`

	// except lists ranges to leave out. Each lies strictly inside one of cidrs.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=43
	Except []string `json:"except,omitempty"`
}

// InternetPeer is the public internet.
// ---
// The rules of ipBlocks, with 0.0.0.0/0 and 2000::/3 for cidrs.
// +kubebuilder:validation:XValidation:rule=`!has(self.except) || [self.except].all(list, list.all(c, isCIDR(c) && string(cidr(c).masked()) == c))`,fieldPath=`.except`,message=`an address range is not in canonical form`,messageExpression=`[self.except].map(list, list.map(c, !isCIDR(c) || string(cidr(c).masked()) != c, '"' + c + '" ' + (isCIDR(c) ? 'must be written as ' + string(cidr(c).masked()) : 'is not an address range such as 192.0.2.0/24 or 2001:db8::/32'))[0])[0]`
// +kubebuilder:validation:XValidation:rule=`!has(self.except) || [self.except].all(list, !list.exists(e, isCIDR(e) && (cidr(e).ip().family() == 4 ? cidr(e).prefixLength() == 0 : !cidr('2000::/3').containsCIDR(e) || cidr(e).prefixLength() == 3)))`,fieldPath=`.except`,message=`an except does not lie strictly inside 0.0.0.0/0 or 2000::/3`,messageExpression=`[self.except].map(list, list.map(e, isCIDR(e) && (cidr(e).ip().family() == 4 ? cidr(e).prefixLength() == 0 : !cidr('2000::/3').containsCIDR(e) || cidr(e).prefixLength() == 3), '"' + e + '" does not lie strictly inside 0.0.0.0/0 or 2000::/3')[0])[0]`
type InternetPeer struct {
	// except lists ranges to leave out besides those that are reserved or the
	// cluster's own. Each lies strictly inside 0.0.0.0/0 or 2000::/3.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=43
	Except []string `json:"except,omitempty"`
}

// KubeAPIServerPeer is the Kubernetes API server.
type KubeAPIServerPeer struct{}

// NodesPeer is a set of nodes.
type NodesPeer struct {
	// nodeSelector chooses nodes by label. When omitted, every node is meant: by
	// the ranges of the operator's flag --node-cidrs where it is set, else each
	// by its address.
	// +optional
	NodeSelector *LabelSelector `json:"nodeSelector,omitempty"`
}

// AnywherePeer is everybody.
type AnywherePeer struct{}
