package enforcement

import "k8s.io/apimachinery/pkg/runtime/schema"

// PolicyKind is a kind of objects, beside NetworkPolicies, by which a network plugin is told who may connect to whom.
type PolicyKind struct {
	// Resource is the plural name and the API group. As "plural.group" it is the name of the CustomResourceDefinition.
	Resource schema.GroupResource
	Kind     string
}

// String returns the kind as kubectl takes it, such as "NetworkPolicy.crd.projectcalico.org".
func (k PolicyKind) String() string { return k.Kind + "." + k.Resource.Group }

// OtherPolicyKinds lists what is known of such kinds, each with where that can be read. Kinds that enforce nothing, such as
// Calico's staged policies, are not among them. A kind is told by its CustomResourceDefinition: where projectcalico.org is
// served by Calico's own API server it has none, and shows the objects that crd.projectcalico.org has.
func OtherPolicyKinds() []PolicyKind {
	kind := func(group, plural, kind string) PolicyKind {
		return PolicyKind{Resource: schema.GroupResource{Group: group, Resource: plural}, Kind: kind}
	}
	return []PolicyKind{
		// https://docs.cilium.io/en/stable/network/kubernetes/policy/
		kind("cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicy"),
		kind("cilium.io", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy"),
		// https://docs.tigera.io/calico/latest/reference/resources/networkpolicy
		kind("crd.projectcalico.org", "networkpolicies", "NetworkPolicy"),
		kind("crd.projectcalico.org", "globalnetworkpolicies", "GlobalNetworkPolicy"),
		// https://docs.tigera.io/calico/latest/operations/native-v3-crds
		kind("projectcalico.org", "networkpolicies", "NetworkPolicy"),
		kind("projectcalico.org", "globalnetworkpolicies", "GlobalNetworkPolicy"),
		// https://network-policy-api.sigs.k8s.io: ClusterNetworkPolicy has taken the place of the other two
		kind("policy.networking.k8s.io", "adminnetworkpolicies", "AdminNetworkPolicy"),
		kind("policy.networking.k8s.io", "baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy"),
		kind("policy.networking.k8s.io", "clusternetworkpolicies", "ClusterNetworkPolicy"),
		// https://antrea.io/docs/main/docs/antrea-network-policy/
		kind("crd.antrea.io", "networkpolicies", "NetworkPolicy"),
		kind("crd.antrea.io", "clusternetworkpolicies", "ClusterNetworkPolicy"),
	}
}

// OtherPolicyUse is what is known of objects of OtherPolicyKinds that may decide about connections of one namespace: those
// in it, and those that are in no namespace, whatever they select.
type OtherPolicyUse struct {
	// Known: every object there is was counted. When it is false there may be more than Number.
	Known bool
	// Unread is what could not be listed, or not yet; empty when Known.
	Unread schema.GroupResource
	// Number of objects, of all kinds.
	Number int
	// Kind is the first kind of OtherPolicyKinds that has any; empty when Number is 0.
	Kind PolicyKind
}
