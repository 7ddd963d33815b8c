package random

import (
	"fmt"
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Altered returns a valid profile with one to three changes to one that Profile drew, as people make them: a tier more, less,
// renamed or for other pods, an entry more, less or at another tier, other ports. What it is called and its mode stay. It
// shares nothing that it changes with p.
func (d Drawer) Altered(p snapshot.Profile) snapshot.Profile {
	p.Tiers, p.Allow = slices.Clone(p.Tiers), slices.Clone(p.Allow)
	for i, entry := range p.Allow {
		p.Allow[i] = *entry.DeepCopy()
	}
	for range OneOf(d, 1, 1, 2, 3) {
		changes := []func(*snapshot.Profile){
			d.swapSelectors, d.reselect, d.reselect, d.addTier, d.removeTier, d.renameTier, d.reopenTier,
			d.addEntry, d.addEntry, d.removeEntry, d.moveEntry, d.moveEntry, d.moveEntry, d.reopenEntry, d.resettle,
		}
		changes[d.IntN(len(changes))](&p)
	}
	return p
}

func (d Drawer) swapSelectors(p *snapshot.Profile) {
	a, b := &p.Tiers[d.IntN(len(p.Tiers))], &p.Tiers[d.IntN(len(p.Tiers))]
	a.PodSelector, b.PodSelector = b.PodSelector, a.PodSelector
}

func (d Drawer) reselect(p *snapshot.Profile) {
	p.Tiers[d.IntN(len(p.Tiers))].PodSelector = d.selector("app")
}

func (d Drawer) addTier(p *snapshot.Profile) {
	if len(p.Tiers) < 6 {
		p.Tiers = append(p.Tiers, d.tier(d.fresh(), p.Key.Kind))
	}
}

// fresh returns a number that most likely nothing bears yet.
func (d Drawer) fresh() int { return 100 + d.IntN(1_000_000) }

func (d Drawer) removeTier(p *snapshot.Profile) {
	if len(p.Tiers) == 1 {
		return
	}
	i := d.IntN(len(p.Tiers))
	name := p.Tiers[i].Name
	p.Tiers = slices.Delete(p.Tiers, i, i+1)
	p.Allow = slices.DeleteFunc(p.Allow, func(e v1alpha1.AllowEntry) bool {
		return slices.ContainsFunc(slices.Concat(e.From, e.To), func(peer v1alpha1.Peer) bool { return peer.Tier == name })
	})
}

func (d Drawer) renameTier(p *snapshot.Profile) {
	tier := &p.Tiers[d.IntN(len(p.Tiers))]
	former := tier.Name
	tier.Name = fmt.Sprint("t", d.fresh())
	for _, entry := range p.Allow {
		for _, peers := range [][]v1alpha1.Peer{entry.From, entry.To} {
			for i := range peers {
				if peers[i].Tier == former {
					peers[i].Tier = tier.Name
				}
			}
		}
	}
}

func (d Drawer) reopenTier(p *snapshot.Profile) {
	p.Tiers[d.IntN(len(p.Tiers))].Ports = d.ports(true)
}

func (d Drawer) addEntry(p *snapshot.Profile) {
	if len(p.Allow) < 8 {
		p.Allow = append(p.Allow, d.entry(d.fresh(), *p))
	}
}

func (d Drawer) removeEntry(p *snapshot.Profile) {
	if len(p.Allow) > 0 {
		i := d.IntN(len(p.Allow))
		p.Allow = slices.Delete(p.Allow, i, i+1)
	}
}

// moveEntry gives an end of an entry to another tier.
func (d Drawer) moveEntry(p *snapshot.Profile) {
	if len(p.Allow) == 0 {
		return
	}
	entry := &p.Allow[d.IntN(len(p.Allow))]
	if ends := OneOf(d, &entry.From, &entry.To); (*ends)[0].Tier != "" {
		*ends = d.tiers(*p)
	}
	if len(entry.Ports) == 0 && entry.To[0].Tier != "" {
		// The tier that it leads to now may have none.
		entry.Ports = d.ports(true)
	}
}

func (d Drawer) reopenEntry(p *snapshot.Profile) {
	if len(p.Allow) == 0 {
		return
	}
	entry := &p.Allow[d.IntN(len(p.Allow))]
	if !slices.ContainsFunc(entry.To, func(peer v1alpha1.Peer) bool { return peer.KubeAPIServer != nil }) {
		entry.Ports = d.ports(false)
	}
}

func (d Drawer) resettle(p *snapshot.Profile) {
	switch d.IntN(3) {
	case 0:
		p.Isolation = OneOf(d, v1alpha1.IsolationNamespace, v1alpha1.IsolationTiers)
	case 1:
		p.DNS = OneOf(d, v1alpha1.DNSCluster, v1alpha1.DNSNone, v1alpha1.DNSAny)
	default:
		p.DeletionPolicy = OneOf(d, v1alpha1.DeletionPolicyDelete, v1alpha1.DeletionPolicyRetain)
	}
}
