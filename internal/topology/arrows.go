package topology

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/layout"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// addEntries adds what the entries of a profile allow: an arrow from each source to each destination.
func (b *builder) addEntries(p snapshot.Profile) {
	d := b.drawn[p.Key]
	for _, entry := range p.Allow {
		for i, source := range entry.From {
			for j, target := range entry.To {
				from, to := b.add(boxOf(source, p.Key)), b.add(boxOf(target, p.Key))
				f := d.flowOf(entry, source, target)
				if f.unresolved && b.in.Partial {
					f.unresolved, f.ports = false, entry.Ports
				}
				arrow := b.arrow(ArrowAllow, from.ID, to.ID, b.arrowState(d, f))
				arrow.SameNamespace = d.insideOneNamespace(source, target)
				arrow.include(Entry{Profile: profileID(p.Key), Name: entry.Name, Description: entry.Description, Ports: portsInWords(f.ports)})
				arrow.ports = union(arrow.ports, f.ports)
				arrow.Policies = add(arrow.Policies, from.Policies, to.Policies)
				b.places = append(b.places, placed{p.Key, entry.Name, i, j, source, target, arrow})
			}
		}
	}
}

// arrow returns the arrow between two boxes. Where several entries make it, that which allows most says what can be done.
func (b *builder) arrow(kind ArrowKind, from, to string, state ArrowState) *Arrow {
	key := arrowKey{kind, from, to}
	arrow, ok := b.arrows[key]
	if !ok {
		arrow = &Arrow{Kind: kind, State: state, From: from, To: to}
		b.arrows[key] = arrow
	}
	byStrength := []ArrowState{ArrowOpen, ArrowPreview, ArrowVoid}
	if slices.Index(byStrength, state) < slices.Index(byStrength, arrow.State) {
		arrow.State = state
	}
	return arrow
}

func (b *builder) arrowState(d *drawn, f flow) ArrowState {
	switch state, _ := b.stateOf(d.profile, d); {
	case f.unresolved:
		return ArrowVoid
	case state == StatePreview:
		return ArrowPreview
	}
	return ArrowOpen
}

// include adds an entry to an arrow. One that names a peer twice is there once.
func (a *Arrow) include(entry Entry) {
	i := slices.IndexFunc(a.Entries, func(e Entry) bool { return e.Profile == entry.Profile && e.Name == entry.Name })
	if i < 0 {
		a.Entries = append(a.Entries, entry)
		return
	}
	a.Entries[i].Ports = add(a.Entries[i].Ports, entry.Ports)
}

// add appends what is not in a list yet.
func add(list []string, more ...[]string) []string {
	for _, items := range more {
		for _, item := range items {
			if !slices.Contains(list, item) {
				list = append(list, item)
			}
		}
	}
	return list
}

// flow is what an entry comes to between two of its peers.
type flow struct {
	ports []v1alpha1.Port
	// unresolved: one end stands for nobody, so that nothing is allowed.
	unresolved bool
}

// flowOf returns what an entry comes to between two of its peers: as it was compiled, at that end which is a tier here and faces
// a peer, or as it is declared where no namespace is known in which the tier lives.
func (d *drawn) flowOf(entry v1alpha1.AllowEntry, source, target v1alpha1.Peer) flow {
	tier, direction, other := source.Tier, networkpolicy.Egress, target
	if tier == "" {
		tier, direction, other = target.Tier, networkpolicy.Ingress, source
	}
	if ports, ok := d.flows[flowKey{tier, entry.Name, direction, networkpolicy.Key(other)}]; ok {
		return flow{ports: ports}
	}
	declared := entry.Ports
	if own, ok := d.profile.Tier(target.Tier); ok && len(declared) == 0 {
		declared = own.Ports
	}
	return flow{ports: declared, unresolved: d.compiled[tier] && other.Tier == ""}
}

// insideOneNamespace says whether two tiers of a cluster profile talk inside one namespace only.
func (d *drawn) insideOneNamespace(source, target v1alpha1.Peer) bool {
	if d.profile.Key.Namespace != "" || len(d.acts) == 1 {
		return false
	}
	from, isTier := d.profile.Tier(source.Tier)
	to, areTiers := d.profile.Tier(target.Tier)
	return isTier && areTiers && from.NamespaceSelector == nil && to.NamespaceSelector == nil
}

// addDNS adds the name servers of the cluster, and an arrow from each tier that may reach them.
func (b *builder) addDNS(p snapshot.Profile) {
	d := b.drawn[p.Key]
	for _, tier := range p.Tiers {
		dns := d.dnsOf(tier)
		if dns == v1alpha1.DNSNone {
			continue
		}
		from := b.boxes[tierID(p.Key, tier.Name)]
		to := b.add(Box{ID: "dns", Kind: BoxDNS, Name: "DNS"})
		arrow := b.arrow(ArrowDNS, from.ID, to.ID, b.arrowState(d, flow{}))
		ports := []v1alpha1.Port{{Port: intstr.FromInt32(53)}, {Port: intstr.FromInt32(53), Protocol: corev1.ProtocolUDP}}
		if flows, ok := d.flows[flowKey{tier.Name, compiler.EntryDNS, networkpolicy.Egress, networkpolicy.Key(v1alpha1.Peer{})}]; ok {
			ports = flows
		}
		arrow.ports = union(arrow.ports, ports)
		arrow.Policies = add(arrow.Policies, from.Policies)
	}
}

// graph puts everything in order.
func (b *builder) graph() *Graph {
	g := &Graph{Profiles: b.listed, Groups: b.groups, Boxes: []Box{}, Arrows: []Arrow{}}
	rank := map[string]int{}
	for i, id := range b.order {
		rank[id] = i
	}
	var edges [][2]int
	for key := range b.arrows {
		edges = append(edges, [2]int{rank[key.from], rank[key.to]})
	}
	for i, layer := range layout.Layers(len(b.order), edges) {
		id := b.order[i]
		b.boxes[id].Layer = layer
		g.Boxes = append(g.Boxes, *b.boxes[id])
	}
	tellPodsApart(g.Boxes)
	slices.SortStableFunc(g.Boxes, func(x, y Box) int { return cmp.Compare(x.Layer, y.Layer) })
	for i, box := range g.Boxes {
		rank[box.ID] = i
	}
	for _, arrow := range b.arrows {
		arrow.Ports = portsInWords(arrow.ports)
		g.Arrows = append(g.Arrows, *arrow)
	}
	slices.SortFunc(g.Arrows, func(x, y Arrow) int {
		return cmp.Or(cmp.Compare(rank[x.From], rank[y.From]), cmp.Compare(rank[x.To], rank[y.To]), cmp.Compare(x.Kind, y.Kind))
	})
	return g
}
