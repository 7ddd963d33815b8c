package dataplane_test

import (
	"fmt"
	"slices"
	"time"

	"firebreak.dev/firebreak/test/dataplane/testbed"
)

const (
	// allowance is how long after a change is complete the enforcer may take to hear of it from its watch. It takes a
	// millisecond, and 90 on a bad day.
	allowance = 500 * time.Millisecond
	// jitter is how long after it was begun a connection may be judged, so how far two of them may be out of order.
	jitter = 100 * time.Millisecond
)

// fate is what a change means to a flow.
type fate string

const (
	kept    fate = "allowed before and after"
	denied  fate = "denied before and after"
	closing fate = "allowed before, denied after"
	opening fate = "denied before, allowed after"
)

// record is what became of the connections that were opened while something changed.
type record struct {
	begun, complete time.Time
	flows           []observed
	// unjudged is how many packets were judged by nobody: the enforcer did not take them, or they were not sent to it.
	unjudged uint64
}

// observed are the connections of one flow.
type observed struct {
	flow     string
	fate     fate
	attempts []testbed.Attempt
}

// faults says which flows lost or got what, and when; empty when all is as it should be.
func (r record) faults() []string {
	out := []string{}
	for _, o := range r.flows {
		isTried := func(when func(time.Time) bool) bool {
			return slices.ContainsFunc(o.attempts, func(a testbed.Attempt) bool { return when(a.At) })
		}
		if !isTried(r.begun.After) || !isTried(r.complete.Add(allowance).Before) {
			out = append(out, fmt.Sprintf("%s was not tried before and after the change", o.flow))
		}
		switch o.fate {
		case kept:
			out = r.fault(out, o, "lost", func(a testbed.Attempt) bool { return a.Lost })
		case denied:
			out = r.fault(out, o, "passed", func(a testbed.Attempt) bool { return a.Passed })
		case closing, opening:
			out = r.switchFaults(out, o)
		}
	}
	return out
}

// switchFaults adds what is wrong with a flow that a change opens or closes: it does so at one point in time, after it has begun
// and before it is complete.
func (r record) switchFaults(out []string, o observed) []string {
	words := map[bool]string{true: "passed", false: "did not pass"}
	was := o.fate == closing
	switched := r.complete.Add(time.Hour)
	for _, a := range o.attempts {
		if a.Passed != was && a.At.Before(switched) {
			switched = a.At
		}
	}
	out = r.fault(out, o, words[!was]+" before the change", func(a testbed.Attempt) bool {
		return a.Passed != was && a.At.Before(r.begun.Add(-jitter))
	})
	out = r.fault(out, o, words[was]+" once more after the switch", func(a testbed.Attempt) bool {
		return a.Passed == was && a.At.After(switched.Add(jitter))
	})
	return r.fault(out, o, words[was]+" after the change", func(a testbed.Attempt) bool {
		return a.Passed == was && a.At.After(r.complete.Add(allowance))
	})
}

// fault adds a sentence about those of a flow's connections that went wrong.
func (r record) fault(out []string, o observed, how string, wrong func(testbed.Attempt) bool) []string {
	times := o.times(wrong)
	if len(times) == 0 {
		return out
	}
	text := fmt.Sprintf("%s (%s): %d of %d %s: %s", o.flow, o.fate, len(times), len(o.attempts), how, r.relative(times[0]))
	if last := times[len(times)-1]; len(times) > 1 {
		text += "; the last " + r.relative(last)
	}
	return append(out, text)
}

// times returns when those connections were begun that are so, in order.
func (o observed) times(so func(testbed.Attempt) bool) []time.Time {
	var out []time.Time
	for _, a := range o.attempts {
		if so(a) {
			out = append(out, a.At)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// relative says when something was, seen from the change.
func (r record) relative(t time.Time) string {
	switch {
	case t.Before(r.begun):
		return rounded(r.begun.Sub(t)) + " before the change began"
	case t.Before(r.complete):
		return fmt.Sprintf("%s after the change began, %s before it was complete", rounded(t.Sub(r.begun)), rounded(r.complete.Sub(t)))
	}
	return rounded(t.Sub(r.complete)) + " after the change was complete"
}

func rounded(d time.Duration) string { return d.Round(time.Millisecond).String() }

// figures says in a line how many connections there were, and what became of them.
func (r record) figures() string {
	var all int
	for _, o := range r.flows {
		all += len(o.attempts)
	}
	open, lost := r.count(kept, func(a testbed.Attempt) bool { return a.Lost })
	forbidden, passed := r.count(denied, func(a testbed.Attempt) bool { return a.Passed })
	text := fmt.Sprintf("%d connections; complete after %s; %d of %d allowed ones lost; %d of %d forbidden ones passed",
		all, rounded(r.complete.Sub(r.begun)), lost, open, passed, forbidden)
	if last := r.lastOfOld(); !last.IsZero() {
		text += "; the last one of the old state " + r.relative(last)
	}
	if r.unjudged > 0 {
		text += fmt.Sprintf("; proves nothing, for %d packets were judged by nobody", r.unjudged)
	}
	return text
}

// count returns how many connections there were to flows of a fate, and how many of them are so.
func (r record) count(f fate, so func(testbed.Attempt) bool) (all, such int) {
	for _, o := range r.flows {
		if o.fate == f {
			all += len(o.attempts)
			such += len(o.times(so))
		}
	}
	return all, such
}

// lastOfOld returns when the last connection was begun that passed, or did not, as before the change; zero when no flow is switched.
func (r record) lastOfOld() time.Time {
	var last time.Time
	for _, o := range r.flows {
		if o.fate != closing && o.fate != opening {
			continue
		}
		for _, a := range o.attempts {
			if a.Passed == (o.fate == closing) && a.At.After(last) {
				last = a.At
			}
		}
	}
	return last
}
