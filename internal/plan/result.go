package plan

import (
	"errors"
	"maps"

	"firebreak.dev/firebreak/internal/compiler"
)

// ErrUnconfirmed says that the API server has not got a profile as the cache shows it, which will catch up: it is gone, it
// is of an earlier generation, or another one bears its name. Nothing may be written for it meanwhile.
var ErrUnconfirmed = errors.New("the API server has not got it as the cache shows it")

// Result is what became of a ChangeSet. Every change of it is in one of the lists.
type Result struct {
	Written  []Written
	Failures []Failure
	// Skipped are the changes that were left for later because an earlier step failed.
	Skipped []Change
}

// Written is a committed write.
type Written struct {
	Change Change
	// ResourceVersion of the policy after the write; empty for a deletion.
	ResourceVersion string
}

// Failure is a write that was refused or whose fate is unknown.
type Failure struct {
	Change Change
	Err    error
}

// Open returns the changes that are not known to have been made, failures first.
func (r Result) Open() []Change {
	var out []Change
	for _, f := range r.Failures {
		out = append(out, f.Change)
	}
	return append(out, r.Skipped...)
}

// Settled returns the forms of the policies that are right after a ChangeSet was carried out, or that wait to be put right
// again, by name: what the next plan takes as Input.Applied.
func Settled(outputs []compiler.Output, set ChangeSet, result Result) map[string]string {
	open, drifted := map[string]bool{}, map[string]bool{}
	for _, c := range append(result.Open(), set.Withheld...) {
		open[c.Name()] = true
		drifted[c.Name()] = drifted[c.Name()] || c.Correction
	}
	// What was right, and is not put right again yet, is drift until it is; also where that takes two writes.
	maps.DeleteFunc(open, func(name string, _ bool) bool { return drifted[name] })
	for _, c := range set.Conflicts {
		open[c.Policy] = true
	}
	forms := map[string]string{}
	for _, o := range outputs {
		if o.Disposition != compiler.Enforce {
			continue
		}
		for _, policy := range o.Policies {
			if !open[policy.Name] {
				forms[policy.Name] = formOf(&policy)
			}
		}
	}
	return forms
}
