package account_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/onsi/ginkgo/v2/types"

	"firebreak.dev/firebreak/test/faults/account"
)

func TestAnAccountIsSaidInALine(t *testing.T) {
	a := account.Account{Test: "a crash at every write", Faults: 3, Writes: 40, Recoveries: []time.Duration{time.Second, 300 * time.Millisecond, 2 * time.Second}, Note: "nothing else"}
	if got, want := a.String(), "a crash at every write: 3 faults, 40 writes checked, recovered within 1.0 s in the median, 2.0 s at worst, nothing else"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := (account.Account{Test: "nothing"}).String(), "nothing: 0 faults"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAccountsAddUp(t *testing.T) {
	sum := account.Account{Test: "crash", Faults: 1, Writes: 10, Recoveries: []time.Duration{3}}.
		Add(account.Account{Test: "other", Faults: 2, Writes: 20, Recoveries: []time.Duration{1, 2}})
	if sum.Test != "crash" || sum.Faults != 3 || sum.Writes != 30 || sum.Median() != 2 || sum.Worst() != 3 {
		t.Errorf("got %+v", sum)
	}
	if none := (account.Account{}); none.Median() != 0 || none.Worst() != 0 {
		t.Errorf("got %s and %s of nothing", none.Median(), none.Worst())
	}
}

func TestAccountsAreReadFromAReportThatWasWrittenAndRead(t *testing.T) {
	entry := func(name string, value any) types.ReportEntry {
		return types.ReportEntry{Name: name, Value: types.WrapEntryValue(value)}
	}
	a := account.Account{Test: "crash", Faults: 2, Recoveries: []time.Duration{time.Second}}
	text, err := json.Marshal(types.Report{SpecReports: types.SpecReports{
		{ReportEntries: types.ReportEntries{entry(account.EntryName, "a line"), entry("something else", a)}},
		{ReportEntries: types.ReportEntries{entry(account.EntryName, a)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	var report types.Report
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatal(err)
	}
	got := account.Of(report)
	if len(got) != 1 || got[0].Test != a.Test || got[0].Faults != a.Faults || !slices.Equal(got[0].Recoveries, a.Recoveries) {
		t.Errorf("got %+v", got)
	}
}
