package enforcement

import (
	"encoding/json"
	"slices"
	"strings"
)

// plugin is a network plugin by the names under which its DaemonSet is installed.
type plugin struct {
	name    string
	meaning Meaning
	// daemonSets are names of the DaemonSet, or values of its label k8s-app, by which installers that prefix the name can
	// be told.
	daemonSets []string
	// namespace is where the DaemonSet must be, if its name alone says too little.
	namespace string
}

// plugins lists what is known of plugins, each with where that can be read.
func plugins() []plugin {
	return []plugin{
		// https://docs.tigera.io/calico/latest/getting-started/kubernetes; the manifests of canal and RKE2's chart
		// rke2-canal run Calico's policy engine beside flannel.
		{name: "Calico", meaning: Enforces, daemonSets: []string{"calico-node", "canal", "rke2-canal"}},
		// https://docs.cilium.io/en/stable/network/kubernetes/policy/; also AKS' "Azure CNI powered by Cilium",
		// https://learn.microsoft.com/en-us/azure/aks/azure-cni-powered-by-cilium
		{name: "Cilium", meaning: Enforces, daemonSets: []string{"cilium"}},
		// https://cloud.google.com/kubernetes-engine/docs/concepts/dataplane-v2: "deploys as a DaemonSet named anetd"
		{name: "GKE Dataplane V2", meaning: Enforces, daemonSets: []string{"anetd"}},
		// https://antrea.io/docs/main/docs/getting-started/
		{name: "Antrea", meaning: Enforces, daemonSets: []string{"antrea-agent"}},
		// https://kubernetes.io/docs/tasks/administer-cluster/network-policy-provider/weave-network-policy/
		{name: "Weave Net", meaning: Enforces, daemonSets: []string{"weave-net"}},
		// https://www.kube-router.io/docs/kubeadm/; --run-firewall=false turns enforcement off, which cannot be seen
		{name: "kube-router", meaning: Enforces, daemonSets: []string{"kube-router"}},
		// https://learn.microsoft.com/en-us/azure/aks/use-network-policies
		{name: "Azure Network Policy Manager", meaning: Enforces, daemonSets: []string{"azure-npm"}},
		// https://ovn-kubernetes.io/features/network-security-controls/network-policy/; the default of OpenShift 4.12 and later
		{name: "OVN-Kubernetes", meaning: Enforces, daemonSets: []string{"ovnkube-node"}},
		// https://kubeovn.github.io/docs/stable/en/; ENABLE_NP=false turns enforcement off, which cannot be seen
		{name: "Kube-OVN", meaning: Enforces, daemonSets: []string{"kube-ovn-cni"}},
		// https://github.com/kubernetes-sigs/kind/releases/tag/v0.24.0: policies are enforced out of the box. Node images of
		// Kubernetes 1.33, the oldest that Firebreak runs on, are younger.
		{name: "kindnet", meaning: Enforces, daemonSets: []string{"kindnet"}},
		// https://github.com/kubernetes-sigs/kube-network-policies
		{name: "kube-network-policies", meaning: Enforces, daemonSets: []string{"kube-network-policies"}},
		// https://docs.redhat.com/en/documentation/openshift_container_platform/4.14/html/networking/openshift-sdn-network-plugin:
		// its default mode is NetworkPolicy
		{name: "OpenShift SDN", meaning: Enforces, daemonSets: []string{"sdn"}, namespace: "openshift-sdn"},
		// https://kubernetes.io/docs/tasks/administer-cluster/network-policy-provider/romana-network-policy/
		{name: "Romana", meaning: Enforces, daemonSets: []string{"romana-agent"}},
		// https://docs.vmware.com/en/VMware-NSX-Container-Plugin/
		{name: "NSX Container Plugin", meaning: Enforces, daemonSets: []string{"nsx-node-agent"}},
		// https://www.juniper.net/documentation/product/us/en/cloud-native-contrail-networking/
		{name: "Contrail", meaning: Enforces, daemonSets: []string{"contrail-agent", "contrail-vrouter-nodes"}},
		// https://github.com/noironetworks/aci-containers
		{name: "Cisco ACI", meaning: Enforces, daemonSets: []string{"aci-containers-host"}},

		// https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy.html: an agent in this DaemonSet enforces
		// where enableNetworkPolicy is set, which metadata does not show
		{name: "Amazon VPC CNI", meaning: MayEnforce, daemonSets: []string{"aws-node"}},
		// https://github.com/AliyunContainerService/terway: enforces unless disable_network_policy is set in its ConfigMap
		{name: "Terway", meaning: MayEnforce, daemonSets: []string{"terway", "terway-eni", "terway-eniip"}},

		// https://github.com/flannel-io/flannel: "does not natively enforce Network Policies". Its chart's netpol.enabled
		// adds a container that does, which metadata does not show; it is off by default.
		{name: "flannel", meaning: Ignores, daemonSets: []string{"kube-flannel", "kube-flannel-ds", "flannel"}},
	}
}

