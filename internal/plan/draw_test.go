package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// one returns one of the choices.
func one[T any](random *rand.Rand, choices ...T) T { return choices[random.IntN(len(choices))] }

// drawProfile draws a valid profile whose tiers may overlap with each other and with those of other profiles.
func drawProfile(random *rand.Rand, key snapshot.ProfileKey) snapshot.Profile {
	p := snapshot.Profile{Key: key, UID: types.UID("uid-of-" + key.Name), Generation: 1}
	p.Mode, p.DeletionPolicy = v1alpha1.ModeEnforce, drawDeletionPolicy(random)
	p.DNS = one(random, v1alpha1.DNSNone, v1alpha1.DNSNone, v1alpha1.DNSCluster)
	p.Isolation = one(random, v1alpha1.IsolationNamespace, v1alpha1.IsolationTiers)
	if key.Kind == v1alpha1.KindClusterSegmentationProfile {
		p.NamespaceSelector = &v1alpha1.LabelSelector{}
	}
	for i := range 1 + random.IntN(3) {
		p.Tiers = append(p.Tiers, drawTier(random, fmt.Sprintf("tier%d", i)))
	}
	for range random.IntN(5) {
		p.Allow = append(p.Allow, drawEntry(random, p))
	}
	return p
}

func drawDeletionPolicy(random *rand.Rand) v1alpha1.DeletionPolicy {
	return one(random, v1alpha1.DeletionPolicyDelete, v1alpha1.DeletionPolicyRetain)
}

func drawTier(random *rand.Rand, name string) v1alpha1.ClusterTier {
	return v1alpha1.ClusterTier{Tier: v1alpha1.Tier{Name: name, PodSelector: drawSelector(random), Ports: []v1alpha1.Port{port(80)}}}
}

func drawSelector(random *rand.Rand) *v1alpha1.LabelSelector {
	key, value := one(random, "x", "y"), one[v1alpha1.LabelValue](random, "1", "2")
	switch random.IntN(6) {
	case 0:
		return &v1alpha1.LabelSelector{}
	case 1:
		operator := one(random, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)
		return &v1alpha1.LabelSelector{MatchExpressions: []v1alpha1.LabelSelectorRequirement{{Key: key, Operator: operator}}}
	case 2:
		return &v1alpha1.LabelSelector{MatchExpressions: []v1alpha1.LabelSelectorRequirement{
			{Key: key, Operator: metav1.LabelSelectorOpNotIn, Values: []v1alpha1.LabelValue{value}},
		}}
	default:
		return &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{key: value}}
	}
}

// drawEntry draws from few peers and ports, so that the same connection is often opened by several tiers and profiles,
// and moves between them.
func drawEntry(random *rand.Rand, p snapshot.Profile) v1alpha1.AllowEntry {
	tier := func() v1alpha1.Peer { return v1alpha1.Peer{Tier: one(random, p.Tiers...).Name} }
	stranger := one(random,
		v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{Namespaces: []string{"one"}}},
		v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{Namespaces: []string{"two"}}},
		v1alpha1.Peer{IPBlocks: &v1alpha1.IPBlocksPeer{CIDRs: []string{"192.0.2.0/24"}}},
		v1alpha1.Peer{Anywhere: &v1alpha1.AnywherePeer{}},
	)
	entry := v1alpha1.AllowEntry{Name: fmt.Sprintf("entry%d", random.Uint32()), Ports: []v1alpha1.Port{port(one(random, 80, 81))}}
	switch random.IntN(3) {
	case 0:
		entry.From, entry.To = []v1alpha1.Peer{tier()}, []v1alpha1.Peer{tier()}
	case 1:
		entry.From, entry.To = []v1alpha1.Peer{stranger}, []v1alpha1.Peer{tier()}
	default:
		entry.From, entry.To = []v1alpha1.Peer{tier()}, []v1alpha1.Peer{stranger}
	}
	return entry
}

func port(number int) v1alpha1.Port {
	return v1alpha1.Port{Port: intstr.FromInt(number), Protocol: corev1.ProtocolTCP}
}

// alter returns the profile with one or two small changes, as people make them.
func alter(random *rand.Rand, p snapshot.Profile) snapshot.Profile {
	p.Tiers, p.Allow = slices.Clone(p.Tiers), slices.Clone(p.Allow)
	for range 1 + random.IntN(2) {
		switch random.IntN(8) {
		case 0:
			p.Isolation = one(random, v1alpha1.IsolationNamespace, v1alpha1.IsolationTiers)
		case 1:
			p.Tiers = append(p.Tiers, drawTier(random, fmt.Sprintf("tier%d", 10+random.IntN(1000000))))
		case 2:
			i, j := random.IntN(len(p.Tiers)), random.IntN(len(p.Tiers))
			p.Tiers[i].PodSelector, p.Tiers[j].PodSelector = p.Tiers[j].PodSelector, p.Tiers[i].PodSelector
		case 3:
			p.Tiers[random.IntN(len(p.Tiers))].PodSelector = drawSelector(random)
		case 4:
			p.Allow = append(p.Allow, drawEntry(random, p))
		case 5:
			if len(p.Allow) > 0 {
				p.Allow = slices.Delete(p.Allow, 0, 1)
			}
		case 6:
			p.DeletionPolicy = drawDeletionPolicy(random)
		default:
			p = move(random, p)
		}
	}
	return p
}

// move gives the end of an entry to another tier.
func move(random *rand.Rand, p snapshot.Profile) snapshot.Profile {
	if len(p.Allow) == 0 {
		return p
	}
	entry := &p.Allow[random.IntN(len(p.Allow))]
	for _, peers := range []*[]v1alpha1.Peer{&entry.From, &entry.To} {
		if (*peers)[0].Tier != "" {
			*peers = []v1alpha1.Peer{{Tier: one(random, p.Tiers...).Name}}
		}
	}
	return p
}
