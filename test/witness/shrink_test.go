package witness

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/evaluator"
)

// shrink takes policies and their rules away as long as the two disagree about the connection.
func shrink(t *testing.T, world evaluator.World, c evaluator.Connection) evaluator.World {
	t.Helper()
	fails := func(policies []*networkingv1.NetworkPolicy) bool {
		smaller := world
		smaller.Policies = policies
		_, _, err := newTrial(t, smaller).ask(t, c)
		return err != nil
	}
	for i := 0; i < len(world.Policies); {
		if fewer := slices.Delete(slices.Clone(world.Policies), i, i+1); fails(fewer) {
			world.Policies = fewer
		} else {
			i++
		}
	}
	for i := 0; i < len(world.Policies); {
		smaller := slices.IndexFunc(withOneLess(world.Policies[i]), func(policy *networkingv1.NetworkPolicy) bool {
			return fails(slices.Replace(slices.Clone(world.Policies), i, i+1, policy))
		})
		if smaller < 0 {
			i++
			continue
		}
		world.Policies = slices.Clone(world.Policies)
		world.Policies[i] = withOneLess(world.Policies[i])[smaller]
	}
	return world
}

// withOneLess returns the policies that lack one rule, or one of several peers or ports of a rule.
func withOneLess(policy *networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	add := func(change func(*networkingv1.NetworkPolicySpec)) {
		smaller := policy.DeepCopy()
		change(&smaller.Spec)
		out = append(out, smaller)
	}
	for i, rule := range policy.Spec.Ingress {
		add(func(s *networkingv1.NetworkPolicySpec) { s.Ingress = slices.Delete(s.Ingress, i, i+1) })
		for j := range several(rule.From) {
			add(func(s *networkingv1.NetworkPolicySpec) { s.Ingress[i].From = slices.Delete(s.Ingress[i].From, j, j+1) })
		}
		for j := range several(rule.Ports) {
			add(func(s *networkingv1.NetworkPolicySpec) {
				s.Ingress[i].Ports = slices.Delete(s.Ingress[i].Ports, j, j+1)
			})
		}
	}
	for i, rule := range policy.Spec.Egress {
		add(func(s *networkingv1.NetworkPolicySpec) { s.Egress = slices.Delete(s.Egress, i, i+1) })
		for j := range several(rule.To) {
			add(func(s *networkingv1.NetworkPolicySpec) { s.Egress[i].To = slices.Delete(s.Egress[i].To, j, j+1) })
		}
		for j := range several(rule.Ports) {
			add(func(s *networkingv1.NetworkPolicySpec) { s.Egress[i].Ports = slices.Delete(s.Egress[i].Ports, j, j+1) })
		}
	}
	return out
}

// several returns the list, but nothing when it has one item only: a list without items would mean everything.
func several[T any](list []T) []T {
	if len(list) == 1 {
		return nil
	}
	return list
}

// manifests writes down the policies of a cluster, its namespaces and the pods of a connection.
func manifests(t *testing.T, world evaluator.World, c evaluator.Connection) string {
	t.Helper()
	var out strings.Builder
	for _, ns := range world.Namespaces {
		fmt.Fprintf(&out, "namespace %s %v\n", ns.Name, ns.Labels)
	}
	for _, end := range []evaluator.Endpoint{c.Source, c.Destination} {
		if p := end.Pod; p != nil {
			fmt.Fprintf(&out, "pod %s/%s %v, addresses %v, ports %v, hostNetwork %t, completed %t\n",
				p.Namespace, p.Name, p.Labels, p.Addresses, p.Ports, p.HostNetwork, p.Completed)
		}
	}
	for _, policy := range world.Policies {
		text, err := yaml.Marshal(policy.Spec)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "NetworkPolicy %s/%s\n%s", policy.Namespace, policy.Name, text)
	}
	return out.String()
}
