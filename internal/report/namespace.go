package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Began returns what is known of the profiles that are about to be written for in a namespace.
func Began(s snapshot.Snapshot, outputs []compiler.Output, set plan.ChangeSet, contests []Contest) map[snapshot.ProfileKey]*Outcome {
	pending := map[snapshot.ProfileKey]bool{}
	for _, step := range set.Steps {
		for _, change := range step {
			pending[change.Profile] = true
		}
	}
	for _, change := range set.Waiting {
		pending[change.Profile] = true
	}
	out := map[snapshot.ProfileKey]*Outcome{}
	for _, o := range outputs {
		if pending[o.Profile.Key] {
			outcome := outcomeOf(s, o, nil)
			outcome.State = Applying
			judgeContests(outcome, s.Namespace.Name, o, contests)
			out[o.Profile.Key] = outcome
		}
	}
	return out
}

// Ended returns what is known of every profile of a namespace when the writes have ended: nil for one that has nothing to
// do with the namespace any more.
func Ended(s snapshot.Snapshot, outputs []compiler.Output, set plan.ChangeSet, result plan.Result, contests []Contest) map[snapshot.ProfileKey]*Outcome {
	open := map[snapshot.ProfileKey]bool{}
	for _, c := range result.Open() {
		open[c.Profile] = true
	}
	out := map[snapshot.ProfileKey]*Outcome{}
	for _, o := range outputs {
		key := o.Profile.Key
		outcome := outcomeOf(s, o, result.Written)
		judgeConflicts(outcome, s.Namespace.Name, key, set.Conflicts)
		addForeseen(outcome, s.Namespace.Name, key, set.Foreseen)
		judgeWaiting(outcome, key, set.Waiting)
		judgeContests(outcome, s.Namespace.Name, o, contests)
		if open[key] {
			outcome.State, outcome.Error = Failed, failureOf(key, result)
		}
		judgeLingering(outcome, s.Namespace.Name, key, set.Lingering)
		addFrozen(outcome, s, o, set)
		outcome.Preview = set.Previews[key]
		if leaves(o, *outcome) && !open[key] {
			outcome = nil
		}
		out[key] = outcome
	}
	return out
}

// leaves says whether a profile has nothing to do with a namespace any more.
func leaves(o compiler.Output, outcome Outcome) bool {
	switch o.Disposition {
	case compiler.Release:
		// What it leaves behind is not its own any more.
		return !o.Selected
	case compiler.Remove:
		return outcome.Policies == 0
	case compiler.Freeze:
		return outcome.Policies == 0 && !o.Selected
	case compiler.Enforce, compiler.Preview:
	}
	return false
}

func outcomeOf(s snapshot.Snapshot, o compiler.Output, written []plan.Written) *Outcome {
	outcome := &Outcome{
		UID: o.Profile.UID, Generation: o.Profile.Generation, Findings: o.Findings,
		Policies: countPolicies(o.Profile.Key, s.Policies, written),
	}
	switch o.Disposition {
	case compiler.Enforce, compiler.Preview:
		outcome.State = Applied
	case compiler.Freeze:
		outcome.State, outcome.Error = Frozen, o.TooLarge
	case compiler.Remove:
		outcome.State = Removed
	case compiler.Release:
		outcome.State = Released
	}
	return outcome
}

// countPolicies returns the number of policies that a profile has after the writes.
func countPolicies(key snapshot.ProfileKey, live []*networkingv1.NetworkPolicy, written []plan.Written) int {
	names := map[string]bool{}
	for _, policy := range live {
		if owner, _, ok := plan.Owner(policy); ok && owner == key && policy.DeletionTimestamp.IsZero() {
			names[policy.Name] = true
		}
	}
	for _, w := range written {
		switch {
		case w.Change.Profile != key:
		case w.Change.Desired == nil:
			delete(names, w.Change.Name())
		default:
			names[w.Change.Name()] = true
		}
	}
	return len(names)
}

func failureOf(key snapshot.ProfileKey, result plan.Result) string {
	for _, f := range result.Failures {
		if f.Change.Profile == key {
			return f.Err.Error()
		}
	}
	// Its own writes wait for those of another profile of the namespace.
	return fmt.Sprintf("waiting for %s: %s", result.Failures[0].Change.Profile, result.Failures[0].Err)
}

func judgeConflicts(outcome *Outcome, namespace string, key snapshot.ProfileKey, conflicts []plan.Conflict) {
	for _, c := range conflicts {
		if c.Profile != key {
			continue
		}
		f := finding.New(v1alpha1.CodeNameConflict, namespace, "NetworkPolicy "+c.Policy,
			"NetworkPolicy %s/%s is not Firebreak's but bears the name of one that this profile needs, so nothing is closed or removed here meanwhile; delete it, and create it under another name if it is needed.", namespace, c.Policy)
		if outcome.State != Conflicted {
			outcome.State, outcome.Error = Conflicted, f.Message
		}
		outcome.Findings = append(outcome.Findings[:len(outcome.Findings):len(outcome.Findings)], f)
	}
}

