package topology

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// living is the namespaces in which a tier lives, or of which no tier is.
type living struct {
	namespaces []*outlook.Namespace
	// words stand for the namespaces when none is known.
	words *v1alpha1.LabelSelector
}

func (l living) key() string {
	if len(l.namespaces) == 0 {
		return "with " + selectorInWords(l.words)
	}
	return strings.Join(namesOf(l.namespaces), " ")
}

// addGroups adds the frames of a profile, one for all tiers that live in the same namespaces, and the boxes in them. Namespaces
// that are closed and have no tier are a frame, too.
func (b *builder) addGroups(d *drawn) error {
	groups := map[string]int{}
	covered := map[string]bool{}
	for _, tier := range d.profile.Tiers {
		lives, err := d.livesIn(tier)
		if err != nil {
			return fmt.Errorf("tier %s: namespaceSelector: %w", tier.Name, err)
		}
		at, ok := groups[lives.key()]
		if !ok {
			at = b.addGroup(d, lives)
			groups[lives.key()] = at
		}
		for _, name := range namesOf(lives.namespaces) {
			covered[name] = true
		}
		if err := b.addTier(d, tier, lives, b.groups[at].ID); err != nil {
			return fmt.Errorf("tier %s: podSelector: %w", tier.Name, err)
		}
	}
	if d.profile.Isolation != v1alpha1.IsolationNamespace {
		return nil
	}
	var rest living
	for _, ns := range d.acts {
		if !covered[ns.Namespace.Name] {
			rest.namespaces = append(rest.namespaces, ns)
		}
	}
	if len(rest.namespaces) > 0 || len(d.profile.Tiers) == 0 {
		rest.words = d.profile.NamespaceSelector
		group := b.groups[b.addGroup(d, rest)]
		b.add(Box{
			ID: "closed " + group.ID, Kind: BoxClosed, Group: group.ID, Name: "everything denied", Selector: "every pod, both ways",
			Policies: group.Policies,
		})
	}
	return nil
}

// livesIn returns the namespaces in which a tier lives.
func (d *drawn) livesIn(tier v1alpha1.ClusterTier) (living, error) {
	out := living{words: d.profile.NamespaceSelector}
	if tier.NamespaceSelector != nil {
		out.words = tier.NamespaceSelector
	}
	for _, ns := range d.acts {
		lives, err := snapshot.TierLivesIn(tier, ns.Namespace)
		if err != nil {
			return out, err
		}
		if lives {
			out.namespaces = append(out.namespaces, ns)
		}
	}
	return out, nil
}

func (b *builder) addGroup(d *drawn, lives living) int {
	id := profileID(d.profile.Key)
	if n := slices.IndexFunc(b.groups, func(g Group) bool { return g.Profile == id }); n >= 0 {
		id = fmt.Sprintf("%s in %s", id, lives.key())
	}
	g := Group{
		ID: id, Profile: profileID(d.profile.Key), Namespaces: namespacesOf(namesOf(lives.namespaces), lives.words),
		Others: b.othersIn(d, lives.namespaces),
	}
	if len(lives.namespaces) == 0 && d.profile.Key.Namespace != "" {
		g.Namespaces = Namespaces{Count: 1, Names: []string{d.profile.Key.Namespace}}
	}
	for i, ns := range d.acts {
		if len(lives.namespaces) == 0 || ns.Namespace.Name != lives.namespaces[0].Namespace.Name {
			continue
		}
		for _, policy := range d.outputs[i].Policies {
			if compiler.IsDefaultDeny(policy.Name) {
				g.Policies = append(g.Policies, policy.Name)
			}
		}
	}
	b.groups = append(b.groups, g)
	return len(b.groups) - 1
}

// othersIn says what becomes of pods that no tier selects: they are open if the profile leaves them alone and no other denies
// them, in at least one of the namespaces.
func (b *builder) othersIn(d *drawn, namespaces []*outlook.Namespace) Others {
	if d.profile.Isolation == v1alpha1.IsolationNamespace {
		return OthersDenied
	}
	for _, ns := range namespaces {
		if !b.isolated[ns.Namespace.Name] {
			return OthersOpen
		}
	}
	if len(namespaces) == 0 {
		return OthersOpen
	}
	return OthersDenied
}

func (b *builder) addTier(d *drawn, tier v1alpha1.ClusterTier, lives living, group string) error {
	box := Box{
		ID: tierID(d.profile.Key, tier.Name), Kind: BoxTier, Group: group, Name: tier.Name, Description: tier.Description,
		Selector: podsInWords(tier.PodSelector), Ports: portsInWords(tier.Ports), DNS: d.dnsOf(tier),
	}
	if b.podsSeen && len(lives.namespaces) > 0 {
		pods, err := countPods(tier, lives.namespaces)
		if err != nil {
			return err
		}
		box.Pods = &pods
	}
	for _, o := range d.outputs {
		for _, policy := range o.Policies {
			if policy.Labels[v1alpha1.LabelTier] == tier.Name && !slices.Contains(box.Policies, policy.Name) {
				box.Policies = append(box.Policies, policy.Name)
			}
		}
	}
	b.add(box)
	return nil
}

// dnsOf returns the dns of a tier: its own, or the profile's.
func (d *drawn) dnsOf(tier v1alpha1.ClusterTier) v1alpha1.DNS {
	if tier.DNS != "" {
		return tier.DNS
	}
	return d.profile.DNS
}

// countPods returns how many running pods a tier selects. Those on the host network, which policies do not govern, do not count.
func countPods(tier v1alpha1.ClusterTier, namespaces []*outlook.Namespace) (int, error) {
	compiled, err := selector.Compile(selector.FromAPI(tier.PodSelector))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, ns := range namespaces {
		for _, pod := range ns.Pods {
			if !pod.HostNetwork && !pod.Completed && compiled.Matches(labels.Set(pod.Labels)) {
				n += max(pod.Count, 1)
			}
		}
	}
	return n, nil
}

// add adds a box unless it is there, and returns it.
func (b *builder) add(box Box) *Box {
	known, ok := b.boxes[box.ID]
	if !ok {
		known = &box
		b.boxes[box.ID] = known
		b.order = append(b.order, box.ID)
	}
	return known
}
