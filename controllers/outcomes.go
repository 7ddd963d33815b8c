package controllers

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/applier"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

// profileOutcome is what became of one profile in a namespace; nil when it has nothing to do with it any more.
type profileOutcome struct {
	profile snapshot.ProfileKey
	outcome *report.Outcome
}

// before is what is known when writes begin.
func before(s snapshot.Snapshot, outputs []compiler.Output, set plan.ChangeSet) []profileOutcome {
	pending := map[snapshot.ProfileKey]bool{}
	for _, step := range set.Steps {
		for _, change := range step {
			pending[change.Profile] = true
		}
	}
	var out []profileOutcome
	for _, o := range outputs {
		if !pending[o.Profile.Key] {
			continue
		}
		outcome := outcomeOf(s, o, nil)
		outcome.State = report.Applying
		out = append(out, profileOutcome{o.Profile.Key, outcome})
	}
	return out
}

// after is what is known when writes have ended.
func after(s snapshot.Snapshot, outputs []compiler.Output, set plan.ChangeSet, result applier.Outcome) []profileOutcome {
	open := unwritten(set, result)
	out := make([]profileOutcome, 0, len(outputs))
	for _, o := range outputs {
		key := o.Profile.Key
		outcome := outcomeOf(s, o, result.Written)
		judgeConflicts(outcome, s.Namespace.Name, key, set.Conflicts)
		if open[key] {
			outcome.State = report.Failed
			outcome.Error = failureOf(key, result)
		}
		addFrozen(outcome, s.Namespace.Name, o, set)
		outcome.Preview = set.Previews[key]
		if o.Disposition == compiler.Remove && outcome.Policies == 0 && !open[key] {
			outcome = nil
		}
		if !o.Selected && o.Disposition == compiler.Freeze && outcome.Policies == 0 {
			outcome = nil
		}
		out = append(out, profileOutcome{key, outcome})
	}
	return out
}

func outcomeOf(s snapshot.Snapshot, o compiler.Output, written []applier.Written) *report.Outcome {
	outcome := &report.Outcome{UID: o.Profile.UID, Generation: o.Profile.Generation, Findings: o.Findings}
	switch o.Disposition {
	case compiler.Enforce, compiler.Preview:
		outcome.State = report.Applied
	case compiler.Freeze:
		outcome.State = report.Frozen
	case compiler.Remove:
		outcome.State = report.Removed
	}
	outcome.Policies = countPolicies(o.Profile.Key, s.Policies, written)
	return outcome
}

// countPolicies returns the number of policies that a profile has after the writes.
func countPolicies(key snapshot.ProfileKey, live []*networkingv1.NetworkPolicy, written []applier.Written) int {
	names := map[string]bool{}
	for _, policy := range live {
		if owner, _, ok := plan.Owner(policy); ok && owner == key {
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

// unwritten says which profiles have changes that were not carried out.
func unwritten(set plan.ChangeSet, result applier.Outcome) map[snapshot.ProfileKey]bool {
	missing := map[snapshot.ProfileKey]int{}
	for _, step := range set.Steps {
		for _, change := range step {
			missing[change.Profile]++
		}
	}
	for _, w := range result.Written {
		missing[w.Change.Profile]--
	}
	open := map[snapshot.ProfileKey]bool{}
	for key, n := range missing {
		open[key] = n > 0
	}
	return open
}

func failureOf(key snapshot.ProfileKey, result applier.Outcome) string {
	for _, f := range result.Failures {
		if f.Profile == key {
			return f.Err.Error()
		}
	}
	// Its own writes wait for those of another profile of the namespace.
	return fmt.Sprintf("waiting for %s: %s", result.Failures[0].Profile, result.Failures[0].Err)
}

func judgeConflicts(outcome *report.Outcome, namespace string, key snapshot.ProfileKey, conflicts []plan.Conflict) {
	for _, c := range conflicts {
		if c.Profile != key {
			continue
		}
		f := finding.New(v1alpha1.CodeNameConflict, namespace, "NetworkPolicy "+c.Policy,
			"NetworkPolicy %s/%s is not Firebreak's but bears the name of one that this profile needs; delete or rename it.", namespace, c.Policy)
		if outcome.State != report.Conflicted {
			outcome.State, outcome.Error = report.Conflicted, f.Message
		}
		outcome.Findings = append(outcome.Findings[:len(outcome.Findings):len(outcome.Findings)], f)
	}
}

// addFrozen reports policies that stay although nothing keeps them as they are.
func addFrozen(outcome *report.Outcome, namespace string, o compiler.Output, set plan.ChangeSet) {
	if (o.Disposition != compiler.Preview && o.Disposition != compiler.Freeze) || outcome.Policies == 0 {
		return
	}
	findings := outcome.Findings[:len(outcome.Findings):len(outcome.Findings)]
	findings = append(findings, finding.New(v1alpha1.CodeFrozenPolicies, namespace, "",
		"Policies that were applied before stay as they are and are not kept up; put the profile back to a valid spec in mode Enforce, or delete it."))
	for _, d := range set.Frozen {
		if d.Profile == o.Profile.Key {
			findings = append(findings, finding.New(v1alpha1.CodeFrozenPolicies, namespace, "NetworkPolicy "+d.Policy,
				"NetworkPolicy %s/%s was changed by somebody else and is not put right while its profile does not act.", namespace, d.Policy))
		}
	}
	outcome.Findings = findings
}

// settledHashes are the hashes of the policies that are right now, by name.
func settledHashes(outputs []compiler.Output, set plan.ChangeSet, result applier.Outcome) map[string]string {
	open := unsettled(set, result)
	hashes := map[string]string{}
	for _, o := range outputs {
		if o.Disposition != compiler.Enforce {
			continue
		}
		for _, policy := range o.Policies {
			if !open[policy.Name] {
				hashes[policy.Name] = policy.Annotations[v1alpha1.AnnotationSpecHash]
			}
		}
	}
	return hashes
}

// unsettled names the policies that should have been written and were not.
func unsettled(set plan.ChangeSet, result applier.Outcome) map[string]bool {
	pending := map[string]int{}
	for _, step := range set.Steps {
		for _, change := range step {
			pending[change.Name()]++
		}
	}
	for _, w := range result.Written {
		pending[w.Change.Name()]--
	}
	open := map[string]bool{}
	for name, n := range pending {
		open[name] = n > 0
	}
	for _, c := range set.Withheld {
		open[c.Name()] = true
	}
	for _, c := range set.Conflicts {
		open[c.Policy] = true
	}
	return open
}

// isStale says whether a write failed only because the cache was behind.
func isStale(result applier.Outcome) bool {
	for _, f := range result.Failures {
		if apierrors.IsConflict(f.Err) || apierrors.IsAlreadyExists(f.Err) {
			return true
		}
	}
	return false
}

// retryFailed says how failures are tried again: with backoff; in a namespace that began to go, which ends in its going
// or in its coming again, only now and then.
func retryFailed(result applier.Outcome) (ctrl.Result, error) {
	var errs []error
	for _, f := range result.Failures {
		if !apierrors.HasStatusCause(f.Err, corev1.NamespaceTerminatingCause) {
			errs = append(errs, f.Err)
		}
	}
	if len(errs) == 0 && len(result.Failures) > 0 {
		return ctrl.Result{RequeueAfter: terminatingPoll}, nil
	}
	return ctrl.Result{}, errors.Join(errs...)
}
