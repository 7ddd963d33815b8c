package connectivity

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// group is pods that have a name in a namespace: those of a tier.
type group struct {
	// key identifies the tier by profile and name.
	key     string
	profile snapshot.ProfileKey
	tier    string
	pods    *metav1.LabelSelector
	matcher labels.Selector
	ports   []v1alpha1.Port
	// wide: it is every pod of the namespace, so that a name of any other tier says more.
	wide bool
	// order is that in which tiers are declared.
	order int
}

// groupsOf returns the tiers of a namespace, those first whose names say the most: a team's own before the platform's, and
// every pod last. Policies that profiles left, or that were rendered elsewhere, tell of their tiers by their labels.
func groupsOf(namespace string, p *place, labelsOfNamespace map[string]string) ([]group, error) {
	g := grouper{namespace: snapshot.Namespace{Name: namespace, Labels: labelsOfNamespace}, seen: map[string]bool{}}
	for _, o := range p.outputs {
		if o.Selected {
			if err := g.addProfile(o.Profile); err != nil {
				return nil, err
			}
		}
	}
	for _, policy := range p.policies {
		if key, tier, ok := tierOf(policy.Labels, namespace); ok && !compiler.IsDefaultDeny(policy.Name) {
			if err := g.add(newGroup(key, tier, &policy.Spec.PodSelector, nil)); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(g.groups, func(a, b group) int {
		return cmp.Or(compareBools(a.wide, b.wide), compareBools(a.profile.Namespace == "", b.profile.Namespace == ""))
	})
	return g.groups, nil
}

// grouper gathers the tiers of a namespace, each once.
type grouper struct {
	namespace snapshot.Namespace
	seen      map[string]bool
	groups    []group
}

func (g *grouper) addProfile(p snapshot.Profile) error {
	for _, tier := range p.Tiers {
		lives, err := snapshot.TierLivesIn(tier, g.namespace)
		if err != nil {
			return fmt.Errorf("%s: tier %s: %w", p.Key, tier.Name, err)
		}
		if !lives {
			continue
		}
		if err := g.add(newGroup(p.Key, tier.Name, selector.FromAPI(tier.PodSelector), tier.Ports)); err != nil {
			return err
		}
	}
	return nil
}

func (g *grouper) add(fresh group) error {
	if g.seen[fresh.key] {
		return nil
	}
	g.seen[fresh.key] = true
	var err error
	if fresh.matcher, err = selector.Compile(fresh.pods); err != nil {
		return fmt.Errorf("%s: tier %s: podSelector: %w", fresh.profile, fresh.tier, err)
	}
	fresh.wide, fresh.order = fresh.matcher.Empty(), len(g.groups)
	g.groups = append(g.groups, fresh)
	return nil
}

func newGroup(profile snapshot.ProfileKey, tier string, pods *metav1.LabelSelector, ports []v1alpha1.Port) group {
	return group{key: "tier " + profile.String() + " " + tier, profile: profile, tier: tier, pods: pods, ports: ports}
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// tierOf returns the profile and the tier that a policy says it was made for.
func tierOf(policyLabels map[string]string, namespace string) (snapshot.ProfileKey, string, bool) {
	key := snapshot.ProfileKey{Kind: v1alpha1.Kind(policyLabels[v1alpha1.LabelProfileKind]), Name: policyLabels[v1alpha1.LabelProfile]}
	tier := policyLabels[v1alpha1.LabelTier]
	if policyLabels[v1alpha1.LabelManagedBy] != v1alpha1.ManagedBy || key.Name == "" || tier == "" {
		return key, "", false
	}
	switch key.Kind {
	case v1alpha1.KindSegmentationProfile:
		key.Namespace = namespace
		return key, tier, true
	case v1alpha1.KindClusterSegmentationProfile:
		return key, tier, true
	}
	return key, "", false
}

// groupFor returns the tier of a pod; nil when it is in none.
func groupFor(groups []group, podLabels map[string]string) *group {
	for i := range groups {
		if groups[i].matcher.Matches(labels.Set(podLabels)) {
			return &groups[i]
		}
	}
	return nil
}
