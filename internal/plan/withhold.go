package plan

import (
	"slices"

	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// withhold takes out what must not happen while a policy of the same profile cannot be written, because it is not ours or
// must wait: without it, isolating, narrowing or deleting could cut off what the missing policy is to allow.
func (p *planner) withhold() {
	if len(p.conflicts)+len(p.waiting) == 0 {
		return
	}
	unwritten := map[snapshot.ProfileKey]bool{}
	for _, c := range p.conflicts {
		unwritten[c.Profile] = true
	}
	for _, c := range p.waiting {
		unwritten[c.Profile] = true
	}
	p.withholdIf(func(step Step, c Change) bool { return unwritten[c.Profile] && step != StepExtend && c.Drift == "" })
	// What is withheld so is missing itself.
	for gap := missing(p.waiting); len(gap) > 0; {
		known := len(p.withheld)
		p.withholdIf(func(step Step, c Change) bool { return wouldIsolate(step, c, gap) })
		gap = missing(p.withheld[known:])
	}
}

func (p *planner) withholdIf(hold func(Step, Change) bool) {
	for step := range p.steps {
		p.steps[step] = slices.DeleteFunc(p.steps[step], func(c Change) bool {
			held := hold(Step(step), c)
			if held {
				p.withheld = append(p.withheld, c)
			}
			return held
		})
	}
}

// missing returns those of the changes without which pods lack what a policy is to allow, and may be open instead.
func missing(changes []Change) []Change {
	var out []Change
	for _, c := range changes {
		if c.isolatesMore() && !admitsNothing(c.Desired) {
			out = append(out, c)
		}
	}
	return out
}

// wouldIsolate says whether a change, be it a correction, could isolate pods that a missing policy of the same profile is
// to select: what that one allows would be cut off.
func wouldIsolate(step Step, c Change, missing []Change) bool {
	return slices.ContainsFunc(missing, func(m Change) bool {
		return m.Profile == c.Profile && (step == StepIsolate || (c.isolatesMore() && overlap(c.Desired, m.Desired)))
	})
}

// isolatesMore says whether a change makes a policy isolate pods that it did not, or in a direction in which it did not.
func (c Change) isolatesMore() bool {
	if c.Desired == nil {
		return false
	}
	if c.Live == nil || networkpolicy.Compare(c.Live.Spec, c.Desired.Spec).Selector {
		return true
	}
	return slices.ContainsFunc([]networkpolicy.Direction{networkpolicy.Ingress, networkpolicy.Egress}, func(d networkpolicy.Direction) bool {
		return isolates(c.Desired, d) && !isolates(c.Live, d)
	})
}
