package controllers

import (
	"fmt"
	"testing"
	"time"
)

// rollout plays a pace: it brings namespaces back when it is their turn, as a work queue does.
type rollout struct {
	pace *pace
	now  time.Time
	// writes are how many writes each namespace still wants; at is when it comes back; done when it was let through.
	writes map[string]int
	at     map[string]time.Time
	done   map[string]time.Time
}

func newRollout(writesPerSecond float64) *rollout {
	r := &rollout{pace: newPace(writesPerSecond), now: time.Unix(1000, 0), writes: map[string]int{}, at: map[string]time.Time{}, done: map[string]time.Time{}}
	r.pace.onTurn(func(namespace string, after time.Duration) {
		if at := r.now.Add(after); r.at[namespace].IsZero() || at.Before(r.at[namespace]) {
			r.at[namespace] = at
		}
	})
	return r
}

// want lets a namespace want writes, now.
func (r *rollout) want(namespace string, writes int) {
	r.writes[namespace] = writes
	r.come(namespace)
}

func (r *rollout) come(namespace string) {
	delete(r.at, namespace)
	wait := r.pace.wait(namespace, r.writes[namespace], false, r.now)
	switch {
	case wait > 0:
		r.at[namespace] = r.now.Add(wait)
	case r.writes[namespace] > 0:
		r.done[namespace] = r.now
		r.writes[namespace] = 0
		r.pace.finished(namespace)
	}
}

// run lets time pass.
func (r *rollout) run(d time.Duration) {
	for end := r.now.Add(d); ; {
		next, namespace := end, ""
		for n, at := range r.at {
			if at.Before(next) || (at.Equal(next) && (namespace == "" || n < namespace)) {
				next, namespace = at, n
			}
		}
		r.now = later(r.now, next)
		if namespace == "" {
			return
		}
		r.come(namespace)
	}
}

func (r *rollout) after(namespace string) time.Duration {
	if r.done[namespace].IsZero() {
		return -1
	}
	return r.done[namespace].Sub(time.Unix(1000, 0))
}

func TestNamespacesTakeTurns(t *testing.T) {
	r := newRollout(10)
	for i := range 5 {
		r.want(fmt.Sprint(i), 4)
	}
	r.run(time.Minute)
	for i := range 5 {
		if got, want := r.after(fmt.Sprint(i)), time.Duration(i)*400*time.Millisecond; got != want {
			t.Errorf("namespace %d began after %s, want %s", i, got, want)
		}
	}
	r.want("late", 4)
	r.want("later", 4)
	if r.after("late") != time.Minute || r.after("later") != -1 {
		t.Error("idle time was saved up, or must be waited for")
	}
}

func TestARollOutThatIsWithdrawnHoldsNobodyUp(t *testing.T) {
	r := newRollout(5)
	for i := range 1000 {
		r.want(fmt.Sprint(i), 10)
	}
	r.want("other", 1)
	r.run(time.Second)
	for i := range 1000 {
		r.want(fmt.Sprint(i), 0)
	}
	r.run(4 * time.Second)
	if got := r.after("other"); got < 0 || got > 3*time.Second {
		t.Errorf("a namespace behind them had its turn after %s", got)
	}
	r.run(time.Hour)
	for i := range 20 {
		r.want(fmt.Sprint(i), 10)
	}
	if r.after("0") < time.Hour || r.after("1") != -1 {
		t.Error("the withdrawn roll-out left turns behind, and several begin at once")
	}
}

func TestWorkersThatWereHeldUpDoNotMakeUpForIt(t *testing.T) {
	r := newRollout(10)
	for i := range 100 {
		r.want(fmt.Sprint(i), 10)
	}
	r.now = r.now.Add(time.Minute) // nobody came in the meantime
	through := 0
	for i := range 100 {
		if r.come(fmt.Sprint(i)); r.after(fmt.Sprint(i)) >= time.Minute {
			through++
		}
	}
	if through > 1 {
		t.Errorf("%d namespaces began at once", through)
	}
	r.run(3 * time.Minute)
	for i := range 100 {
		if r.after(fmt.Sprint(i)) < 0 {
			t.Fatalf("namespace %d never had a turn", i)
		}
	}
}

func TestWhoDoesNotComeIsPassedOver(t *testing.T) {
	r := newRollout(10)
	r.want("first", 10)
	r.want("lost", 10)
	r.want("next", 10)
	delete(r.at, "lost")
	r.pace.onTurn(func(namespace string, after time.Duration) {
		if namespace != "lost" {
			r.at[namespace] = r.now.Add(after)
		}
	})
	r.run(time.Minute)
	if got := r.after("next"); got < 0 || got > 2*turnPatience {
		t.Errorf("the next one had its turn after %s", got)
	}
}

func TestWhatIsUrgentDoesNotWaitAndHoldsOthersUpForASecondAtMost(t *testing.T) {
	r := newRollout(1)
	r.want("a", 1)
	r.want("b", 1)
	for range 600 {
		for policy := range 5 {
			if got := r.pace.wait(fmt.Sprint("fought", policy), 1, true, r.now); got != 0 {
				t.Fatalf("a hole stays open for %s", got)
			}
		}
		r.run(100 * time.Millisecond)
		if r.after("b") >= 0 {
			break
		}
	}
	if got := r.after("b"); got < time.Second || got > 4*time.Second {
		t.Errorf("a roll-out beside a fight had its turn after %s", got)
	}
	if got := r.pace.wait("c", 1, false, r.now); got == 0 {
		t.Error("what is urgent does not count at all")
	}
}

func TestWhoHasBegunMayFinish(t *testing.T) {
	p := newPace(1)
	now := time.Unix(1000, 0)
	p.wait("a", 3, false, now)
	p.wait("b", 3, false, now)
	if got := p.wait("a", 2, false, now); got != 0 {
		t.Errorf("half carried out, a namespace waits %s", got)
	}
	p.finished("a")
	if got := p.wait("a", 1, false, now); got <= 3*time.Second {
		t.Errorf("what comes later waits %s only", got)
	}
}

func TestWithoutACapNothingWaits(t *testing.T) {
	p := newPace(0)
	for i := range 100 {
		if got := p.wait(fmt.Sprint(i), 64, false, time.Unix(1000, 0)); got != 0 {
			t.Fatalf("waits %s", got)
		}
	}
	p = newPace(1)
	now := time.Unix(1000, 0)
	p.wait("a", 1, false, now)
	p.wait("b", 1, false, now)
	p.forget("a", now)
	p.forget("b", now)
	if len(p.queue)+len(p.begun) != 0 {
		t.Errorf("namespaces that are gone are remembered: %v, %v", p.queue, p.begun)
	}
}
