package figures

import (
	"math"
	"slices"
	"strings"
	"testing"
)

var targets = []Target{
	{ID: "roll-out", What: "Rolling out", Unit: "x", AtMost: new(1.25)},
	{ID: "compiler", What: "Compiling", Unit: " policies a second", AtLeast: new(50000.0)},
	{ID: "allocations", What: "Allocating"},
}

func TestAFigureIsJudgedByItsTarget(t *testing.T) {
	for name, c := range map[string]struct {
		target int
		figure *Figure
		want   Verdict
	}{
		"at the most":              {0, &Figure{Value: 1.25}, Met},
		"above the most":           {0, &Figure{Value: 1.2501}, Missed},
		"at the least":             {1, &Figure{Value: 50000}, Met},
		"below the least":          {1, &Figure{Value: 49999}, Missed},
		"that is no number":        {0, &Figure{Value: math.NaN()}, Missed},
		"nor here":                 {1, &Figure{Value: math.NaN()}, Missed},
		"from an unsteady machine": {0, &Figure{Value: 1, Unsteady: "spread 20 %"}, Open},
		"that there is not":        {0, nil, Open},
		"without a bound":          {2, &Figure{Value: 7, Unsteady: "spread 20 %"}, Told},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Judge(targets[c.target], c.figure); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestALaterRunReplacesWhatItMeasuredAndNothingElse(t *testing.T) {
	earlier := []Figure{{ID: "compiler", Value: 1}, {ID: "roll-out", Value: 2}, {ID: "of no target"}}
	got := Merge(targets, earlier, []Figure{{ID: "allocations", Value: 3}, {ID: "compiler", Value: 4}})
	want := []Figure{{ID: "roll-out", Value: 2}, {ID: "compiler", Value: 4}, {ID: "allocations", Value: 3}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatIsNotMetIsSaidWithWhatItShouldBe(t *testing.T) {
	got, err := NotMet(targets, []Figure{
		{ID: "roll-out", Value: 1.5, Detail: "3 s of 2 s"}, {ID: "compiler", Value: 60000, Detail: "once", Unsteady: "too hot"}, {ID: "allocations", Value: 1, Unsteady: "too hot"},
	})
	if err != nil || !slices.Equal(got, []string{
		"roll-out: 1.5x, want at most 1.25x (3 s of 2 s)", "compiler: 60,000 policies a second, want at least 50,000 policies a second (once): too hot",
	}) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := NotMet(targets, []Figure{{ID: "other"}}); err == nil {
		t.Error("a figure without a target is no error")
	}
}

func TestTheTableHasALineForEachTarget(t *testing.T) {
	got := Markdown(targets, []Figure{
		{ID: "roll-out", Value: 1.004, Detail: "a|b"}, {ID: "compiler", Value: 1234567.8, Unsteady: "spread 20 %"},
	})
	want := `| What | Target | Measured | Verdict | Made of |
| --- | --- | ---: | --- | --- |
| Rolling out | at most 1.25x | 1x | met | a\|b |
| Compiling | at least 50,000 policies a second | 1,234,568 policies a second | no verdict: spread 20 % |  |
| Allocating |  |  | not measured |  |
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	var out strings.Builder
	if err := Print(&out, targets, []Figure{{ID: "compiler", Value: 50000}}); err != nil || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("printed, %v:\n%s", err, out.String())
	}
}

func TestADocumentGetsAnotherTable(t *testing.T) {
	document := "before\n" + begin + "old\n" + end + "after\n"
	got, err := Replace(document, "new\n")
	if want := "before\n" + begin + "new\n" + end + "after\n"; err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	for _, without := range []string{"", begin, end, end + begin} {
		if _, err := Replace(without, "new\n"); err == nil {
			t.Errorf("%q has a place for a table", without)
		}
	}
}

func TestNumbersHaveTheDigitsThatMeanSomething(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 1: "1", 1.256: "1.26", -0.001: "-0.001", 0.0034165: "0.0034", 0.0566: "0.057", 0.00001: "0", -0.00001: "0", 12.34: "12.3", 12.0: "12", 999.5: "1,000", 250: "250", 1e6: "1,000,000", -1234.5: "-1,234",
	} {
		if got := number(value); got != want {
			t.Errorf("%v: %q, want %q", value, got, want)
		}
	}
}
