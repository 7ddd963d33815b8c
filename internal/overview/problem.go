package overview

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// ProblemKind is a kind of thing that can be wrong with a profile.
type ProblemKind string

const (
	// NeverSeen means: the operator has not looked at the profile.
	NeverSeen ProblemKind = "NeverSeen"
	// Outdated means: the operator has not looked at the profile as it is now.
	Outdated ProblemKind = "Outdated"
	// NotAccepted means: the spec is refused, and nothing new is written for it.
	NotAccepted ProblemKind = "NotAccepted"
	// NotReady means: the policies were not brought to what the profile wants.
	NotReady ProblemKind = "NotReady"
	// NotIsolated means: other policies admit what no profile declares.
	NotIsolated ProblemKind = "NotIsolated"
	// PoliciesDiffer means: at this moment, policies are not as the profile wants them.
	PoliciesDiffer ProblemKind = "PoliciesDiffer"
	// IsolationUnknown means: whether other policies admit more is not known.
	IsolationUnknown ProblemKind = "IsolationUnknown"
	// Unresolved means: the profile refers to something that is not there.
	Unresolved ProblemKind = "Unresolved"
	// ErrorFindings means: there are findings of severity Error that no condition speaks of.
	ErrorFindings ProblemKind = "ErrorFindings"
	// NotCovered means: tiers do not select the pods that they should.
	NotCovered ProblemKind = "NotCovered"
)

// ProblemKinds lists the kinds of problems, gravest first: what is only known of the past comes after that it is past.
func ProblemKinds() []ProblemKind {
	return []ProblemKind{NeverSeen, Outdated, NotAccepted, NotReady, NotIsolated, PoliciesDiffer, IsolationUnknown, Unresolved, ErrorFindings, NotCovered}
}

// Words returns what stands after "is" or a number: "not isolated".
func (k ProblemKind) Words() string {
	switch k {
	case NotAccepted:
		return "not accepted"
	case NotReady:
		return "not ready"
	case NotIsolated:
		return "not isolated"
	case NeverSeen:
		return "not yet looked at"
	case Outdated:
		return "not looked at since it changed"
	case PoliciesDiffer:
		return "with policies that differ"
	case Unresolved:
		return "with references to nothing"
	case ErrorFindings:
		return "with errors"
	case NotCovered:
		return "not covered"
	case IsolationUnknown:
		return "of unknown isolation"
	}
	return string(k)
}

// Problem is something that is wrong with a profile.
type Problem struct {
	Kind ProblemKind `json:"kind"`
	// Condition is the type of the condition that says so; empty when none does.
	Condition string `json:"condition,omitempty"`
	// Status and Reason are those of the condition; Reason may be the code of a finding.
	Status metav1.ConditionStatus `json:"status,omitempty"`
	Reason string                 `json:"reason,omitempty"`
	// Message is a sentence or more.
	Message string `json:"message"`
	// Since is when the condition became so; nil when that is not known.
	Since *metav1.Time `json:"since,omitempty"`
}

// problemsOf returns what is wrong with a profile, gravest first.
func problemsOf(p Profile) []Problem {
	var out []Problem
	add := func(problem *Problem) {
		if problem != nil {
			out = append(out, *problem)
		}
	}
	add(lookProblem(p))
	if p.Look != LookNever {
		add(readyProblem(p))
		add(p.unless(NotIsolated, v1alpha1.ConditionIsolated, metav1.ConditionFalse))
		add(p.unless(Unresolved, v1alpha1.ConditionResolvedRefs, metav1.ConditionFalse))
		add(p.unless(NotCovered, v1alpha1.ConditionCovered, metav1.ConditionFalse))
		add(unknownIsolation(p, len(out) > 0))
		add(errorFindings(p, out))
	}
	add(differing(p))
	slices.SortStableFunc(out, func(a, b Problem) int {
		return slices.Index(ProblemKinds(), a.Kind) - slices.Index(ProblemKinds(), b.Kind)
	})
	return out
}

func lookProblem(p Profile) *Problem {
	switch p.Look {
	case LookNever:
		return &Problem{Kind: NeverSeen, Message: "The operator has not looked at the profile yet.", Since: &p.Created}
	case LookOutdated:
		return &Problem{Kind: Outdated, Message: fmt.Sprintf("The operator has not looked yet at generation %d of the profile; what it says is of generation %d.",
			p.Generation, p.Status.ObservedGeneration)}
	default:
		return nil
	}
}

// readyProblem says why a profile is not ready. That it is not accepted is why, when it is not.
func readyProblem(p Profile) *Problem {
	if refused := p.unless(NotAccepted, v1alpha1.ConditionAccepted, metav1.ConditionFalse); refused != nil {
		return refused
	}
	return p.unless(NotReady, v1alpha1.ConditionReady, metav1.ConditionFalse, metav1.ConditionUnknown)
}

// unless returns a problem when the condition has one of the statuses.
func (p Profile) unless(kind ProblemKind, condition string, bad ...metav1.ConditionStatus) *Problem {
	c := p.Condition(condition)
	if !slices.Contains(bad, c.Status) {
		return nil
	}
	out := &Problem{Kind: kind, Condition: condition, Status: c.Status, Reason: c.Reason, Message: c.Message}
	// The status that a profile is created with is older than anything.
	if c.LastTransitionTime.Unix() > 0 {
		out.Since = &c.LastTransitionTime
	}
	return out
}

// unknownIsolation says that the isolation of an enforced profile is not known, unless that is so because of something else
// that is wrong.
func unknownIsolation(p Profile, explained bool) *Problem {
	reason := p.Condition(v1alpha1.ConditionIsolated).Reason
	if reason == v1alpha1.ReasonPreviewed || (explained && (reason == v1alpha1.ReasonPending || reason == "")) {
		return nil
	}
	return p.unless(IsolationUnknown, v1alpha1.ConditionIsolated, metav1.ConditionUnknown)
}

// errorFindings speaks of the first finding of severity Error that none of the problems gives as its reason.
func errorFindings(p Profile, told []Problem) *Problem {
	for _, f := range p.Status.Findings {
		if f.Severity == v1alpha1.SeverityError && !slices.ContainsFunc(told, func(t Problem) bool { return t.Reason == string(f.Code) }) {
			return &Problem{Kind: ErrorFindings, Reason: string(f.Code), Message: f.Message}
		}
	}
	return nil
}

// differing says which policies are not as they should be.
func differing(p Profile) *Problem {
	n := len(p.Now.Differences)
	if n == 0 || p.deleting {
		return nil
	}
	verb := "policies differ"
	if n == 1 {
		verb = "policy differs"
	}
	return &Problem{Kind: PoliciesDiffer, Message: fmt.Sprintf("At this moment, %d %s from what the profile wants: %s.", n, verb, p.Now.firstFew())}
}

// Untold returns the findings of severity Error and Warning that are of other kinds than those that the problems give as their
// reasons, gravest first.
func (p Profile) Untold() []v1alpha1.Finding {
	var out []v1alpha1.Finding
	for _, f := range p.Status.Findings {
		told := slices.ContainsFunc(p.Problems, func(t Problem) bool { return t.Reason == string(f.Code) })
		if !told && f.Severity != v1alpha1.SeverityInfo {
			out = append(out, f)
		}
	}
	return out
}
