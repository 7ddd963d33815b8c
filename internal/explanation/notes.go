package explanation

import (
	"fmt"
	"slices"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
)

func (x *explainer) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(x.notes, text) {
		x.notes = append(x.notes, text)
	}
}

// noteState says where what is in force is not what is wanted, or where that is not known.
func (x *explainer) noteState() {
	for _, n := range x.places() {
		for _, o := range n.Outputs {
			if o.Selected && o.Disposition == compiler.Freeze {
				x.note("What %s wants in namespace %s cannot be told, so its policies stay as they are; see its status.", o.Profile.Key, n.Namespace.Name)
			}
		}
		if pending := n.pending(); pending > 0 && !x.world.Settled {
			x.note("In namespace %s, %s not as the profiles want; this is about what is there now.", n.Namespace.Name, policiesAre(pending))
		}
	}
}

func policiesAre(n int) string {
	if n == 1 {
		return "1 NetworkPolicy is"
	}
	return fmt.Sprintf("%d NetworkPolicies are", n)
}

// pending counts the policies that are to be written or deleted because of what they select or allow.
func (n *place) pending() int {
	count := 0
	for _, step := range n.Changes.Steps {
		for _, c := range step {
			if c.Live == nil || c.Desired == nil || !networkpolicy.Compare(c.Live.Spec, c.Desired.Spec).Equal {
				count++
			}
		}
	}
	return count
}

// noteMerged says when pods of a namespace are told as one that fare alike, but not by the same policies.
func (x *explainer) noteMerged(table map[*class]map[*class]*pair, sources, destinations []*class) {
	first := table[sources[0]][destinations[0]]
	for _, s := range sources {
		for _, d := range destinations {
			for i, o := range table[s][d].outcomes {
				if o.key != first.outcomes[i].key {
					x.note("Not all of these pods fare so by the same policies; what is said of them is about %s.", exampleOf(x, sources[0], destinations[0]))
					return
				}
			}
		}
	}
}

func exampleOf(x *explainer, s, d *class) string {
	c := s
	if x.source.Kind != KindNamespace {
		c = d
	}
	if c.made {
		return "one without labels"
	}
	return "those of " + c.members[0].Workload.String()
}