const labelK8sApp = "k8s-app"

// OfDaemonSet returns what a DaemonSet says by its metadata.
func OfDaemonSet(namespace, name string, labels map[string]string) Sign {
	for _, p := range plugins() {
		if p.namespace != "" && p.namespace != namespace {
			continue
		}
		if slices.Contains(p.daemonSets, name) || slices.Contains(p.daemonSets, labels[labelK8sApp]) {
			return Sign{Plugin: p.name, Meaning: p.meaning, Where: "DaemonSet " + namespace + "/" + name}
		}
	}
	return Sign{}
}

const (
	// annotationK3sArgs holds the arguments of k3s on each of its nodes as a JSON list, those of its configuration file
	// among them (seen in https://github.com/k3s-io/k3s/issues/7244).
	annotationK3sArgs = "k3s.io/node-args"
	// labelEKSCompute is "auto" on the nodes of EKS Auto Mode, which have their plugin in the image. It enforces where a
	// ConfigMap says so: https://docs.aws.amazon.com/eks/latest/userguide/auto-net-pol.html
	labelEKSCompute = "eks.amazonaws.com/compute-type"
)

// OfNode returns what a node says by its metadata.
//
// k3s has kube-router's policy controller built in, unless its servers are started with --disable-network-policy:
// https://docs.k3s.io/networking/networking-services#network-policy-controller
func OfNode(labels, annotations map[string]string) Sign {
	if args, ok := annotations[annotationK3sArgs]; ok {
		if disablesNetworkPolicy(args) {
			return Sign{Plugin: "k3s", Meaning: Ignores, Where: "with --" + disableNetworkPolicy + ", says annotation " + annotationK3sArgs + " of nodes"}
		}
		return Sign{Plugin: "k3s", Meaning: Enforces, Where: "annotation " + annotationK3sArgs + " of nodes"}
	}
	if labels[labelEKSCompute] == "auto" {
		return Sign{Plugin: "EKS Auto Mode", Meaning: MayEnforce, Where: "label " + labelEKSCompute + " of nodes"}
	}
	return Sign{}
}

// NodeAnnotations returns what OfNode needs of a node's annotations; nil when that is nothing.
func NodeAnnotations(annotations map[string]string) map[string]string {
	args, ok := annotations[annotationK3sArgs]
	if !ok {
		return nil
	}
	kept := "[]"
	if disablesNetworkPolicy(args) {
		kept = `["--` + disableNetworkPolicy + `"]`
	}
	return map[string]string{annotationK3sArgs: kept}
}

const disableNetworkPolicy = "disable-network-policy"

// disablesNetworkPolicy says whether the arguments of k3s, a JSON list, turn its policy controller off. They come as
// "--flag", "--flag=true" or, from a configuration file, as "--flag" and "true".
func disablesNetworkPolicy(args string) bool {
	var list []string
	if err := json.Unmarshal([]byte(args), &list); err != nil {
		return false
	}
	off := false
	for i, arg := range list {
		flag, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if flag != disableNetworkPolicy || !strings.HasPrefix(arg, "-") {
			continue
		}
		if !hasValue && i+1 < len(list) && !strings.HasPrefix(list[i+1], "-") {
			value = list[i+1]
		}
		off = value != "false"
	}
	return off
}