// addForeseen reports the conflicts that a preview would meet; it is computed all the same.
func addForeseen(outcome *Outcome, namespace string, key snapshot.ProfileKey, conflicts []plan.Conflict) {
	for _, c := range conflicts {
		if c.Profile == key {
			outcome.Findings = append(outcome.Findings[:len(outcome.Findings):len(outcome.Findings)], finding.New(
				v1alpha1.CodeNameConflict, namespace, "NetworkPolicy "+c.Policy,
				"NetworkPolicy %s/%s is not Firebreak's but bears the name of one that this profile would need in mode Enforce; delete it before, and create it under another name if it is needed.", namespace, c.Policy))
		}
	}
}

// judgeWaiting sees to it that nothing is said to be applied while corrections of it wait.
func judgeWaiting(outcome *Outcome, key snapshot.ProfileKey, waiting []plan.Change) {
	mine := func(c plan.Change) bool { return c.Profile == key }
	if outcome.State == Applied && slices.ContainsFunc(waiting, mine) {
		outcome.State = Applying
	}
}

// judgeContests reports fights. A profile in one is not said to be applied, nor to be getting there: it would be the one
// and the other by turns. One that does not act any more is in none.
func judgeContests(outcome *Outcome, namespace string, o compiler.Output, contests []Contest) {
	if o.Disposition != compiler.Enforce && o.Disposition != compiler.Remove {
		return
	}
	for _, c := range contests {
		if c.Profile != o.Profile.Key {
			continue
		}
		f := finding.New(v1alpha1.CodeContested, namespace, "NetworkPolicy "+c.Policy,
			"NetworkPolicy %s/%s is changed by %s again and again: %s. It is now put right about once a second; stop whoever changes it.",
			namespace, c.Policy, rivalOf(c), courseOf(c))
		if outcome.State == Applied || outcome.State == Applying {
			outcome.State, outcome.Error = Contested, f.Message
		}
		outcome.Findings = append(outcome.Findings[:len(outcome.Findings):len(outcome.Findings)], f)
	}
}

// judgeLingering says that policies which were deleted are still in force.
func judgeLingering(outcome *Outcome, namespace string, key snapshot.ProfileKey, lingering []plan.Lingering) {
	for _, l := range lingering {
		if l.Profile == key && outcome.State != Failed {
			outcome.State = Failed
			outcome.Error = fmt.Sprintf("NetworkPolicy %s/%s was deleted, and is in force until its finalizers are removed: %s.",
				namespace, l.Policy, strings.Join(l.Finalizers, ", "))
		}
	}
}

func rivalOf(c Contest) string {
	if c.By == "" {
		return "somebody else"
	}
	return "somebody else (" + c.By + ")"
}

// courseOf tells how a fight went so far.
func courseOf(c Contest) string {
	since := c.Since.UTC().Format(time.RFC3339)
	if c.Corrections == 0 {
		return fmt.Sprintf("each attempt since %s to put it right came too late, the last time: %s", since, c.LastChange)
	}
	return fmt.Sprintf("put right %d times since %s, the last time: %s", c.Corrections, since, c.LastChange)
}

// addFrozen reports policies that stay although nothing keeps them as they are. What holds in every namespace is said
// without naming one, so that it is said once.
func addFrozen(outcome *Outcome, s snapshot.Snapshot, o compiler.Output, set plan.ChangeSet) {
	why, namespace := whyFrozen(s.Options, o), s.Namespace.Name
	if why == "" || outcome.Policies == 0 {
		return
	}
	findings := outcome.Findings[:len(outcome.Findings):len(outcome.Findings)]
	findings = append(findings, finding.New(v1alpha1.CodeFrozenPolicies, "", "",
		"The policies applied before stay as they are %s: changes to them are not put right, and what they were made from is not followed when it changes, such as the addresses of DNS.", why))
	for _, d := range set.Frozen {
		if d.Profile == o.Profile.Key {
			findings = append(findings, finding.New(v1alpha1.CodeFrozenPolicies, namespace, "NetworkPolicy "+d.Policy,
				"NetworkPolicy %s/%s was changed by somebody else and is not put right while its profile does not act.", namespace, d.Policy))
		}
	}
	outcome.Findings = findings
}

// whyFrozen says why a profile does not keep up its policies, and until when; empty when it does, or is on its way out.
func whyFrozen(options snapshot.Options, o compiler.Output) string {
	switch {
	case options.PreviewOnly:
		return "while the operator runs with --mode=Preview"
	case o.Profile.Orphaning || o.Profile.Unguarded:
		return ""
	case o.Disposition == compiler.Preview:
		return "until the profile is in mode Enforce again or deleted"
	case o.TooLarge != "":
		return "until its policies can be stored or the profile is deleted"
	case o.Disposition == compiler.Freeze:
		return "until the profile has a spec that can be carried out or is deleted"
	}
	return ""
}
