package overview

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Now says whether the policies of a profile are as it wants them at this moment, whatever the operator said of it.
type Now struct {
	// Known is false when that cannot be known of some namespace; Unknown says why, in half a sentence.
	Known   bool   `json:"known"`
	Unknown string `json:"unknown,omitempty"`
	// Frozen: what the profile wants is not known, so its policies stay as they are. Differences are those that somebody
	// changed since.
	Frozen bool `json:"frozen,omitempty"`
	// Differences are sorted by namespace and policy. Where it is not Known, they are those that are known all the same.
	Differences []Difference `json:"differences,omitempty"`
}

// Difference is a policy that is not as a profile wants it.
type Difference struct {
	Namespace string `json:"namespace"`
	Policy    string `json:"policy"`
	// Action is what puts it right; empty when nothing does, because the profile is frozen.
	Action plan.Action `json:"action,omitempty"`
	// Change says what somebody changed; empty when the profile or the cluster may have changed instead.
	Change string `json:"change,omitempty"`
}

// String words the difference, such as "shop/segp.shop.api-1a2b3c is missing".
func (d Difference) String() string {
	name := d.Namespace + "/" + d.Policy
	switch {
	case d.Action == "":
		return name + " was changed, and stays so while the profile is frozen"
	case d.Change != "":
		return fmt.Sprintf("%s was changed: %s", name, d.Change)
	case d.Action == plan.ActionCreate:
		return name + " is missing"
	case d.Action == plan.ActionDelete:
		return name + " should not be there"
	}
	return name + " is to be updated"
}

// firstFew words the first differences.
func (n Now) firstFew() string {
	const few = 3
	var words []string
	for _, d := range n.Differences[:min(few, len(n.Differences))] {
		words = append(words, d.String())
	}
	if more := len(n.Differences) - few; more > 0 {
		words = append(words, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(words, "; ")
}

// moment is what is known of all profiles at this moment.
type moment struct {
	// unknown is why nothing is known.
	unknown  string
	profiles map[snapshot.ProfileKey]*Now
}

func (m moment) of(key snapshot.ProfileKey) Now {
	if m.unknown != "" {
		return Now{Unknown: m.unknown}
	}
	if now := m.profiles[key]; now != nil {
		return *now
	}
	return Now{Known: true}
}

func (m moment) get(key snapshot.ProfileKey) *Now {
	if m.profiles[key] == nil {
		m.profiles[key] = &Now{Known: true}
	}
	return m.profiles[key]
}

// lookNow compares the policies with what the profiles want.
func lookNow(in Input) moment {
	if in.Gaps.Policies != "" {
		return moment{unknown: in.Gaps.Policies}
	}
	o, err := in.outlook()
	if err != nil {
		return moment{unknown: err.Error()}
	}
	m := moment{profiles: map[snapshot.ProfileKey]*Now{}}
	for _, ns := range o.Namespaces {
		for _, output := range ns.Outputs {
			m.get(output.Profile.Key).add(output, in.Gaps)
		}
		m.addChanges(ns)
	}
	for _, now := range m.profiles {
		if !now.Known {
			// What differs from a guess is no difference, but for what somebody did to a policy: its hash says that it was as it is
			// guessed to be.
			now.Differences = slices.DeleteFunc(now.Differences, func(d Difference) bool { return d.Change == "" })
		}
		slices.SortFunc(now.Differences, func(a, b Difference) int {
			return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Policy, b.Policy))
		})
	}
	return m
}

// add adds what is known of what the profile wants in a namespace.
func (n *Now) add(output compiler.Output, gaps Gaps) {
	n.Frozen = n.Frozen || output.Disposition == compiler.Freeze
	why := gaps.first(output.Facts)
	if output.Profile.Key.Namespace == "" {
		why = cmp.Or(gaps.Namespaces, why)
	}
	if why != "" {
		n.Known, n.Unknown = false, why
	}
}

// first returns why the first of the facts that could not be seen was not.
func (g Gaps) first(facts []snapshot.Fact) string {
	if g.Fact == nil {
		return ""
	}
	for _, f := range facts {
		if why := g.Fact(f); why != "" {
			return why
		}
	}
	return ""
}

func (m moment) addChanges(ns *outlook.Namespace) {
	for _, c := range slices.Concat(slices.Concat(ns.Changes.Steps[:]...), ns.Changes.Withheld) {
		now := m.get(c.Profile)
		now.Differences = append(now.Differences, Difference{Namespace: ns.Namespace.Name, Policy: c.Name(), Action: c.Action(), Change: c.Drift})
	}
	for _, frozen := range ns.Changes.Frozen {
		now := m.get(frozen.Profile)
		now.Differences = append(now.Differences, Difference{Namespace: ns.Namespace.Name, Policy: frozen.Policy})
	}
}

// Facts returns the facts that policies are made from where Input looks, as far as the Inventory says, each once and sorted.
// Facts that are added to it may bring up others.
func Facts(in Input) ([]snapshot.Fact, error) {
	o, err := in.outlook()
	if err != nil {
		return nil, err
	}
	all := map[snapshot.Fact]bool{}
	for _, ns := range o.Namespaces {
		for _, output := range ns.Outputs {
			for _, f := range output.Facts {
				all[f] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), snapshot.Fact.Compare), nil
}

// outlook returns the namespaces that are looked at.
func (in Input) outlook() (*outlook.Outlook, error) {
	options := in.Options
	options.PreviewOnly = options.PreviewOnly || in.operatorPreviews()
	cluster := in.Inventory.Cluster(options)
	if in.Namespace != "" {
		cluster.Namespaces = slices.DeleteFunc(cluster.Namespaces, func(ns snapshot.Namespace) bool { return ns.Name != in.Namespace })
	}
	// No connection is asked about.
	cluster.Pods = nil
	return outlook.AsIs(cluster)
}

// operatorPreviews says whether an operator has said of itself that it writes nothing.
func (in Input) operatorPreviews() bool {
	for _, o := range in.Inventory.Objects() {
		p, _, ok := profileOf(o)
		if ok && slices.ContainsFunc(p.Status.Findings, func(f v1alpha1.Finding) bool { return f.Code == v1alpha1.CodeOperatorPreview }) {
			return true
		}
	}
	return false
}

// Unsure says, in a sentence for each reason, of which profiles it is not known whether their policies are as they should be at
// this moment.
func (o *Overview) Unsure() []string {
	var reasons, out []string
	profiles := map[string][]string{}
	for _, p := range o.Profiles {
		if why := p.Now.Unknown; why != "" {
			if profiles[why] == nil {
				reasons = append(reasons, why)
			}
			profiles[why] = append(profiles[why], p.ShortName())
		}
	}
	for _, why := range reasons {
		who := profiles[why][0]
		if more := len(profiles[why]) - 1; more > 0 {
			who += fmt.Sprintf(" and %d more", more)
		}
		out = append(out, fmt.Sprintf("Whether the policies of %s are as they should be at this moment is not known: %s.", who, why))
	}
	return out
}
