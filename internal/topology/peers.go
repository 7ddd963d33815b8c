package topology

import (
	"cmp"
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// How many namespaces, and ranges of addresses, are named in a box.
const (
	maxWhere  = 3
	maxRanges = 2
)

// What boxes say that have no better words.
const (
	unnamedPods = "Pods"
	everyNode   = "every node"
)

// tierID returns the ID of the box of a tier, whether its profile is drawn or not.
func tierID(profile snapshot.ProfileKey, tier string) string {
	return "tier " + tier + " of " + profile.String()
}

// boxOf returns the box of a peer of a profile. Peers that mean the same have the same ID, whoever names them.
func boxOf(peer v1alpha1.Peer, profile snapshot.ProfileKey) Box {
	switch {
	case peer.Tier != "":
		return Box{ID: tierID(profile, peer.Tier), Kind: BoxTier, Name: peer.Tier}
	case peer.RemoteTier != nil:
		return boxOfRemoteTier(*peer.RemoteTier)
	case peer.Pods != nil:
		return boxOfPods(*peer.Pods, profile)
	case peer.Service != nil:
		return boxOfService(*peer.Service, profile)
	case peer.IPBlocks != nil:
		return boxOfIPBlocks(*peer.IPBlocks)
	case peer.Internet != nil:
		return boxOfInternet(*peer.Internet)
	case peer.KubeAPIServer != nil:
		return Box{ID: "kubeAPIServer", Kind: BoxKubeAPIServer, Name: "Kubernetes API server"}
	case peer.Nodes != nil:
		words := selectorInWords(peer.Nodes.NodeSelector)
		return Box{ID: "nodes " + words, Kind: BoxNodes, Name: "Nodes", Selector: cmp.Or(words, everyNode)}
	}
	return Box{ID: "anywhere", Kind: BoxAnywhere, Name: "Anywhere", Selector: "everybody, inside the cluster and outside"}
}

func boxOfRemoteTier(ref v1alpha1.RemoteTierPeer) Box {
	key := snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: ref.Namespace, Name: ref.Profile}
	return Box{ID: tierID(key, ref.Tier), Kind: BoxRemoteTier, Name: ref.Tier, Where: ref.Namespace + "/" + ref.Profile}
}

func boxOfPods(p v1alpha1.PodsPeer, profile snapshot.ProfileKey) Box {
	where := whereInWords(p, profile)
	box := Box{
		ID: "pods " + identity(scope(p, profile), sorted(p.Namespaces), where, podsInWords(p.PodSelector)), Kind: BoxPods,
		Where: where, Selector: podsInWords(p.PodSelector),
	}
	if len(p.Namespaces) > maxWhere {
		box.Details = sorted(p.Namespaces)
	}
	if p.PodSelector == nil || isEverything(p.PodSelector) {
		// They are known by where they are.
		box.Name, box.Where = where, ""
		return box
	}
	box.Name = cmp.Or(selector.Name(selector.FromAPI(p.PodSelector)), unnamedPods)
	return box
}

// tellPodsApart takes their short names from boxes of pods that would be called the same.
func tellPodsApart(boxes []Box) {
	called := map[string]int{}
	for _, box := range boxes {
		called[box.String()]++
	}
	for i, box := range boxes {
		if box.Kind == BoxPods && box.Where != "" && called[box.String()] > 1 {
			boxes[i].Name = unnamedPods
		}
	}
}

// whereInWords returns "monitoring", "a, b and 3 more", "every namespace", "namespaces with team=a", or "the same namespace" for
// that in which a cluster profile acts.
func whereInWords(p v1alpha1.PodsPeer, profile snapshot.ProfileKey) string {
	by := selectorInWords(p.NamespaceSelector)
	switch {
	case len(p.Namespaces) > 0 && by != "":
		return fewInWords(sorted(p.Namespaces), maxWhere) + " with " + by
	case len(p.Namespaces) > 0:
		return fewInWords(sorted(p.Namespaces), maxWhere)
	case p.NamespaceSelector != nil && by != "":
		return "namespaces with " + by
	case p.NamespaceSelector != nil:
		return "every namespace"
	}
	return homeInWords(profile)
}

// scope returns what tells pods apart that are in "the same namespace" of two cluster profiles; empty where namespaces are given.
func scope(p v1alpha1.PodsPeer, profile snapshot.ProfileKey) string {
	if len(p.Namespaces) > 0 || p.NamespaceSelector != nil {
		return ""
	}
	return home(profile)
}

// home returns a text of its own for the namespaces of each cluster profile; empty for others, whose namespace is known.
func home(profile snapshot.ProfileKey) string {
	if profile.Namespace != "" {
		return ""
	}
	return profile.String()
}

// homeInWords returns the namespace in which a profile acts, or words for each of those of a cluster profile.
func homeInWords(profile snapshot.ProfileKey) string {
	return cmp.Or(profile.Namespace, "the same namespace")
}

func boxOfService(p v1alpha1.ServicePeer, profile snapshot.ProfileKey) Box {
	where := cmp.Or(p.Namespace, homeInWords(profile))
	id := "service " + where + "/" + p.Name
	if p.Namespace == "" && profile.Namespace == "" {
		id += " of " + home(profile)
	}
	return Box{ID: id, Kind: BoxService, Name: p.Name, Where: where}
}

func boxOfIPBlocks(p v1alpha1.IPBlocksPeer) Box {
	cidrs, except := sorted(p.CIDRs), sorted(p.Except)
	box := Box{
		ID: "ipBlocks " + identity(cidrs, except), Kind: BoxIPBlocks,
		Name: fewInWords(cidrs, maxRanges), Selector: exceptInWords(except),
	}
	if len(cidrs) > maxRanges || len(except) > maxRanges {
		box.Details = append(cidrs, prefixed("except ", except)...)
	}
	return box
}

func boxOfInternet(p v1alpha1.InternetPeer) Box {
	except := sorted(p.Except)
	box := Box{ID: "internet " + identity(except), Kind: BoxInternet, Name: "Internet", Selector: exceptInWords(except)}
	if len(except) > maxRanges {
		box.Details = prefixed("except ", except)
	}
	return box
}

func prefixed(prefix string, list []string) []string {
	out := make([]string, 0, len(list))
	for _, item := range list {
		out = append(out, prefix+item)
	}
	return out
}

// identity returns a text that is the same for equal values only.
func identity(parts ...any) string { return networkpolicy.Key(parts) }

func exceptInWords(except []string) string {
	if len(except) == 0 {
		return ""
	}
	return "except " + fewInWords(except, maxRanges)
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
