package dataplane_test

import (
	"slices"
	"testing"
	"time"

	"firebreak.dev/firebreak/test/dataplane/testbed"
)

func TestARecordNamesWhatWentWrongAndWhen(t *testing.T) {
	begun := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	// A connection each 100 ms, from 300 ms before a change that takes 400 ms until 1,500 ms after it began.
	attempts := func(passes func(ms int) bool) []testbed.Attempt {
		var out []testbed.Attempt
		for ms := -300; ms <= 1500; ms += 100 {
			out = append(out, testbed.Attempt{At: begun.Add(time.Duration(ms) * time.Millisecond), Passed: passes(ms), Lost: !passes(ms)})
		}
		return out
	}
	for name, c := range map[string]struct {
		fate   fate
		passes func(ms int) bool
		want   []string
	}{
		"all is well":          {kept, func(int) bool { return true }, []string{}},
		"one is lost":          {kept, func(ms int) bool { return ms != 100 }, []string{"a > b (allowed before and after): 1 of 19 lost: 100ms after the change began, 300ms before it was complete"}},
		"one passes":           {denied, func(ms int) bool { return ms == -100 }, []string{"a > b (denied before and after): 1 of 19 passed: 100ms before the change began"}},
		"it is closed once":    {closing, func(ms int) bool { return ms < 300 }, []string{}},
		"it is open again":     {closing, func(ms int) bool { return ms < 100 || ms == 300 }, []string{"a > b (allowed before, denied after): 1 of 19 passed once more after the switch: 300ms after the change began, 100ms before it was complete"}},
		"it is closed late":    {closing, func(ms int) bool { return ms < 1100 }, []string{"a > b (allowed before, denied after): 1 of 19 passed after the change: 600ms after the change was complete"}},
		"it is closed early":   {closing, func(ms int) bool { return ms < -200 }, []string{"a > b (allowed before, denied after): 1 of 19 did not pass before the change: 200ms before the change began"}},
		"it is opened in time": {opening, func(ms int) bool { return ms > 300 }, []string{}},
		"it is opened late":    {opening, func(ms int) bool { return ms > 1000 }, []string{"a > b (denied before, allowed after): 1 of 19 did not pass after the change: 600ms after the change was complete"}},
		"it is closed again":   {opening, func(ms int) bool { return ms > 0 && ms != 300 }, []string{"a > b (denied before, allowed after): 1 of 19 did not pass once more after the switch: 300ms after the change began, 100ms before it was complete"}},
		"it is opened early":   {opening, func(ms int) bool { return ms > -300 }, []string{"a > b (denied before, allowed after): 1 of 19 passed before the change: 200ms before the change began"}},
	} {
		r := record{begun: begun, complete: begun.Add(400 * time.Millisecond), flows: []observed{{"a > b", c.fate, attempts(c.passes)}}}
		if got := r.faults(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	untried := record{begun: begun, complete: begun, flows: []observed{{"a > b", kept, nil}}}
	if got := untried.faults(); !slices.Equal(got, []string{"a > b was not tried before and after the change"}) {
		t.Errorf("nothing was tried: %q", got)
	}
}
