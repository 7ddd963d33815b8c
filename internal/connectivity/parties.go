package connectivity

import (
	"cmp"
	"slices"

	"firebreak.dev/firebreak/internal/selector"
)

// gatherParties gathers the members into parties: those that are called the same in each view.
func (f *field) gatherParties() {
	byKey := map[string]*party{}
	for _, m := range f.members {
		p, former := f.partyOf(m)
		key := p.Key + "\x00" + former
		if known := byKey[key]; known != nil {
			known.members = append(known.members, m)
			known.Someday = known.Someday && m.someday
			continue
		}
		p.members = []*member{m}
		byKey[key] = p
		f.parties = append(f.parties, p)
	}
	slices.SortFunc(f.parties, compareParties)
	f.tellApart()
	f.tellPodsApart()
}

// tellPodsApart gives their long names to pods that would be called the same, and does not call every pod what stands beside
// others of its namespace.
func (f *field) tellPodsApart() {
	called, in := map[string]int{}, map[string]int{}
	for _, p := range f.parties {
		called[p.String()]++
		in[p.Namespace]++
	}
	for _, p := range f.parties {
		switch m := p.members[0]; {
		case p.Kind != KindPods || m.longName == "":
		case m.longName == selector.EveryPod && in[p.Namespace] > 1:
			p.Name = otherPods
		case called[p.String()] < 2:
		case m.namespace == elsewhere:
			p.Name = selector.Placed(m.longName, everyNamespace)
		default:
			p.Name = m.longName
		}
	}
}

// everyNamespace is where pods are that may be anywhere.
const everyNamespace = "every namespace"

// partyOf returns the party of a member, without members, and its key in the first view. It is called what it is called in the
// last view.
func (f *field) partyOf(m *member) (p *party, formerKey string) {
	last := len(f.views) - 1
	name, key, kind, order := f.nameIn(m, last)
	p = &party{order: order, Party: Party{Key: key, Kind: kind, Name: name, Namespace: m.namespace, Someday: m.someday}}
	former, formerKey, formerKind, _ := f.nameIn(m, 0)
	if formerKey != key {
		p.Was = former
		// A name beside another must say what it is a name of.
		if kind == KindPods {
			p.Name = cmp.Or(m.longName, name)
		}
		if formerKind == KindPods {
			p.Was = cmp.Or(m.longName, former)
		}
	}
	p.Inside = f.isInside(m.namespace)
	switch {
	case m.dns && (!p.Inside || f.scope.isAll()):
		p.Party, formerKey = Party{Key: "dns", Kind: KindDNS, Name: dnsName, Someday: m.someday}, "dns"
	case m.others:
		// Where all namespaces are asked for, those that it stands for are among them.
		p.Kind, p.Namespace, p.Inside = KindOthers, "", f.scope.isAll() && len(f.merged) > 0
		p.Key, p.Name = "others", m.name
	case m.namespace == elsewhere:
		p.Name, p.Namespace = selector.Placed(p.Name, everyNamespace), ""
	}
	return p, formerKey
}

// isInside says whether a namespace was asked for. Where all are, those of which nothing is known but their name are not meant.
func (f *field) isInside(namespace string) bool {
	if !f.scope.isAll() {
		return f.scope.has(namespace)
	}
	return !f.merged[namespace] && (f.hasKnown(namespace) || f.isSpokenOf(namespace))
}

// nameIn returns what a member is called in a view.
func (f *field) nameIn(m *member, v int) (name, key string, kind PartyKind, order int) {
	switch g := m.groups[v]; {
	case g != nil:
		return "tier " + g.tier, m.namespace + " " + g.key, KindTier, g.order
	case m.someday:
		return m.name, m.namespace + " " + m.id, KindPods, 0
	default:
		return m.name, m.namespace + " workload " + m.name, KindWorkload, 0
	}
}

// tellApart adds the profile to the names of tiers that are called the same in one namespace, in any view.
func (f *field) tellApart() {
	type name struct{ namespace, tier string }
	profiles := map[name][]string{}
	each := func(visit func(p *party, v int, g *group)) {
		for _, p := range f.parties {
			for v := range f.views {
				if g := p.members[0].groups[v]; g != nil && p.Kind != KindDNS {
					visit(p, v, g)
				}
			}
		}
	}
	each(func(p *party, _ int, g *group) {
		key := name{p.members[0].namespace, g.tier}
		if !slices.Contains(profiles[key], g.key) {
			profiles[key] = append(profiles[key], g.key)
		}
	})
	each(func(p *party, v int, g *group) {
		if len(profiles[name{p.members[0].namespace, g.tier}]) < 2 {
			return
		}
		switch long := "tier " + g.tier + " of " + g.profile.Name; {
		case v == len(f.views)-1:
			p.Name = long
		case p.Was != "":
			p.Was = long
		}
	})
}
