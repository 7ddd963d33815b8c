package checkup

import (
	"cmp"
	"slices"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// The codes of results that are no findings of the operator.
const (
	// CodeUnreadable: a document is no API object, or none of its kind.
	CodeUnreadable v1alpha1.FindingCode = "Unreadable"
	// CodeUnknownField: a profile has a field that there is not, so the API server refuses it.
	CodeUnknownField v1alpha1.FindingCode = "UnknownField"
	// CodeInvalid: a profile breaks a rule, so the API server or the operator refuses it.
	CodeInvalid v1alpha1.FindingCode = "Invalid"
	// CodeGivenTwice: a profile is in the files a second time, and the last one applied would win, so that only the last is
	// judged.
	CodeGivenTwice v1alpha1.FindingCode = "GivenTwice"
	// CodeNotChecked: something can be told in a cluster only.
	CodeNotChecked v1alpha1.FindingCode = "NotChecked"
)

// Object names an object. The JSON of it and of the types below is what `kubectl firebreak check -o json` prints.
type Object struct {
	Kind string `json:"kind"`
	// Namespace is empty for objects that are in none.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

// String returns "SegmentationProfile shop/web".
func (o Object) String() string {
	return snapshot.ProfileKey{Kind: v1alpha1.Kind(o.Kind), Namespace: o.Namespace, Name: o.Name}.String()
}

func objectOf(key snapshot.ProfileKey) Object {
	return Object{Kind: string(key.Kind), Namespace: key.Namespace, Name: key.Name}
}

// Result is one thing that was found.
type Result struct {
	Severity v1alpha1.Severity    `json:"severity"`
	Code     v1alpha1.FindingCode `json:"code"`
	Message  string               `json:"message"`
	// Object is what it was found about; nil for a document that is no object.
	Object *Object `json:"object,omitempty"`
	// Namespace is where, if that is not the object's own.
	Namespace string `json:"namespace,omitempty"`
	// Field is the path of the field, such as spec.tiers[0].name; empty when it is about the object as a whole.
	Field string `json:"field,omitempty"`
	// File is as it was named; "-" for standard input, and the kustomization file for what kustomize built.
	File string `json:"file"`
	// Line is from 1; 0 when there is none to speak of.
	Line int `json:"line,omitempty"`
}

// Profile is a profile that was checked.
type Profile struct {
	Object
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
}

// Summary counts results. Those that were not checked count as such and not by their severity.
type Summary struct {
	Errors     int `json:"errors"`
	Warnings   int `json:"warnings"`
	Infos      int `json:"infos"`
	NotChecked int `json:"notChecked"`
}

// Report is what came of a checkup.
type Report struct {
	// Files are all that were read, in the order in which they were named.
	Files []string `json:"files"`
	// Profiles are all that were found, in the order of the files.
	Profiles []Profile `json:"profiles"`
	// OtherObjects is the number of objects in the files besides profiles.
	OtherObjects int     `json:"otherObjects"`
	Summary      Summary `json:"summary"`
	// Results are sorted by file, line and severity. Never nil.
	Results []Result `json:"results"`
}

// Fails says whether a result is at least as grave as a severity. What was not checked never is.
func (r Result) Fails(least v1alpha1.Severity) bool {
	return r.Code != CodeNotChecked && rank(r.Severity) <= rank(least)
}

// Fails says whether any result is at least as grave as a severity.
func (r *Report) Fails(least v1alpha1.Severity) bool {
	return slices.ContainsFunc(r.Results, func(result Result) bool { return result.Fails(least) })
}

func rank(s v1alpha1.Severity) int {
	return slices.Index([]v1alpha1.Severity{v1alpha1.SeverityError, v1alpha1.SeverityWarning, v1alpha1.SeverityInfo}, s)
}

// finish sorts the results and counts them.
func (r *Report) finish() {
	order := map[string]int{}
	for i, file := range r.Files {
		order[file] = i
	}
	slices.SortStableFunc(r.Results, func(a, b Result) int {
		return cmp.Or(cmp.Compare(order[a.File], order[b.File]), cmp.Compare(a.Line, b.Line), cmp.Compare(rank(a.Severity), rank(b.Severity)),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
	})
	r.Results = slices.CompactFunc(r.Results, sameResult)
	for _, result := range r.Results {
		switch {
		case result.Code == CodeNotChecked:
			r.Summary.NotChecked++
		case result.Severity == v1alpha1.SeverityError:
			r.Summary.Errors++
		case result.Severity == v1alpha1.SeverityWarning:
			r.Summary.Warnings++
		default:
			r.Summary.Infos++
		}
	}
}

// sameResult says whether two results say the same, as those about a policy that concerns several profiles do.
func sameResult(a, b Result) bool {
	if a.Object == nil || b.Object == nil || *a.Object != *b.Object {
		return false
	}
	a.Object, b.Object = nil, nil
	return a == b
}
