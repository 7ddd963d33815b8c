package connectivity

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/portset"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// field is the parties of one view, or of two, and who can reach whom among them.
type field struct {
	views  []*View
	scope  Scope
	places []map[string]*place
	// names are those of the namespaces of all views, sorted.
	names []string
	// labels are those of each namespace, by view: a view that does not know a namespace is told by the other.
	labels []map[string]map[string]string
	// merged are namespaces that one party stands for.
	merged map[string]bool

	numbers     portNumbers
	members     []*member
	byNamespace map[string][]*member
	// chosen are the selectors that somebody stands for.
	chosen map[string]bool
	// dnsPorts are those on which profiles reach the cluster's DNS.
	dnsPorts portset.Set

	// parties are sorted; those that are addresses follow the others.
	parties []*party
	worlds  []*world
	// freeFrom and freeTo are by party: no policy isolates its egress, or ingress, in any view.
	freeFrom, freeTo []bool
	// pairs are those that may have a connection in some view, sorted. Pairs that are free are not among them.
	pairs []pair
	// outside are the cells of connections with addresses, sorted.
	outside []cell
	// declaredBy are the ports that parties declare, as far as somebody asked.
	declaredBy map[int]portset.Set
	// examples are the addresses that stand for those of a pair.
	examples map[pair][]netip.Addr
}

// newField finds the parties of the views, of which there are one or two, and reads their policies.
func newField(scope Scope, views ...*View) (*field, error) {
	f := &field{views: views, scope: scope, byNamespace: map[string][]*member{}, chosen: map[string]bool{}, examples: map[pair][]netip.Addr{}, declaredBy: map[int]portset.Set{}}
	all := map[string]bool{}
	for _, v := range views {
		f.places = append(f.places, placesOf(v))
		for _, p := range v.Places {
			all[p.Namespace.Name] = true
		}
	}
	for _, name := range scope.Namespaces {
		all[name] = true
	}
	f.names = slices.Sorted(maps.Keys(all))
	for v := range views {
		f.labels = append(f.labels, map[string]map[string]string{})
		for _, name := range f.names {
			f.labels[v][name] = f.labelsOf(v, name)
		}
	}
	f.numbers = newPortNumbers(f.namedPorts())
	if err := f.merge(); err != nil {
		return nil, err
	}
	if err := f.gather(); err != nil {
		return nil, err
	}
	f.gatherParties()
	return f, f.evaluate()
}

func (f *field) labelsOf(v int, namespace string) map[string]string {
	for _, which := range []int{v, len(f.views) - 1 - v} {
		if p := f.places[which][namespace]; p != nil {
			return p.labels
		}
	}
	return nil
}

// at returns a namespace of a view; an open one without pods when the view does not have it.
func (f *field) at(v int, namespace string) *place {
	if p := f.places[v][namespace]; p != nil {
		return p
	}
	return &place{}
}

// namedPorts returns the names that policies and tiers use for ports.
func (f *field) namedPorts() map[string][]corev1.Protocol {
	named := map[string][]corev1.Protocol{}
	for v := range f.views {
		for _, p := range f.places[v] {
			for _, policy := range p.policies {
				for _, r := range policy.Spec.Ingress {
					namePolicyPorts(named, r.Ports)
				}
				for _, r := range policy.Spec.Egress {
					namePolicyPorts(named, r.Ports)
				}
			}
			for _, o := range p.outputs {
				for _, tier := range o.Profile.Tiers {
					nameTierPorts(named, tier.Ports)
				}
			}
		}
	}
	return named
}

// gather finds the members: first all pods that are known, then those that may come.
func (f *field) gather() error {
	groups, err := f.gatherKnown()
	if err != nil {
		return err
	}
	for _, namespace := range f.names {
		if f.scope.has(namespace) && !f.merged[namespace] {
			if err := f.gatherSomeday(namespace, groups[namespace]); err != nil {
				return err
			}
		}
	}
	if err := f.gatherPeers(); err != nil {
		return err
	}
	f.gatherRest(groups)
	f.gatherOthers()
	for _, m := range f.members {
		m.fill()
		for v := range f.views {
			if m.groups[v] = groupFor(groups[m.namespace][v], m.pods[v][0].Labels); m.groups[v] == nil {
				m.groups[v] = m.home
			}
		}
	}
	slices.SortFunc(f.members, compareMembers)
	return nil
}

