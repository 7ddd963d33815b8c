package topology

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/snapshot"
)

// addFindings puts what is found of the profiles that are drawn where it belongs.
func (b *builder) addFindings() error {
	for i, p := range b.profiles {
		d := b.drawn[p.Key]
		if d == nil {
			continue
		}
		b.addCompiled(d.imagined, b.notes(p.Key, &b.listed[i]))
		for at, ns := range d.acts {
			n := b.notes(p.Key, &b.listed[i])
			b.addCompiled(d.outputs[at], n)
			if err := b.addHalfOpen(d.outputs[at], ns, n); err != nil {
				return fmt.Errorf("namespace %s: %w", ns.Namespace.Name, err)
			}
		}
	}
	return b.addWidened()
}

// addCompiled puts what was found when a profile was compiled for a namespace.
func (b *builder) addCompiled(o compiler.Output, n *notes) {
	for _, f := range o.Findings {
		if !b.isIgnored(f.Code) {
			n.put(f)
		}
	}
}

// isIgnored says whether a finding only says that something is not known here.
func (b *builder) isIgnored(code v1alpha1.FindingCode) bool {
	return b.in.Partial && (code == v1alpha1.CodeUnresolvedPeer || code == v1alpha1.CodeDNSNotFound)
}

// addWidened puts what the policies of others add.
func (b *builder) addWidened() error {
	for _, ns := range b.in.Outlook.Namespaces {
		concerned := slices.ContainsFunc(ns.Outputs, func(o compiler.Output) bool { return o.Selected && b.drawn[o.Profile.Key] != nil })
		if !concerned {
			continue
		}
		name := ns.Namespace.Name
		list, err := analyzer.Widened(analyzer.WidenInput{Namespace: ns.Namespace, Outputs: ns.Outputs, Live: ns.Policies, Pods: ns.Pods})
		if err != nil {
			return fmt.Errorf("namespace %s: %w", name, err)
		}
		byProfile, _ := analyzer.WidenedFindings(name, list)
		for i, p := range b.profiles {
			n := b.notes(p.Key, &b.listed[i])
			for _, f := range byProfile[p.Key] {
				if b.drawn[p.Key] != nil {
					n.put(f)
				}
			}
		}
	}
	return nil
}

// addHalfOpen puts the flows that end at a closed door, of one profile in one namespace.
func (b *builder) addHalfOpen(o compiler.Output, ns *outlook.Namespace, n *notes) error {
	here := ns.Place
	if o.Disposition == compiler.Preview {
		var err error
		if here, err = analyzer.Enforced(o, ns.Place); err != nil {
			return err
		}
	}
	others, err := b.within(o, ns)
	if err != nil {
		return err
	}
	flows, err := analyzer.HalfOpenFlows(o, here, others)
	if err != nil {
		return err
	}
	for rest := flows; len(rest) > 0; {
		count := 1
		for count < len(rest) && sameFlow(rest[0], rest[count]) {
			count++
		}
		for _, f := range analyzer.HalfOpenFindings(o.Profile, ns.Namespace.Name, rest[:count]) {
			n.putHalfOpen(rest[:count], f)
		}
		rest = rest[count:]
	}
	return nil
}

func sameFlow(a, b analyzer.HalfOpen) bool {
	return a.Tier == b.Tier && a.Entry == b.Entry && a.Direction == b.Direction
}

// within returns the other namespaces that the flows of an output may lead to.
func (b *builder) within(o compiler.Output, ns *outlook.Namespace) ([]*analyzer.Place, error) {
	reach, err := analyzer.ReachOf(ns.Namespace.Name, []compiler.Output{o})
	if err != nil {
		return nil, err
	}
	// What a preview would cut is none of a picture.
	reach.Everywhere = false
	var out []*analyzer.Place
	for _, other := range b.in.Outlook.Namespaces {
		if other.Namespace.Name != ns.Namespace.Name && reach.Includes(other.Namespace) {
			out = append(out, other.Place)
		}
	}
	return out, nil
}

// notes is where the findings of a profile in one namespace are put.
type notes struct {
	builder *builder
	profile snapshot.ProfileKey
	listed  *Profile
	// seen counts the findings about the same in this namespace, so that those of the next one can be told to be the same.
	seen map[string]int
}

