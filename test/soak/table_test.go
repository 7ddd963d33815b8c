package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2/types"

	"firebreak.dev/firebreak/test/faults/account"
)

func spec(state types.SpecState, accounts ...account.Account) types.SpecReport {
	s := types.SpecReport{State: state, ContainerHierarchyTexts: []string{"An operator"}, LeafNodeText: "gets there", LeafNodeType: types.NodeTypeIt}
	for _, a := range accounts {
		s.ReportEntries = append(s.ReportEntries, types.ReportEntry{Name: account.EntryName, Value: types.WrapEntryValue(a)})
	}
	return s
}

// reread returns a report as it comes back from the file that a suite writes.
func reread(t *testing.T, report types.Report) types.Report {
	t.Helper()
	text, err := json.Marshal([]types.Report{report})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	report, err = readReport(file)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestTheTableAddsUpTheRounds(t *testing.T) {
	table := newTable()
	for range 2 {
		table.add(reread(t, types.Report{SpecReports: types.SpecReports{spec(types.SpecStatePassed,
			account.Account{Test: "crash", Faults: 3, Writes: 40, Recoveries: []time.Duration{time.Second, 2 * time.Second}},
			account.Account{Test: "quiet", Writes: 7},
		)}}))
	}
	var out strings.Builder
	if err := table.print(&out); err != nil {
		t.Fatal(err)
	}
	const want = `TEST    RUNS   FAULTS   WRITES CHECKED   VIOLATIONS   MEDIAN RECOVERY   WORST
crash   2      6        80               0            2.0 s             2.0 s
quiet   2      0        14               0            -                 -
all     4      6        94               0            2.0 s             2.0 s
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if table.violations() != 0 {
		t.Errorf("there are %d violations", table.violations())
	}
}

func TestASpecThatFailsIsAViolationAndCanBeRunAgain(t *testing.T) {
	failed := spec(types.SpecStateFailed, account.Account{Test: "crash", Faults: 1})
	failed.Failure.Message = "a policy was deleted\nand more"
	failed.LeafNodeText = "gets there on the leader's word"
	table := newTable()
	table.add(reread(t, types.Report{
		SuiteConfig: types.SuiteConfig{RandomSeed: 17},
		SpecReports: types.SpecReports{failed, spec(types.SpecStatePanicked), spec(types.SpecStateSkipped)},
	}))
	if table.violations() != 2 {
		t.Errorf("there are %d violations, want 2", table.violations())
	}
	var out strings.Builder
	if err := table.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"FAILED: An operator gets there on", "a policy was deleted\n", "-ginkgo.seed=17 -ginkgo.focus='gets there on the leader'\\''s word'"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestASpecForWhichThereWasNoTimeIsCounted(t *testing.T) {
	late := spec(types.SpecStateSkipped)
	late.Failure.Message = account.NoTime
	table := newTable()
	table.add(reread(t, types.Report{SpecReports: types.SpecReports{late, spec(types.SpecStateSkipped), late}}))
	if table.untimely != 2 || table.violations() != 0 {
		t.Errorf("for %d there was no time, and %d are violations", table.untimely, table.violations())
	}
}

func TestARoundWithoutAReportIsAnError(t *testing.T) {
	if report, err := readReport(filepath.Join(t.TempDir(), "none.json")); err == nil {
		t.Errorf("got %v", report)
	}
}

func TestWhatWasSkippedIsNotSaidToBeOK(t *testing.T) {
	if got, want := verdict("vulncheck", "compiling\nvulncheck: SKIPPED, the database cannot be read\n"), "SKIPPED, the database cannot be read"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := verdict("fuzz", "4 targets\n"), "ok, see bin/soak/fuzz.log"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
