package snapshot

import (
	"cmp"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/selector"
)

// ProfileKey identifies a profile of either kind. Namespace is empty for the cluster kind.
type ProfileKey struct {
	Kind      v1alpha1.Kind
	Namespace string
	Name      string
}

// String returns "SegmentationProfile shop/web" or "ClusterSegmentationProfile baseline".
func (k ProfileKey) String() string {
	if k.Namespace == "" {
		return string(k.Kind) + " " + k.Name
	}
	return string(k.Kind) + " " + k.Namespace + "/" + k.Name
}

// Profile is a profile of either kind in one shape, with the API server's defaults applied.
type Profile struct {
	Key        ProfileKey
	UID        types.UID
	Generation int64
	// Deleting: the profile is on its way out and asks for nothing any more.
	Deleting bool
	// Orphaning: it is being deleted with the wish that its policies stay.
	Orphaning bool
	// Unguarded: a cluster profile that does not carry our finalizer yet. Nothing is written for it before it does, so
	// that its policies can always be taken away in order.
	Unguarded bool

	v1alpha1.ProfileSettings
	// NamespaceSelector is set for the cluster kind only.
	NamespaceSelector *v1alpha1.LabelSelector
	// Tiers have a NamespaceSelector in the cluster kind only.
	Tiers []v1alpha1.ClusterTier
}

// FromSegmentationProfile reads a profile. The result shares nothing with it.
func FromSegmentationProfile(p *v1alpha1.SegmentationProfile) Profile {
	spec := p.Spec.DeepCopy()
	out := fromMeta(v1alpha1.KindSegmentationProfile, p.ObjectMeta)
	out.ProfileSettings = spec.ProfileSettings
	out.Tiers = make([]v1alpha1.ClusterTier, 0, len(spec.Tiers))
	for _, t := range spec.Tiers {
		out.Tiers = append(out.Tiers, v1alpha1.ClusterTier{Tier: t})
	}
	out.applyDefaults()
	return out
}

// FromClusterSegmentationProfile reads a profile. The result shares nothing with it.
func FromClusterSegmentationProfile(p *v1alpha1.ClusterSegmentationProfile) Profile {
	spec := p.Spec.DeepCopy()
	out := fromMeta(v1alpha1.KindClusterSegmentationProfile, p.ObjectMeta)
	out.ProfileSettings = spec.ProfileSettings
	out.NamespaceSelector = spec.NamespaceSelector
	out.Tiers = spec.Tiers
	out.applyDefaults()
	return out
}

func fromMeta(kind v1alpha1.Kind, meta metav1.ObjectMeta) Profile {
	deleting := !meta.DeletionTimestamp.IsZero()
	return Profile{
		Key: ProfileKey{Kind: kind, Namespace: meta.Namespace, Name: meta.Name},
		UID: meta.UID, Generation: meta.Generation,
		Deleting:  deleting,
		Orphaning: deleting && slices.Contains(meta.Finalizers, metav1.FinalizerOrphanDependents),
	}
}

// applyDefaults mirrors the defaults in the CRD, for profiles that come from files or from under an older CRD.
func (p *Profile) applyDefaults() {
	p.Mode = cmp.Or(p.Mode, v1alpha1.ModeEnforce)
	p.Isolation = cmp.Or(p.Isolation, v1alpha1.IsolationNamespace)
	p.DNS = cmp.Or(p.DNS, v1alpha1.DNSCluster)
	p.DeletionPolicy = cmp.Or(p.DeletionPolicy, v1alpha1.DeletionPolicyDelete)
	for i := range p.Tiers {
		defaultPorts(p.Tiers[i].Ports)
	}
	for i := range p.Allow {
		defaultPorts(p.Allow[i].Ports)
	}
}

func defaultPorts(ports []v1alpha1.Port) {
	for i := range ports {
		ports[i].Protocol = cmp.Or(ports[i].Protocol, corev1.ProtocolTCP)
	}
}

// SameSpec says whether two profiles ask for the same, whoever they are.
func (p Profile) SameSpec(q Profile) bool {
	return reflect.DeepEqual(p.ProfileSettings, q.ProfileSettings) && reflect.DeepEqual(p.NamespaceSelector, q.NamespaceSelector) &&
		reflect.DeepEqual(p.Tiers, q.Tiers)
}

// Retains says whether the profile's policies stay when it goes.
func (p Profile) Retains() bool { return p.DeletionPolicy == v1alpha1.DeletionPolicyRetain }

// Compare orders profiles: cluster kind first, then by name.
func (p Profile) Compare(q Profile) int {
	return cmp.Or(cmp.Compare(p.Key.Kind, q.Key.Kind), cmp.Compare(p.Key.Namespace, q.Key.Namespace), cmp.Compare(p.Key.Name, q.Key.Name))
}

// Tier returns the tier of this name, and whether there is one.
func (p Profile) Tier(name string) (v1alpha1.ClusterTier, bool) {
	i := slices.IndexFunc(p.Tiers, func(t v1alpha1.ClusterTier) bool { return t.Name == name })
	if i < 0 {
		return v1alpha1.ClusterTier{}, false
	}
	return p.Tiers[i], true
}

// Selects says whether the profile is meant for a namespace, protected or not. An error means that it cannot be known.
func (p Profile) Selects(ns Namespace) (bool, error) {
	if p.Key.Kind == v1alpha1.KindSegmentationProfile {
		return p.Key.Namespace == ns.Name, nil
	}
	return selector.MatchesAPI(p.NamespaceSelector, ns.Labels)
}

// Selector returns what Selects says of namespaces, where there are many; the error is the same for all of them.
func (p Profile) Selector() (func(Namespace) bool, error) {
	if p.Key.Kind == v1alpha1.KindSegmentationProfile {
		name := p.Key.Namespace
		return func(ns Namespace) bool { return ns.Name == name }, nil
	}
	compiled, err := selector.Compile(selector.FromAPI(p.NamespaceSelector))
	if err != nil {
		return nil, err
	}
	return func(ns Namespace) bool { return compiled.Matches(labels.Set(ns.Labels)) }, nil
}

// TierLivesIn says whether a tier of a profile that selects the namespace lives there.
func TierLivesIn(tier v1alpha1.ClusterTier, ns Namespace) (bool, error) {
	if tier.NamespaceSelector == nil {
		return true, nil
	}
	return selector.MatchesAPI(tier.NamespaceSelector, ns.Labels)
}