// gatherKnown adds the pods that are known, and returns the tiers of each namespace, by view.
func (f *field) gatherKnown() (map[string][2][]group, error) {
	groups := map[string][2][]group{}
	for _, namespace := range f.names {
		if f.merged[namespace] {
			continue
		}
		var pods [2][]snapshot.Pod
		var here [2][]group
		for v := range f.views {
			p := f.at(v, namespace)
			pods[v] = p.pods
			var err error
			if here[v], err = groupsOf(namespace, p, f.labels[v][namespace]); err != nil {
				return nil, fmt.Errorf("namespace %s: %w", namespace, err)
			}
		}
		groups[namespace] = here
		for _, m := range workloadsOf(namespace, pods, here) {
			m.dns = isDNS(namespace, firstOf(m.pods).Labels)
			f.add(m)
		}
	}
	return groups, nil
}

func firstOf(pods [2][]snapshot.Pod) snapshot.Pod {
	for v := range pods {
		if len(pods[v]) > 0 {
			return pods[v][0]
		}
	}
	return snapshot.Pod{}
}

func (f *field) gatherSomeday(namespace string, groups [2][]group) error {
	f.addTiers(namespace, groups)
	for v := range f.views {
		if err := f.addSelected(namespace, f.at(v, namespace)); err != nil {
			return err
		}
	}
	return nil
}

// gatherRest adds a pod of no tier to each namespace where no pods are known.
func (f *field) gatherRest(groups map[string][2][]group) {
	for _, namespace := range f.names {
		if !f.scope.has(namespace) || f.merged[namespace] || f.hasKnown(namespace) || !f.isSpokenOf(namespace) {
			continue
		}
		inTier := false
		for v := range f.views {
			inTier = inTier || groupFor(groups[namespace][v], nil) != nil
		}
		if !inTier {
			name := otherPods
			if len(f.byNamespace[namespace]) == 0 {
				name = selector.EveryPod
			}
			f.addGeneric(namespace, &member{id: "rest", name: name})
		}
	}
}

// gatherOthers adds a pod that stands for those of all other namespaces, where there are such.
func (f *field) gatherOthers() {
	coverage := WholeCluster
	for _, v := range f.views {
		if !v.Complete {
			coverage = PartOfCluster
		}
	}
	if coverage == PartOfCluster || len(f.merged) > 0 {
		f.addGeneric(elsewhere, &member{id: "others", name: f.othersInWords(coverage), others: true})
	}
}

// othersInWords names the pods of the namespaces that are not shown one by one.
func (f *field) othersInWords(coverage Coverage) string {
	switch n, alone := len(f.merged), len(f.members) == 0; {
	case alone && n > 0 && coverage == WholeCluster:
		return fmt.Sprintf("pods of all %d namespaces", n)
	case alone && n > 0:
		return "pods of all namespaces"
	case coverage == PartOfCluster:
		return "pods of other namespaces"
	case n == 1:
		return "pods of 1 other namespace"
	default:
		return fmt.Sprintf("pods of %d other namespaces", n)
	}
}

// hasKnown says whether some view knows pods in a namespace that policies govern.
func (f *field) hasKnown(namespace string) bool {
	return slices.ContainsFunc(f.byNamespace[namespace], func(m *member) bool { return !m.someday })
}

// isSpokenOf says whether some view has policies or profiles in a namespace, if only a profile of its own that may do nothing there.
func (f *field) isSpokenOf(namespace string) bool {
	for v := range f.views {
		p := f.at(v, namespace)
		if len(p.policies) > 0 || slices.ContainsFunc(p.outputs, func(o compiler.Output) bool {
			return o.Selected || (o.Protected && o.Profile.Key.Namespace != "")
		}) {
			return true
		}
	}
	return false
}

func (f *field) addGeneric(namespace string, m *member) {
	f.learn(namespace, nil)
	pod := f.podWith(namespace, nil)
	m.namespace, m.someday = namespace, true
	m.pods[0], m.pods[1] = []snapshot.Pod{pod}, []snapshot.Pod{pod}
	f.addSomeday(m)
}
