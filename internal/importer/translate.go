package importer

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/selector"
)

// translation is what policies come to.
type translation struct {
	isolatesAll bool
	tiers       []*tier
	atoms       []atom
	remarks     []string

	bySelector map[string]*tier
	namer      namer
}

// tier is what policies say of the pods of one selector.
type tier struct {
	name     string
	selector *metav1.LabelSelector
	isolates map[networkpolicy.Direction]bool
	// open are the directions in which nothing restricts these pods.
	open map[networkpolicy.Direction]bool
	dns  v1alpha1.DNS
	// isPiece: it is a part of another tier, that differs from it in what is open.
	isPiece bool
	// isolatedBy are policies that isolate these pods.
	isolatedBy []string
}

// atom is one port of one peer at one end.
type atom struct {
	direction networkpolicy.Direction
	tier      *tier
	peer      v1alpha1.Peer
	port      v1alpha1.Port
	origin    origin
}

// origin is the rule that an atom comes from.
type origin struct {
	policy, description string
	rule                int
	direction           networkpolicy.Direction
}

// key tells apart what atoms admit.
func (a atom) key() string {
	return string(a.direction) + " " + a.tier.name + " " + networkpolicy.Key(a.peer) + " " + networkpolicy.Key(a.port)
}

// translate returns what sources come to, or the first that a profile cannot say beside the others.
func translate(in Input, sources []source) (*translation, *Omission) {
	t := &translation{bySelector: map[string]*tier{}, namer: newNamer()}
	for _, s := range sources {
		here := t.tierOf(s.subject)
		here.isolatedBy = append(here.isolatedBy, s.name)
		for direction := range s.isolates {
			here.isolates[direction] = true
		}
		for i, r := range s.rules {
			for _, peer := range r.peers {
				for _, port := range r.ports {
					t.atoms = append(t.atoms, atom{r.direction, here, peer, port, origin{s.name, s.description, i, r.direction}})
				}
			}
			if r.everyPort {
				t.remarkEveryPort(s.name)
			}
		}
	}
	all := t.bySelector[selectorKey(&metav1.LabelSelector{})]
	t.isolatesAll = all != nil && all.isolates[networkpolicy.Ingress] && all.isolates[networkpolicy.Egress]
	if omission := t.keepOpen(in, sources); omission != nil {
		return nil, omission
	}
	t.dropDoubles()
	t.findDNS(in)
	t.joinEnds()
	t.dropEmpty()
	return t, t.tooMany(sources)
}

func selectorKey(s *metav1.LabelSelector) string { return networkpolicy.Key(selector.Canonical(s)) }

// tierOf returns the tier of a selector.
func (t *translation) tierOf(s *metav1.LabelSelector) *tier {
	key := selectorKey(s)
	if t.bySelector[key] == nil {
		here := &tier{
			name: t.namer.tier(s), selector: s,
			isolates: map[networkpolicy.Direction]bool{}, open: map[networkpolicy.Direction]bool{},
		}
		t.bySelector[key] = here
		t.tiers = append(t.tiers, here)
	}
	return t.bySelector[key]
}

// dropDoubles keeps of equal atoms the first.
func (t *translation) dropDoubles() {
	seen := map[string]bool{}
	var kept []atom
	for _, a := range t.atoms {
		if key := a.key(); !seen[key] {
			seen[key] = true
			kept = append(kept, a)
		}
	}
	t.atoms = kept
}

// joinEnds lets an entry from tier to tier stand for both its ends: where both admit it, and where the other end may do anything.
func (t *translation) joinEnds() {
	at := map[string]int{}
	for i, a := range t.atoms {
		at[a.key()] = i
	}
	joined := map[int]bool{}
	for i, a := range t.atoms {
		source := t.tierOfPeer(a.peer)
		if a.direction != networkpolicy.Ingress || source == nil {
			continue
		}
		sent := atom{direction: networkpolicy.Egress, tier: source, peer: podsOf(a.tier), port: a.port}
		other, both := at[sent.key()]
		joined[other] = joined[other] || both
		if both || source.open[networkpolicy.Egress] {
			t.atoms[i].peer = v1alpha1.Peer{Tier: source.name}
		}
	}
	var kept []atom
	for i, a := range t.atoms {
		if !joined[i] {
			kept = append(kept, t.towardsOpen(a))
		}
	}
	t.atoms = kept
}

// towardsOpen names the tier that an atom leads to, if it admits everything.
func (t *translation) towardsOpen(a atom) atom {
	if to := t.tierOfPeer(a.peer); a.direction == networkpolicy.Egress && to != nil && to.open[networkpolicy.Ingress] {
		a.peer = v1alpha1.Peer{Tier: to.name}
	}
	return a
}

// tierOfPeer returns the tier that has the very pods of a peer; nil when none has.
func (t *translation) tierOfPeer(peer v1alpha1.Peer) *tier {
	if peer.Pods == nil || peer.Pods.PodSelector == nil || peer.Pods.NamespaceSelector != nil || len(peer.Pods.Namespaces) > 0 {
		return nil
	}
	return t.bySelector[selectorKey(selector.FromAPI(peer.Pods.PodSelector))]
}

// podsOf returns the pods of a tier as a policy names them.
func podsOf(t *tier) v1alpha1.Peer {
	pods, _ := toAPI(t.selector)
	return v1alpha1.Peer{Pods: &v1alpha1.PodsPeer{PodSelector: pods}}
}

// dropEmpty drops the tiers that say nothing that the isolation of the whole namespace does not say.
func (t *translation) dropEmpty() {
	if !t.isolatesAll {
		return
	}
	used := map[string]bool{}
	for _, a := range t.atoms {
		used[a.tier.name] = true
		used[a.peer.Tier] = true
	}
	var kept []*tier
	for _, here := range t.tiers {
		if used[here.name] || (here.dns != "" && here.dns != v1alpha1.DNSNone) {
			kept = append(kept, here)
		}
	}
	t.tiers = kept
}

// remark adds a remark, once.
func (t *translation) remark(text string) {
	if !slices.Contains(t.remarks, text) {
		t.remarks = append(t.remarks, text)
	}
}

func (t *translation) remarkEveryPort(policy string) {
	t.remark("NetworkPolicy " + policy + " names no ports, which the profile says as all ports of TCP, UDP and SCTP; what that " +
		"means for other protocols, such as ICMP, depends on the network plugin.")
}
