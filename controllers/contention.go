package controllers

import (
	"maps"
	"slices"
	"sync"
	"time"

	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

// ContentionLimits say how a fight over a policy is fought. Zero values stand for the defaults.
type ContentionLimits struct {
	// Burst is how many corrections of one policy are made at once; 10 by default.
	Burst int
	// Interval is the time after which one more is made; a second by default.
	Interval time.Duration
	// Calm is how long after the last correction a fight is over; a minute by default.
	Calm time.Duration
}

func (l ContentionLimits) withDefaults() ContentionLimits {
	if l.Burst == 0 {
		l.Burst = 10
	}
	if l.Interval == 0 {
		l.Interval = time.Second
	}
	if l.Calm == 0 {
		l.Calm = time.Minute
	}
	return l
}

// contention meets whoever keeps changing a policy back with patience: a bucket of tokens for each policy pays for its
// corrections, and while it is empty that policy waits, and nothing else does. It remembers policies that were corrected
// lately and no others.
type contention struct {
	mu       sync.Mutex
	limits   ContentionLimits
	policies map[string]map[string]*contestedPolicy
	swept    time.Time
}

// contestedPolicy is a policy that was corrected lately.
type contestedPolicy struct {
	profile snapshot.ProfileKey
	// tokens is how many corrections may be made, as of the time at.
	tokens float64
	at     time.Time
	// fought: the tokens ran out, and it has not been calm since.
	fought bool
	// corrections is how many were made since the first attempt, at since; the last attempt, at last, was to put right what
	// change says.
	corrections int
	since, last time.Time
	change      string
	// by is who changes the policy, as far as is known; asked is how often that was looked up.
	by    string
	asked int
}

func newContention(limits ContentionLimits) *contention {
	return &contention{limits: limits.withDefaults(), policies: map[string]map[string]*contestedPolicy{}}
}

// waiting returns the policies of a namespace that must not be corrected now.
func (c *contention) waiting(namespace string, now time.Time) map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]bool{}
	for name := range c.policies[namespace] {
		if c.untilTurn(namespace, name, now) > 0 {
			out[name] = true
		}
	}
	return out
}

// note counts what became of a plan, and says of each write, by index, whether it is part of a fight.
func (c *contention) note(namespace string, result plan.Result, now time.Time) []bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sweep(now)
	out := make([]bool, len(result.Written))
	for i, w := range result.Written {
		if !w.Change.Contestable() {
			continue
		}
		policy := c.pay(namespace, w.Change, now)
		policy.corrections++
		out[i] = policy.fought
	}
	for _, f := range result.Failures {
		// Somebody wrote in between: whoever is quicker than our writes must not be met with more of them. Other failures
		// are nobody's doing, and are tried again with backoff.
		if f.Change.Contestable() && isConflict(f.Err) {
			c.pay(namespace, f.Change, now)
		}
	}
	return out
}

// pay takes a token for a correction.
func (c *contention) pay(namespace string, change plan.Change, now time.Time) *contestedPolicy {
	if c.policies[namespace] == nil {
		c.policies[namespace] = map[string]*contestedPolicy{}
	}
	policy, ok := c.policies[namespace][change.Name()]
	if !ok {
		policy = &contestedPolicy{tokens: float64(c.limits.Burst), at: now, since: now}
		c.policies[namespace][change.Name()] = policy
	}
	policy.profile, policy.last, policy.change = change.Profile, now, change.Undoes()
	policy.tokens, policy.at = c.tokens(policy, now)-1, now
	policy.fought = policy.fought || policy.tokens < 1
	return policy
}

// tokens returns how many corrections of a policy may be made now.
func (c *contention) tokens(policy *contestedPolicy, now time.Time) float64 {
	return min(policy.tokens+float64(now.Sub(policy.at))/float64(c.limits.Interval), float64(c.limits.Burst))
}

// untilTokens returns how long it takes until a policy has so many tokens.
func (c *contention) untilTokens(policy *contestedPolicy, wanted float64, now time.Time) time.Duration {
	missing := wanted - c.tokens(policy, now)
	// What rounding leaves is no reason to wait.
	if missing < 1e-6 {
		return 0
	}
	return time.Duration(missing * float64(c.limits.Interval))
}

