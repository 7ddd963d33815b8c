package inventory

import (
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/ipset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Cluster returns what the objects say of a cluster. Every namespace that an object is in, or that a profile names, is in
// it: one without an object of its own bears no label but its name. Equal inventories give equal clusters.
func (inv *Inventory) Cluster(options snapshot.Options) *snapshot.Cluster {
	b := builder{cluster: &snapshot.Cluster{Options: options}, namespaces: map[string]snapshot.Namespace{}}
	for _, key := range inv.keys() {
		b.add(inv, inv.get(key))
	}
	b.cluster.Pods = inv.pods()
	for _, p := range b.cluster.Pods {
		b.mention(p.Namespace)
	}
	for _, p := range b.cluster.Profiles {
		b.mentionPeers(p)
	}
	for _, name := range slices.Sorted(maps.Keys(b.namespaces)) {
		b.cluster.Namespaces = append(b.cluster.Namespaces, b.namespaces[name])
	}
	slices.SortFunc(b.cluster.Profiles, snapshot.Profile.Compare)
	b.cluster.Facts.ClusterRanges = ipset.Aggregate(b.cluster.Facts.ClusterRanges)
	b.cluster.Facts.PodAddresses = addressesOf(b.cluster.Pods)
	return b.cluster
}

// keys returns the keys of all layers, sorted.
func (inv *Inventory) keys() []Key {
	all := map[Key]bool{}
	for _, l := range inv.layers {
		for key := range l {
			all[key] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), compareKeys)
}

// get returns the object of the topmost layer that has it.
func (inv *Inventory) get(key Key) Object {
	for _, l := range slices.Backward(inv.layers) {
		if o := l[key]; o != nil {
			return o
		}
	}
	return nil
}

type builder struct {
	cluster    *snapshot.Cluster
	namespaces map[string]snapshot.Namespace
}

func (b *builder) add(inv *Inventory, o Object) {
	b.mention(o.GetNamespace())
	facts := &b.cluster.Facts
	switch o := o.(type) {
	case *corev1.Namespace:
		b.namespaces[o.Name] = snapshot.Namespace{Name: o.Name, Labels: withName(o.Name, o.Labels), Terminating: !o.DeletionTimestamp.IsZero()}
	case *v1alpha1.SegmentationProfile, *v1alpha1.ClusterSegmentationProfile:
		if p, ok := ProfileOf(o); ok {
			b.cluster.Profiles = append(b.cluster.Profiles, known(p, inv.underneath(KeyOf(o))))
		}
	case *networkingv1.NetworkPolicy:
		b.cluster.Policies = append(b.cluster.Policies, o)
	case *corev1.Service:
		facts.Services = append(facts.Services, *o)
	case *discoveryv1.EndpointSlice:
		facts.EndpointSlices = append(facts.EndpointSlices, *o)
	case *corev1.Node:
		facts.Nodes = append(facts.Nodes, snapshot.FromNode(o))
		facts.ClusterRanges = append(facts.ClusterRanges, snapshot.PublicRangesOfNode(o)...)
	case *networkingv1.ServiceCIDR:
		facts.ClusterRanges = append(facts.ClusterRanges, snapshot.PublicRangesOfServices(o)...)
	}
}

// ProfileOf reads a profile of either kind; ok is false for other objects.
func ProfileOf(o Object) (p snapshot.Profile, ok bool) {
	switch o := o.(type) {
	case *v1alpha1.SegmentationProfile:
		return snapshot.FromSegmentationProfile(o), true
	case *v1alpha1.ClusterSegmentationProfile:
		return snapshot.FromClusterSegmentationProfile(o), true
	}
	return snapshot.Profile{}, false
}

// known gives a profile the identity that it has in the cluster, when it is a version of it from a file. Without one it is new.
func known(p, underneath snapshot.Profile) snapshot.Profile {
	if p.UID != "" {
		return p
	}
	p.UID, p.Generation = underneath.UID, underneath.Generation
	if !p.SameSpec(underneath) {
		p.Generation++
	}
	return p
}

// underneath returns the profile that one of a later layer takes the place of; the zero profile when there is none.
func (inv *Inventory) underneath(key Key) snapshot.Profile {
	for _, l := range slices.Backward(inv.layers) {
		if o := l[key]; o != nil && o.GetUID() != "" {
			p, _ := ProfileOf(o)
			return p
		}
	}
	return snapshot.Profile{}
}

// mention adds a namespace that may have no object of its own.
func (b *builder) mention(name string) {
	if _, ok := b.namespaces[name]; !ok && name != "" {
		b.namespaces[name] = snapshot.Namespace{Name: name, Labels: withName(name, nil)}
	}
}

// mentionPeers adds the namespaces that a profile names, its own among them.
func (b *builder) mentionPeers(p snapshot.Profile) {
	for _, entry := range p.Allow {
		for _, peer := range slices.Concat(entry.From, entry.To) {
			switch {
			case peer.Pods != nil:
				for _, name := range peer.Pods.Namespaces {
					b.mention(name)
				}
			case peer.RemoteTier != nil:
				b.mention(peer.RemoteTier.Namespace)
			case peer.Service != nil:
				b.mention(peer.Service.Namespace)
			}
		}
	}
}

// withName returns the labels with the one that the API server gives every namespace.
func withName(name string, labels map[string]string) map[string]string {
	out := map[string]string{selector.NamespaceNameLabel: name}
	for k, v := range labels {
		if k != selector.NamespaceNameLabel {
			out[k] = v
		}
	}
	return out
}

func addressesOf(pods []snapshot.Pod) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, p := range pods {
		for _, addr := range p.Addresses {
			out[addr] = true
		}
	}
	return out
}
