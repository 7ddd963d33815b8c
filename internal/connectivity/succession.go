package connectivity

import (
	"cmp"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Succeed returns a cluster as it is when it takes the place of another: with the policies that the profiles of the other have
// left, and with those of these profiles that it does not have as ones that are being deleted. So a profile that goes from Enforce
// to Preview leaves its policies frozen, and one with deletionPolicy Retain leaves them in force, as the operator does it.
func Succeed(before *outlook.Outlook, after *snapshot.Cluster) *snapshot.Cluster {
	out := *after
	known := map[snapshot.ProfileKey]bool{}
	for _, p := range after.Profiles {
		known[p.Key] = true
	}
	out.Profiles, out.Policies = slices.Clone(after.Profiles), slices.Clone(after.Policies)
	for _, p := range before.Cluster.Profiles {
		if !known[p.Key] {
			p.Deleting = true
			out.Profiles = append(out.Profiles, p)
		}
	}
	slices.SortFunc(out.Profiles, snapshot.Profile.Compare)
	given := map[[2]string]bool{}
	for _, policy := range slices.Concat(after.Policies, before.Cluster.Policies) {
		given[[2]string{policy.Namespace, policy.Name}] = true
	}
	for _, ns := range before.Namespaces {
		if _, ok := after.Namespace(ns.Namespace.Name); !ok {
			out.Namespaces = append(slices.Clip(out.Namespaces), ns.Namespace)
		}
		for _, policy := range ns.Policies {
			if _, _, ours := plan.Owner(policy); ours && !given[[2]string{policy.Namespace, policy.Name}] {
				out.Policies = append(out.Policies, policy)
			}
		}
	}
	slices.SortFunc(out.Policies, func(a, b *networkingv1.NetworkPolicy) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(out.Namespaces, func(a, b snapshot.Namespace) int { return cmp.Compare(a.Name, b.Name) })
	return &out
}
