package random

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Profile draws a valid profile of either kind, its defaults written out. The number makes its name and UID unlike those of
// others. Tiers may overlap, and may be empty.
func (d Drawer) Profile(number int) snapshot.Profile {
	p := snapshot.Profile{UID: types.UID(fmt.Sprint("uid", number)), Generation: int64(1 + d.IntN(9))}
	p.Key = snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: OneOf(d, "shop", "shop", "data"), Name: fmt.Sprint(OneOf(d, "p", "p", "web.v1", "a-b"), number)}
	if d.IntN(2) == 0 {
		p.Key.Kind, p.Key.Namespace = v1alpha1.KindClusterSegmentationProfile, ""
		p.NamespaceSelector = OneOf(d, &v1alpha1.LabelSelector{}, d.selector("team"))
	}
	p.Mode = OneOf(d, v1alpha1.ModeEnforce, v1alpha1.ModeEnforce, v1alpha1.ModeEnforce, v1alpha1.ModeEnforce, v1alpha1.ModePreview)
	p.DeletionPolicy = OneOf(d, v1alpha1.DeletionPolicyDelete, v1alpha1.DeletionPolicyRetain)
	p.Isolation = OneOf(d, v1alpha1.IsolationNamespace, v1alpha1.IsolationTiers)
	p.DNS = OneOf(d, v1alpha1.DNSCluster, v1alpha1.DNSNone, v1alpha1.DNSAny)
	for i := range OneOf(d, 1, 2, 2, 3, 3, 4) {
		p.Tiers = append(p.Tiers, d.tier(i, p.Key.Kind))
	}
	for i := range OneOf(d, 0, 1, 2, 3, 4) {
		p.Allow = append(p.Allow, d.entry(i, p))
	}
	return p
}

func (d Drawer) tier(number int, kind v1alpha1.Kind) v1alpha1.ClusterTier {
	tier := v1alpha1.ClusterTier{Tier: v1alpha1.Tier{
		Name: fmt.Sprint("t", number), Description: OneOf(d, "", "What it is for"), PodSelector: d.selector("app"),
		DNS: OneOf(d, "", "", v1alpha1.DNSCluster, v1alpha1.DNSNone, v1alpha1.DNSAny),
	}}
	if !d.oneIn(6) {
		tier.Ports = d.ports(true)
	}
	if kind == v1alpha1.KindClusterSegmentationProfile && d.IntN(3) == 0 {
		tier.NamespaceSelector = d.selector("team")
	}
	return tier
}

func (d Drawer) selector(key string) *v1alpha1.LabelSelector {
	value := OneOf[v1alpha1.LabelValue](d, "a", "b", "c")
	switch d.IntN(5) {
	case 0:
		return &v1alpha1.LabelSelector{}
	case 1:
		return &v1alpha1.LabelSelector{MatchExpressions: []v1alpha1.LabelSelectorRequirement{
			{Key: key, Operator: OneOf(d, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn), Values: []v1alpha1.LabelValue{value, "d", value}},
			{Key: "other", Operator: OneOf(d, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)},
		}}
	default:
		return &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{key: value}}
	}
}

func (d Drawer) ports(named bool) []v1alpha1.Port {
	var out []v1alpha1.Port
	for range 1 + d.IntN(3) {
		port := v1alpha1.Port{Protocol: OneOf(d, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP), Port: intstr.FromInt(OneOf(d, 53, 80, 443))}
		switch {
		case named && d.IntN(4) == 0:
			port.Port = intstr.FromString("http")
		case d.IntN(4) == 0:
			port.EndPort = new(int32(port.Port.IntValue() + d.IntN(3)))
		}
		out = append(out, port)
	}
	return out
}
