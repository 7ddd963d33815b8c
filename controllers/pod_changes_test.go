package controllers

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// heard is what podChanges told, and when.
type heard struct {
	began   time.Time
	turns   turns
	counted map[time.Duration][]string
	judged  map[time.Duration][]string
}

func (h *heard) since() time.Duration { return time.Since(h.began) }

func listen() (*podChanges, *heard) {
	h := &heard{began: time.Now(), counted: map[time.Duration][]string{}, judged: map[time.Duration][]string{}}
	return &podChanges{
		counted: func(namespaces map[string]bool) { h.counted[h.since()] = slices.Sorted(maps.Keys(namespaces)) },
		judge: func(namespaces map[string]bool) []string {
			due, later := h.turns.take(namespaces, podRest, time.Now())
			slices.Sort(due)
			if len(due) > 0 {
				h.judged[h.since()] = due
			}
			return later
		},
	}, h
}

// pass lets time pass in a bubble, and what is due then happen.
func pass(d time.Duration) {
	time.Sleep(d) //nolint:forbidigo // in a bubble, where nothing is waited for
	synctest.Wait()
}

func TestChangesOfPodsAreToldTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes, heard := listen()
		changes.add("a", true)
		changes.add("a", false)
		changes.add("b", false)
		pass(time.Minute)
		if got := heard.counted; !maps.EqualFunc(got, map[time.Duration][]string{podDelay: {"a"}}, slices.Equal) {
			t.Errorf("of their numbers is told %v", got)
		}
		if got := heard.judged; !maps.EqualFunc(got, map[time.Duration][]string{podDelay: {"a", "b"}}, slices.Equal) {
			t.Errorf("judged are %v", got)
		}
	})
}

func TestANamespaceWhosePodsChangeAllTheTimeIsJudgedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		changes, heard := listen()
		for range 250 {
			changes.add("busy", true)
			pass(100 * time.Millisecond)
		}
		changes.add("calm", true)
		changes.add("busy", true)
		pass(time.Minute)
		if n := len(heard.counted); n < 49 {
			t.Errorf("in 25 s, its pods were counted %d times", n)
		}
		var busy, calm []time.Duration
		for _, at := range slices.Sorted(maps.Keys(heard.judged)) {
			if slices.Contains(heard.judged[at], "busy") {
				busy = append(busy, at)
			}
			if slices.Contains(heard.judged[at], "calm") {
				calm = append(calm, at)
			}
		}
		if len(busy) != 4 || busy[0] != podDelay || busy[3] < 25*time.Second {
			t.Errorf("it is judged after %v", busy)
		}
		for i := 1; i < len(busy); i++ {
			if pause := busy[i] - busy[i-1]; pause < podRest || pause > podRest+2*podDelay {
				t.Errorf("it is judged after %v", busy)
			}
		}
		if len(calm) != 1 || calm[0] > 26*time.Second {
			t.Errorf("another is judged after %v", calm)
		}
		changes.add("last", true)
		pass(time.Second)
		if n := len(heard.turns.last); n != 1 {
			t.Errorf("%d are remembered", n)
		}
	})
}
