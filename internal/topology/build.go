package topology

import (
	"fmt"
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Input is what a picture is made of.
type Input struct {
	// Profiles are those to draw, of either kind and in any order.
	Profiles []snapshot.Profile
	// Outlook is the cluster, or the part of it that is known.
	Outlook *outlook.Outlook
	// Partial: there may be more than is known, as where only some files are. A peer that is not found is then not known, instead of
	// nobody.
	Partial bool
}

// Of returns the picture of profiles. The error says what of a namespace cannot be read.
func Of(in Input) (*Graph, error) {
	b := newBuilder(in)
	for _, p := range b.profiles {
		if err := b.addProfile(p); err != nil {
			return nil, fmt.Errorf("draw %s: %w", p.Key, err)
		}
	}
	for _, p := range b.profiles {
		if b.drawn[p.Key] != nil {
			b.addEntries(p)
			b.addDNS(p)
		}
	}
	if err := b.addFindings(); err != nil {
		return nil, fmt.Errorf("find what is wrong with profiles: %w", err)
	}
	return b.graph(), nil
}

// builder is the work on one Graph.
type builder struct {
	in       Input
	profiles []snapshot.Profile
	// drawn is what is known of each profile that is drawn.
	drawn  map[snapshot.ProfileKey]*drawn
	listed []Profile
	groups []Group
	boxes  map[string]*Box
	// order holds the IDs of boxes in the order in which they came.
	order    []string
	arrows   map[arrowKey]*Arrow
	places   []placed
	podsSeen bool
	isolated map[string]bool
}

type arrowKey struct {
	kind     ArrowKind
	from, to string
}

// drawn is a profile that is drawn, and where it acts.
type drawn struct {
	profile snapshot.Profile
	// acts are the namespaces where it acts, by name, and outputs what it wants in each.
	acts    []*outlook.Namespace
	outputs []compiler.Output
	// imagined is what it would want in a namespace, where none is known.
	imagined compiler.Output
	// flows are what entries open at tiers, in all namespaces together.
	flows map[flowKey][]v1alpha1.Port
	// compiled tells for which tiers it is known what is opened.
	compiled map[string]bool
}

type flowKey struct {
	tier, entry string
	direction   networkpolicy.Direction
	peer        string
}

// placed says where something that a profile declares is in the picture, so that findings can be put there.
type placed struct {
	profile snapshot.ProfileKey
	entry   string
	// from and to are the places of the peers in the entry.
	from, to       int
	source, target v1alpha1.Peer
	arrow          *Arrow
}

func newBuilder(in Input) *builder {
	b := &builder{
		in: in, profiles: slices.Clone(in.Profiles), drawn: map[snapshot.ProfileKey]*drawn{},
		boxes: map[string]*Box{}, arrows: map[arrowKey]*Arrow{}, isolated: map[string]bool{}, listed: []Profile{}, groups: []Group{},
	}
	slices.SortFunc(b.profiles, snapshot.Profile.Compare)
	for _, ns := range b.in.Outlook.Namespaces {
		b.podsSeen = b.podsSeen || len(ns.Pods) > 0
		for _, o := range ns.Outputs {
			if o.Disposition == compiler.Enforce && o.Profile.Isolation == v1alpha1.IsolationNamespace {
				b.isolated[ns.Namespace.Name] = true
			}
		}
	}
	return b
}

// addProfile adds a profile, and if it can be drawn its groups and tiers.
func (b *builder) addProfile(p snapshot.Profile) error {
	d := b.look(p)
	listed := Profile{
		ID: profileID(p.Key), Kind: p.Key.Kind, Namespace: p.Key.Namespace, Name: p.Key.Name, State: StateEnforced,
		PreviewOf: p.PreviewOf, Isolation: p.Isolation,
		Namespaces: namespacesOf(namesOf(d.acts), p.NamespaceSelector),
	}
	listed.State, listed.Reason = b.stateOf(p, d)
	b.listed = append(b.listed, listed)
	if listed.State == StateUnknown {
		return nil
	}
	b.drawn[p.Key] = d
	return b.addGroups(d)
}

// look collects what is known of a profile.
func (b *builder) look(p snapshot.Profile) *drawn {
	d := &drawn{profile: p, flows: map[flowKey][]v1alpha1.Port{}, compiled: map[string]bool{}}
	for _, ns := range b.in.Outlook.Namespaces {
		i := slices.IndexFunc(ns.Outputs, func(o compiler.Output) bool { return o.Profile.Key == p.Key })
		if i < 0 || !ns.Outputs[i].Selected {
			continue
		}
		o := ns.Outputs[i]
		if o.Disposition != compiler.Enforce && o.Disposition != compiler.Preview {
			continue
		}
		d.acts, d.outputs = append(d.acts, ns), append(d.outputs, o)
		d.learn(o)
	}
	if len(d.acts) == 0 && b.in.Partial {
		d.imagined = b.imagine(p)
		d.learn(d.imagined)
	}
	return d
}

// learn notes what is opened where.
func (d *drawn) learn(o compiler.Output) {
	for _, policy := range o.Policies {
		d.compiled[policy.Labels[v1alpha1.LabelTier]] = true
	}
	for _, f := range o.Flows {
		key := flowKey{f.Tier, f.Entry, f.Direction, networkpolicy.Key(f.Declared)}
		d.flows[key] = union(d.flows[key], f.Ports)
	}
}

// union adds ports that are not in a list yet.
func union(list, more []v1alpha1.Port) []v1alpha1.Port {
	for _, port := range more {
		same := func(p v1alpha1.Port) bool { return networkpolicy.Key(p) == networkpolicy.Key(port) }
		if !slices.ContainsFunc(list, same) {
			list = append(list, port)
		}
	}
	return list
}

// stateOf says whether what a profile declares holds, and why nothing is drawn of it where that is not known.
func (b *builder) stateOf(p snapshot.Profile, d *drawn) (State, string) {
	if slices.ContainsFunc(d.outputs, func(o compiler.Output) bool { return o.Disposition == compiler.Enforce }) {
		return StateEnforced, ""
	}
	if len(d.outputs) > 0 {
		return StatePreview, ""
	}
	for _, ns := range b.in.Outlook.Namespaces {
		for _, o := range ns.Outputs {
			if o.Profile.Key == p.Key && o.Disposition == compiler.Freeze && o.TooLarge != "" {
				return StateUnknown, o.TooLarge
			}
		}
	}
	return b.stateOfIdle(p)
}

func namesOf(list []*outlook.Namespace) []string {
	var out []string
	for _, ns := range list {
		out = append(out, ns.Namespace.Name)
	}
	return out
}
