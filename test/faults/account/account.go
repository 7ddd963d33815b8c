// Package account holds what a test of faults has done and seen, for those who read it and for the soak's table.
package account

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"
)

// EntryName is the name of the report entry with which a Ginkgo spec hands over its account.
const EntryName = "measured"

// NoTime is why a spec was skipped for which there was no time.
const NoTime = "no time is left"

// Account is what one spec has done and seen.
type Account struct {
	// Test says in a few words what was tested, such as "crash at every write". Accounts of the same test are added up.
	Test string
	// Faults is how many faults were injected.
	Faults int
	// Writes is the number of committed writes after each of which the invariants were checked.
	Writes int
	// Recoveries are the times from the end of a fault, or the last of several, until all was as it must be.
	Recoveries []time.Duration
	// Note is what else is worth saying, in a few words; it may be empty.
	Note string
}

// String says it in one line.
func (a Account) String() string {
	parts := []string{fmt.Sprintf("%d faults", a.Faults)}
	if a.Writes > 0 {
		parts = append(parts, fmt.Sprintf("%d writes checked", a.Writes))
	}
	if len(a.Recoveries) > 0 {
		parts = append(parts, fmt.Sprintf("recovered within %.1f s in the median, %.1f s at worst", a.Median().Seconds(), a.Worst().Seconds()))
	}
	if a.Note != "" {
		parts = append(parts, a.Note)
	}
	return a.Test + ": " + strings.Join(parts, ", ")
}

// Median returns the median of the recovery times, 0 when there are none.
func (a Account) Median() time.Duration {
	if len(a.Recoveries) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(a.Recoveries))
	return sorted[len(sorted)/2]
}

// Worst returns the longest of the recovery times, 0 when there are none.
func (a Account) Worst() time.Duration {
	if len(a.Recoveries) == 0 {
		return 0
	}
	return slices.Max(a.Recoveries)
}

// Add returns both accounts in one, which keeps the test and the note of the first.
func (a Account) Add(b Account) Account {
	a.Faults += b.Faults
	a.Writes += b.Writes
	a.Recoveries = slices.Concat(a.Recoveries, b.Recoveries)
	return a
}

// Of returns the accounts that the specs of a Ginkgo report handed over, in order. What else they measured is not among them.
func Of(report types.Report) []Account {
	var out []Account
	for _, spec := range report.SpecReports {
		for _, entry := range spec.ReportEntries {
			var a Account
			if entry.Name == EntryName && json.Unmarshal([]byte(entry.Value.AsJSON), &a) == nil && a.Test != "" {
				out = append(out, a)
			}
		}
	}
	return out
}
