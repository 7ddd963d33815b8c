package snapshot

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
)

// Cluster is what is known of a whole cluster, or of a part of one. All lists are in any order.
type Cluster struct {
	Namespaces []Namespace
	// Profiles are of both kinds.
	Profiles []Profile
	Pods     []Pod
	Policies []*networkingv1.NetworkPolicy
	// Facts are what Profiles are looked up in. In adds the namespaced ones of Profiles to its RemoteProfiles.
	Facts   Facts
	Options Options
}

// Namespace returns the namespace of this name, and whether there is one.
func (c *Cluster) Namespace(name string) (Namespace, bool) {
	i := slices.IndexFunc(c.Namespaces, func(ns Namespace) bool { return ns.Name == name })
	if i < 0 {
		return Namespace{}, false
	}
	return c.Namespaces[i], true
}

// In returns what is known when a namespace is decided about.
func (c *Cluster) In(ns Namespace) Snapshot {
	return c.Snapshots([]Namespace{ns})[0]
}

// Snapshots returns what is known when each of the namespaces is decided about, in their order. They share their facts.
func (c *Cluster) Snapshots(namespaces []Namespace) []Snapshot {
	var clusterProfiles []Profile
	profiles, policies := map[string][]Profile{}, map[string][]*networkingv1.NetworkPolicy{}
	facts := c.Facts
	facts.RemoteProfiles = slices.Clone(facts.RemoteProfiles)
	for _, p := range c.Profiles {
		if p.Key.Namespace == "" {
			clusterProfiles = append(clusterProfiles, p)
			continue
		}
		facts.RemoteProfiles = append(facts.RemoteProfiles, p)
		profiles[p.Key.Namespace] = append(profiles[p.Key.Namespace], p)
	}
	for _, policy := range c.Policies {
		policies[policy.Namespace] = append(policies[policy.Namespace], policy)
	}
	out := make([]Snapshot, 0, len(namespaces))
	for _, ns := range namespaces {
		s := Snapshot{Namespace: ns, Policies: policies[ns.Name], Facts: facts, Options: c.Options}
		s.Profiles = slices.Concat(profiles[ns.Name], clusterProfiles)
		slices.SortFunc(s.Profiles, Profile.Compare)
		out = append(out, s)
	}
	return out
}
