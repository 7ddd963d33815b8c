package dataplane_test

import (
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/test/dataplane/testbed"
)

// numbersSpokenOf are port numbers.
type numbersSpokenOf map[int32]bool

// portsOf returns, as TCP and as UDP, the numbers that profiles, policies, pods and Services of some namespaces speak of, what
// follows a range, and 9999, which nothing speaks of. Those of profiles for the whole cluster and of DNS are among them.
func portsOf(c *snapshot.Cluster, namespaces map[string]string) []testbed.Port {
	ours := func(namespace string) bool {
		return namespace == "" || slices.Contains(slices.Collect(maps.Values(namespaces)), namespace)
	}
	n := numbersSpokenOf{53: true, 9999: true}
	for _, p := range c.Profiles {
		if ours(p.Key.Namespace) {
			n.addProfile(p)
		}
	}
	for _, p := range c.Policies {
		if ours(p.Namespace) {
			n.addPolicy(p)
		}
	}
	for _, p := range c.Pods {
		if ours(p.Namespace) {
			for _, port := range p.Ports {
				n[port.Port] = true
			}
		}
	}
	for _, s := range c.Facts.Services {
		if ours(s.Namespace) {
			for _, p := range s.Spec.Ports {
				n.add(intstr.FromInt32(p.Port), nil)
				n.add(p.TargetPort, nil)
			}
		}
	}
	for _, s := range c.Facts.EndpointSlices {
		for _, p := range s.Ports {
			if ours(s.Namespace) && p.Port != nil {
				n[*p.Port] = true
			}
		}
	}
	var out []testbed.Port
	for _, number := range slices.Sorted(maps.Keys(n)) {
		out = append(out, testbed.TCP(number), testbed.UDP(number))
	}
	return out
}

// add adds a port unless it is a name, the last port of its range, and the next one.
func (n numbersSpokenOf) add(port intstr.IntOrString, endPort *int32) {
	if port.Type == intstr.String {
		return
	}
	n[port.IntVal] = true
	if endPort == nil {
		return
	}
	n[*endPort] = true
	if *endPort < portset.Last {
		n[*endPort+1] = true
	}
}

func (n numbersSpokenOf) addProfile(p snapshot.Profile) {
	var lists [][]v1alpha1.Port
	for _, tier := range p.Tiers {
		lists = append(lists, tier.Ports)
	}
	for _, entry := range p.Allow {
		lists = append(lists, entry.Ports)
	}
	for _, p := range slices.Concat(lists...) {
		n.add(p.Port, p.EndPort)
	}
}

func (n numbersSpokenOf) addPolicy(p *networkingv1.NetworkPolicy) {
	var lists [][]networkingv1.NetworkPolicyPort
	for _, rule := range p.Spec.Ingress {
		lists = append(lists, rule.Ports)
	}
	for _, rule := range p.Spec.Egress {
		lists = append(lists, rule.Ports)
	}
	for _, p := range slices.Concat(lists...) {
		if p.Port != nil {
			n.add(*p.Port, p.EndPort)
		}
	}
}