func (b *builder) notes(profile snapshot.ProfileKey, listed *Profile) *notes {
	return &notes{builder: b, profile: profile, listed: listed, seen: map[string]int{}}
}

// put puts a finding at what its place names.
func (n *notes) put(f v1alpha1.Finding) {
	nth := n.count(string(f.Code) + f.Place)
	about := n.about(f)
	for _, list := range about {
		n.note(list, f, nth)
	}
	if len(about) == 0 {
		n.note(&n.listed.Findings, f, nth)
	}
}

// count returns how many findings there were about the same.
func (n *notes) count(key string) int {
	n.seen[key]++
	return n.seen[key] - 1
}

// about returns the lists of that which a finding is about.
func (n *notes) about(f v1alpha1.Finding) []*[]Finding {
	b := n.builder
	if tier, ok := strings.CutPrefix(f.Place, "tier "); ok {
		return n.aboutTier(f.Code, tierID(n.profile, tier))
	}
	if box := b.boxes["dns"]; box != nil && f.Place == "dns" {
		return []*[]Finding{&box.Findings}
	}
	var out []*[]Finding
	for _, p := range b.places {
		if p.profile == n.profile && p.isAt(f.Place) && !slices.Contains(out, &p.arrow.Findings) {
			out = append(out, &p.arrow.Findings)
		}
	}
	return out
}

func (n *notes) aboutTier(code v1alpha1.FindingCode, id string) []*[]Finding {
	if arrow := n.builder.arrows[arrowKey{ArrowDNS, id, "dns"}]; arrow != nil && code == v1alpha1.CodeDNSAnywhere {
		return []*[]Finding{&arrow.Findings}
	}
	if box := n.builder.boxes[id]; box != nil {
		return []*[]Finding{&box.Findings}
	}
	return nil
}

// isAt says whether the place of a finding, as the compiler writes it, is one of the two peers.
func (p placed) isAt(place string) bool {
	return place == fmt.Sprintf("allow[%s].from[%d]", p.entry, p.from) || place == fmt.Sprintf("allow[%s].to[%d]", p.entry, p.to)
}

// putHalfOpen puts a finding at the arrows of flows that are open at one end only.
func (n *notes) putHalfOpen(flows []analyzer.HalfOpen, f v1alpha1.Finding) {
	first, b := flows[0], n.builder
	if first.Entry == compiler.EntryDNS {
		if arrow := b.arrows[arrowKey{ArrowDNS, tierID(n.profile, first.Tier), "dns"}]; arrow != nil {
			n.close(arrow, f)
		}
		return
	}
	done := map[*Arrow]bool{}
	for _, p := range b.places {
		mine, other := p.source.Tier, p.target
		if first.Direction == networkpolicy.Ingress {
			mine, other = p.target.Tier, p.source
		}
		isMeant := func(peer v1alpha1.Peer) bool { return equality.Semantic.DeepEqual(peer, other) }
		leads := slices.ContainsFunc(flows, func(h analyzer.HalfOpen) bool { return slices.ContainsFunc(h.Declared, isMeant) })
		if p.profile == n.profile && p.entry == first.Entry && mine == first.Tier && leads && !done[p.arrow] {
			done[p.arrow] = true
			n.close(p.arrow, f)
		}
	}
}

// close notes that an end of an arrow is closed.
func (n *notes) close(arrow *Arrow, f v1alpha1.Finding) {
	if arrow.State == ArrowOpen {
		arrow.State = ArrowHalfOpen
	}
	n.note(&arrow.Findings, f, n.count(strings.Join([]string{string(f.Code), f.Place, arrow.From, arrow.To}, " ")))
}

// note adds a finding to a list, or counts its namespace where it is known from another. Nth tells those of one namespace apart.
func (n *notes) note(list *[]Finding, f v1alpha1.Finding, nth int) {
	id := profileID(n.profile)
	for i := range *list {
		known := &(*list)[i]
		if known.Profile != id || known.Code != f.Code || known.Place != f.Place {
			continue
		}
		if nth == 0 {
			known.Namespaces++
			return
		}
		nth--
	}
	*list = append(*list, Finding{Finding: f, Profile: id, Namespaces: 1})
}
