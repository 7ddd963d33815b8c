package report

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Status returns the status that a profile should have. While not every namespace has been examined since this process
// began, or the pods have not been listed, a status that an earlier one wrote for the same generation and number of
// namespaces stands, unless a namespace examined so far contradicts it.
func Status(in Input) v1alpha1.ProfileStatus {
	status, _ := StatusAndFindings(in)
	return status
}

// StatusAndFindings returns the status that a profile should have, and all findings, of which the status lists at most
// finding.MaxInStatus.
func StatusAndFindings(in Input) (v1alpha1.ProfileStatus, []v1alpha1.Finding) {
	t := tallyOf(in)
	verdict := judge(in, t)
	if (verdict.unexamined || (t.unjudged > 0 && !t.contradictsIsolation(in)) || !in.PodsKnown) && standsStill(in, t, verdict) {
		return withDrift(in.Previous, in.Drift), in.Previous.Findings
	}
	coverage := cover(in)
	status := v1alpha1.ProfileStatus{
		ObservedGeneration: in.Profile.Generation,
		Namespaces:         t.counts(),
		Policies:           int32(t.policies + in.Elsewhere), //nolint:gosec // a cluster holds far fewer policies
		Tiers:              coverage.tiers,
		TierCount:          int32(len(in.Profile.Tiers)), //nolint:gosec // at most 64
		// Written out, so that a table shows 0 and not nothing.
		Drift:   cmp.Or(in.Previous.Drift, &v1alpha1.DriftStatus{}),
		Preview: t.preview(in),
	}
	if !in.PodsKnown {
		status.Tiers = in.Previous.Tiers
	}
	findings := finding.Sort(slices.Concat(t.findings, t.analyses.findings, coverage.findings, coverage.open, protectedFinding(in), operatorFinding(in, verdict), enforcementFinding(in, verdict)))
	status.FindingCounts = finding.Count(findings)
	status.Findings = findings[:min(len(findings), finding.MaxInStatus)]
	if len(status.Findings) == 0 {
		status.Findings = nil
	}
	status.Conditions = conditions(in, verdict, t, coverage, findings)
	return withDrift(status, in.Drift), findings
}

// Left returns how many selected namespaces were not examined yet for this generation of the profile, and how many not judged.
func Left(in Input) (unexamined, unjudged int) {
	for i := range in.Namespaces {
		ns := &in.Namespaces[i]
		if ns.Protected {
			continue
		}
		if !ns.isExamined(&in.Profile) {
			unexamined++
		}
		if !ns.needsNoJudgement(&in.Profile) {
			unjudged++
		}
	}
	return unexamined, unjudged
}

// isExamined says whether what a namespace came to is known for this generation of the profile.
func (ns *NamespaceFacts) isExamined(p *snapshot.Profile) bool {
	return ns.Outcome != nil && ns.Outcome.UID == p.UID && ns.Outcome.Generation == p.Generation
}

// needsNoJudgement says whether a namespace is judged, or what it came to is frozen.
func (ns *NamespaceFacts) needsNoJudgement(p *snapshot.Profile) bool {
	return ns.isJudged(p) || ns.isExamined(p) && ns.Outcome.State == Frozen
}

// contradictsIsolation says whether a namespace that has been judged speaks against what an earlier process said of isolation.
func (t *tally) contradictsIsolation(in Input) bool {
	return t.analyses.widened != "" && !meta.IsStatusConditionFalse(in.Previous.Conditions, v1alpha1.ConditionIsolated)
}

// standsStill says whether nothing known contradicts the status that is there, which an earlier process wrote.
func standsStill(in Input, t tally, v verdict) bool {
	previous := in.Previous
	return in.Inherited && !in.Profile.Deleting && in.Elsewhere == 0 &&
		previous.ObservedGeneration == in.Profile.Generation && (previous.Preview != nil) == in.previews() &&
		previous.Namespaces != nil && previous.Namespaces.Selected == t.selected && previous.Namespaces.Refused == t.refused &&
		t.saysNoMoreTrouble(previous, v)
}

func withDrift(status v1alpha1.ProfileStatus, drift Drift) v1alpha1.ProfileStatus {
	if drift.Corrections == 0 {
		return status
	}
	next := v1alpha1.DriftStatus{
		Corrections: drift.Corrections, LastPolicy: drift.LastPolicy, LastChange: drift.LastChange,
		LastTime: &metav1.Time{Time: drift.LastTime.Truncate(1e9)},
	}
	if status.Drift != nil {
		next.Corrections += status.Drift.Corrections
	}
	status.Drift = &next
	return status
}

// tally counts the namespaces of a profile.
type tally struct {
	selected, refused, examined, applied, applying, failed int32
	conflicted, contested, tooLarge                        trouble
	policies                                               int
	// failedIn are the namespaces that failed, in order; firstFailure says what went wrong in the first.
	failedIn               []string
	firstFailure           string
	findings               []v1alpha1.Finding
	create, update, remove int32
	// unjudged is the number of namespaces that will be judged yet: one in which the profile is frozen never is.
	unjudged int32
	analyses analyses
}

// trouble is something that goes wrong in a number of namespaces until somebody acts.
type trouble struct {
	namespaces int32
	// first says what is wrong in the first of them.
	first string
}

func (t *trouble) add(text string) {
	if t.namespaces++; t.first == "" {
		t.first = text
	}
}

func (t *trouble) andTheLike() string {
	if t.namespaces < 2 {
		return t.first
	}
	return fmt.Sprintf("%s (And the like in %d more.)", t.first, t.namespaces-1)
}

// stuck is the number of namespaces in which nothing will change until somebody acts.
func (t *tally) stuck() int32 {
	return t.conflicted.namespaces + t.contested.namespaces + t.tooLarge.namespaces
}

func tallyOf(in Input) tally {
	t := tally{analyses: analysesOf(in)}
	for i := range in.Namespaces {
		ns := &in.Namespaces[i]
		if ns.Protected {
			t.refused++
			continue
		}
		t.selected++
		if !ns.needsNoJudgement(&in.Profile) {
			t.unjudged++
		}
		if ns.Outcome == nil {
			continue
		}
		t.policies += ns.Outcome.Policies
		if !ns.isExamined(&in.Profile) {
			continue
		}
		t.examined++
		t.add(ns.Namespace.Name, ns.Outcome)
	}
	return t
}

func (t *tally) add(namespace string, o *Outcome) {
	t.findings = append(t.findings, o.Findings...)
	t.create += o.Preview.Create
	t.update += o.Preview.Update
	t.remove += o.Preview.Delete
	switch o.State {
	case Applied:
		t.applied++
	case Applying:
		t.applying++
	case Failed:
		t.failed++
		t.failedIn = append(t.failedIn, namespace)
		if t.firstFailure == "" {
			t.firstFailure = fmt.Sprintf("Namespace %s: %s", namespace, o.Error)
		}
	case Conflicted:
		t.conflicted.add(o.Error)
	case Contested:
		t.contested.add(o.Error)
	case Frozen:
		if o.Error != "" {
			t.tooLarge.add(fmt.Sprintf("Namespace %s: %s", namespace, o.Error))
		}
	case Removed, Released:
	}
}

func (t *tally) counts() *v1alpha1.NamespaceCounts {
	return &v1alpha1.NamespaceCounts{Selected: t.selected, Applied: t.applied, Failed: t.failed + t.stuck(), Refused: t.refused}
}
