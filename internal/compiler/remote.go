package compiler

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/validation"
)

// remoteTier returns the pods of another profile's tier. As a destination it is reached on these ports, or on its own
// when there are none. A tier that is not there, or on its way out, is nobody.
func (c *compilation) remoteTier(ref v1alpha1.RemoteTierPeer, ports []v1alpha1.Port, place string, destination bool) []target {
	tier, why := c.findRemoteTier(ref)
	if why != "" {
		c.find(v1alpha1.CodeUnresolvedPeer, place, "%s, so nothing is allowed here; correct the reference, or have that team declare the tier.", why)
		return nil
	}
	if isEmptySelector(tier.PodSelector) {
		c.find(v1alpha1.CodeEveryPodPeer, place, "Tier %s of SegmentationProfile %s/%s is every pod of namespace %s; have its owner narrow the podSelector.",
			ref.Tier, ref.Namespace, ref.Profile, ref.Namespace)
	}
	if len(ports) == 0 {
		ports = tier.Ports
	}
	if destination && len(ports) == 0 {
		c.find(v1alpha1.CodeUnresolvedPeer, place, "Tier %s of SegmentationProfile %s/%s declares no ports, so nothing is allowed here; give the entry ports.",
			ref.Tier, ref.Namespace, ref.Profile)
	}
	return []target{{c.podsOf(ref.Namespace, selector.FromAPI(tier.PodSelector)), ports}}
}

// findRemoteTier returns the tier that a reference names, or why there is none. The rest of the other profile does not
// matter: neither its mode nor its mistakes change who the tier is.
func (c *compilation) findRemoteTier(ref v1alpha1.RemoteTierPeer) (v1alpha1.ClusterTier, string) {
	i := slices.IndexFunc(c.facts.RemoteProfiles, func(p snapshot.Profile) bool {
		return p.Key == snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: ref.Namespace, Name: ref.Profile}
	})
	name := ref.Namespace + "/" + ref.Profile
	if i < 0 || c.facts.RemoteProfiles[i].Deleting {
		return v1alpha1.ClusterTier{}, "There is no SegmentationProfile " + name
	}
	remote := c.facts.RemoteProfiles[i]
	tier, ok := remote.Tier(ref.Tier)
	if !ok {
		return tier, "SegmentationProfile " + name + " has no tier " + ref.Tier
	}
	alone := &v1alpha1.SegmentationProfile{ObjectMeta: metav1.ObjectMeta{Namespace: ref.Namespace, Name: ref.Profile}}
	alone.Spec.Tiers = []v1alpha1.Tier{tier.Tier}
	if errs := validation.Validate(snapshot.FromSegmentationProfile(alone)); len(errs) > 0 {
		return tier, "Tier " + ref.Tier + " of SegmentationProfile " + name + " is invalid"
	}
	return tier, ""
}

// podsOf returns the pods of one namespace that a selector matches. In the namespace at hand it needs no name.
func (c *compilation) podsOf(namespace string, pods *metav1.LabelSelector) peerSet {
	peer := networkingv1.NetworkPolicyPeer{PodSelector: pods}
	if !c.here.is(namespace) {
		peer.NamespaceSelector = selector.NamespaceNames(namespace)
	}
	return peerSet{peers: []networkingv1.NetworkPolicyPeer{peer}}
}