// untilTurn returns how long it takes until a policy may be corrected again: until it has a token, or until another
// policy of its profile that is fought over has one and this one owes none. So all of them are corrected together: as long
// as one of them waits, so does what else the profile asks for.
func (c *contention) untilTurn(namespace, name string, now time.Time) time.Duration {
	policy := c.policies[namespace][name]
	turn := c.untilTokens(policy, 1, now)
	for _, other := range c.policies[namespace] {
		if other.fought && other.profile == policy.profile {
			turn = min(turn, c.untilTokens(other, 1, now))
		}
	}
	return max(turn, c.untilTokens(policy, 0, now))
}

// untilCalm returns how long it takes until a fight is over; zero when it is, or there is none.
func (c *contention) untilCalm(policy *contestedPolicy, now time.Time) time.Duration {
	if !policy.fought {
		return 0
	}
	return max(policy.last.Add(c.limits.Calm).Sub(now), c.untilTokens(policy, 1, now), 0)
}

// contests returns the fights of a namespace, by policy.
func (c *contention) contests(namespace string, now time.Time) []report.Contest {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []report.Contest
	for _, name := range slices.Sorted(maps.Keys(c.policies[namespace])) {
		if policy := c.policies[namespace][name]; c.untilCalm(policy, now) > 0 {
			out = append(out, report.Contest{
				Profile: policy.profile, Policy: name, By: policy.by,
				Corrections: policy.corrections, Since: policy.since, LastChange: policy.change,
			})
		}
	}
	return out
}

// next returns when a namespace must be looked at again: when one of the changes that wait may be made, or a fight is
// over. Zero when neither will be.
func (c *contention) next(namespace string, waiting []plan.Change, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out time.Duration
	soonest := func(d time.Duration) {
		if d = max(d, time.Millisecond); out == 0 || d < out {
			out = d
		}
	}
	for _, change := range waiting {
		if _, ok := c.policies[namespace][change.Name()]; !ok {
			soonest(c.limits.Interval)
			continue
		}
		soonest(c.untilTurn(namespace, change.Name(), now))
	}
	for _, policy := range c.policies[namespace] {
		if calm := c.untilCalm(policy, now); calm > 0 {
			soonest(calm)
		}
	}
	return out
}

// maxAsked is how often it is looked up who changes a policy.
const maxAsked = 3

// unnamed returns the policies, by name, of which it should be looked up who makes these changes necessary, and counts
// that. They are those that have used up half their tokens, so that it is known when a fight is reported.
func (c *contention) unnamed(namespace string, changes []plan.Change, now time.Time) map[string]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]bool{}
	for _, change := range changes {
		policy, ok := c.policies[namespace][change.Name()]
		if !ok || policy.by != "" || policy.asked == maxAsked || !change.Contestable() || out[change.Name()] {
			continue
		}
		if policy.fought || c.tokens(policy, now) <= float64(c.limits.Burst)/2 {
			policy.asked++
			out[change.Name()] = true
		}
	}
	return out
}

// name notes who changes policies, by the policy's name.
func (c *contention) name(namespace string, writers map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, policy := range c.policies[namespace] {
		if by := writers[name]; by != "" {
			policy.by = by
		}
	}
}

// sweep forgets, now and then, what is calm again.
func (c *contention) sweep(now time.Time) {
	if now.Sub(c.swept) < c.limits.Interval {
		return
	}
	c.swept = now
	for namespace, policies := range c.policies {
		maps.DeleteFunc(policies, func(_ string, policy *contestedPolicy) bool {
			if policy.fought {
				return c.untilCalm(policy, now) == 0
			}
			return c.tokens(policy, now) >= float64(c.limits.Burst)
		})
		if len(policies) == 0 {
			delete(c.policies, namespace)
		}
	}
}

// forget drops a namespace.
func (c *contention) forget(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.policies, namespace)
}
