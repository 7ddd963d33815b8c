// Package figures holds what was measured against what it should be, and makes a table of both.
package figures

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Target is what a figure should be. One with neither bound is told and not judged.
type Target struct {
	ID string `json:"id"`
	// What says what is measured, for the table.
	What string `json:"what"`
	// Unit is what the figure counts, as it is written behind it: "x", " B", " % of a core".
	Unit    string   `json:"unit,omitempty"`
	AtMost  *float64 `json:"atMost,omitempty"`
	AtLeast *float64 `json:"atLeast,omitempty"`
}

// Figure is what was measured.
type Figure struct {
	ID    string  `json:"id"`
	Value float64 `json:"value"`
	// Detail says what the figure is made of, so that it can be understood and checked.
	Detail string `json:"detail,omitempty"`
	// Unsteady says why nothing can be concluded; empty when something can.
	Unsteady string `json:"unsteady,omitempty"`
	// Commit is what was measured.
	Commit string `json:"commit,omitempty"`
}

// Verdict is what a figure says of its target.
type Verdict string

// The verdicts.
const (
	Met    Verdict = "met"
	Missed Verdict = "missed"
	// Open: it was not measured, or in a way that nothing can be concluded from.
	Open Verdict = "no verdict"
	// Told: there is no bound.
	Told Verdict = ""
)

// Judge says what a figure, nil when there is none, says of a target.
func Judge(t Target, f *Figure) Verdict {
	switch {
	case f != nil && t.AtMost == nil && t.AtLeast == nil:
		return Told
	case f == nil || f.Unsteady != "":
		return Open
	case t.AtMost != nil && !(f.Value <= *t.AtMost), t.AtLeast != nil && !(f.Value >= *t.AtLeast):
		return Missed
	}
	return Met
}

// Find returns the figure with this ID; nil when there is none.
func Find(all []Figure, id string) *Figure {
	i := slices.IndexFunc(all, func(f Figure) bool { return f.ID == id })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// Merge returns the figures of a later run, and of an earlier one those that the later has not, in the order of the targets.
// What is no target's is left out.
func Merge(targets []Target, earlier, later []Figure) []Figure {
	var out []Figure
	for _, t := range targets {
		if f := Find(later, t.ID); f != nil {
			out = append(out, *f)
		} else if f := Find(earlier, t.ID); f != nil {
			out = append(out, *f)
		}
	}
	return out
}

// NotMet returns a line for each of some figures that misses its target, or that nothing can be concluded from, and an error if
// one has no target.
func NotMet(targets []Target, all []Figure) ([]string, error) {
	var out []string
	for i := range all {
		f := &all[i]
		t := slices.IndexFunc(targets, func(t Target) bool { return t.ID == f.ID })
		if t < 0 {
			return nil, fmt.Errorf("there is no target %q", f.ID)
		}
		target := targets[t]
		said := fmt.Sprintf("%s: %s, want %s (%s)", f.ID, number(f.Value)+target.Unit, target.bound(), f.Detail)
		switch Judge(target, f) {
		case Missed:
			out = append(out, said)
		case Open:
			out = append(out, said+": "+f.Unsteady)
		case Met, Told:
		}
	}
	return out, nil
}

// bound is what a target asks for, as text; empty for none.
func (t Target) bound() string {
	var out []string
	if t.AtMost != nil {
		out = append(out, "at most "+number(*t.AtMost)+t.Unit)
	}
	if t.AtLeast != nil {
		out = append(out, "at least "+number(*t.AtLeast)+t.Unit)
	}
	return strings.Join(out, ", ")
}

// number writes a figure with as many places as mean something: three digits, or all before the point; two where it begins with zeros.
func number(value float64) string {
	places := 2
	switch abs := max(value, -value); {
	case abs >= 100:
		places = 0
	case abs >= 10:
		places = 1
	case abs >= 0.0001 && abs < 0.1:
		places = 1 - int(math.Floor(math.Log10(abs)))
	}
	text := strconv.FormatFloat(value, 'f', places, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		return "0"
	}
	return grouped(text)
}

// grouped puts commas between the thousands of a number.
func grouped(text string) string {
	whole, fraction, hasFraction := strings.Cut(text, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if hasFraction {
		whole += "." + fraction
	}
	return sign + whole
}
