package rounds

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// round is one in which each side takes so long each time, in seconds.
func round(bare, firebreak float64) Round {
	b, f := time.Duration(bare*float64(time.Second)), time.Duration(firebreak*float64(time.Second))
	return Round{Bare: [2][]time.Duration{{b}, {b}}, Firebreak: [2][]time.Duration{{f}, {f}}}
}

func TestTheSidesTakeTurnsSoThatNeitherIsWronged(t *testing.T) {
	var turns strings.Builder
	// The machine becomes slower by a second with every turn.
	now := time.Duration(0)
	side := func(name string) Work {
		return func(context.Context) ([]time.Duration, error) {
			turns.WriteString(name)
			now += time.Second
			return []time.Duration{now}, nil
		}
	}
	told := 0
	c, err := Compare(t.Context(), 2, side("A"), side("B"), func(number int, _ Round) { told = number })
	if err != nil || turns.String() != "ABBAABBA" || told != 2 {
		t.Errorf("%v, %s, told of %d", err, turns.String(), told)
	}
	if got := c.Ratio(); got != 1 {
		t.Errorf("the ratio is %f", got)
	}
}

func TestARatioIsTheMedianOfTheRounds(t *testing.T) {
	for name, c := range map[string]struct {
		rounds       Comparison
		ratio        float64
		bare, spread float64
		steady       bool
	}{
		"one":                   {Comparison{round(2, 3)}, 1.5, 2, 0, false},
		"one that is far off":   {Comparison{round(2, 3), round(2, 2.4), round(2, 40)}, 1.5, 2, 0, true},
		"an even number":        {Comparison{round(2, 2), round(2, 3), round(2, 4), round(2, 9)}, 1.75, 2, 0, true},
		"a machine that slows":  {Comparison{round(1, 1.2), round(2, 2.4), round(4, 4.8)}, 1.2, 2, 1.5, false},
		"just steady enough":    {Comparison{round(10, 10), round(10.5, 10.5), round(10, 10)}, 1, 10, 0.05, true},
		"just not steady":       {Comparison{round(10, 10), round(11.6, 11.6), round(10, 10)}, 1, 10, 0.16, false},
		"each turn for half of": {Comparison{{Bare: [2][]time.Duration{{time.Second}, {3 * time.Second}}, Firebreak: [2][]time.Duration{{time.Second}, {5 * time.Second}}}}, 1.5, 2, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.rounds.Ratio(); math.Abs(got-c.ratio) > 1e-9 {
				t.Errorf("the ratio is %f, want %f", got, c.ratio)
			}
			if got := c.rounds.Bare().Seconds(); math.Abs(got-c.bare) > 1e-9 {
				t.Errorf("the bare side took %f, want %f", got, c.bare)
			}
			if got := c.rounds.Spread(); math.Abs(got-c.spread) > 1e-9 || c.rounds.IsSteady() != c.steady {
				t.Errorf("the spread is %f, steady %t; want %f, %t", got, c.rounds.IsSteady(), c.spread, c.steady)
			}
		})
	}
}

func TestARoundThatFailsIsNoRound(t *testing.T) {
	works := func(context.Context) ([]time.Duration, error) { return []time.Duration{time.Second}, nil }
	hot := errors.New("too hot")
	for name, broken := range map[string]Work{
		"an error":       func(context.Context) ([]time.Duration, error) { return []time.Duration{time.Second}, hot },
		"no time at all": func(context.Context) ([]time.Duration, error) { return nil, nil },
		"less than none": func(context.Context) ([]time.Duration, error) { return []time.Duration{time.Second, -1}, nil },
	} {
		if c, err := Compare(t.Context(), 3, works, broken, func(int, Round) { t.Errorf("%s: it was told", name) }); err == nil || len(c) > 0 {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if _, err := Compare(t.Context(), 0, works, works, nil); err == nil {
		t.Error("no round at all is a comparison")
	}
}

func TestWorkThatIsRepeatedCountsByTheMedianOfATurn(t *testing.T) {
	// Every third time the machine is busy with something else.
	times := 0
	bare := func(context.Context) ([]time.Duration, error) {
		times++
		if times%3 == 0 {
			return []time.Duration{time.Minute}, nil
		}
		return []time.Duration{time.Second}, nil
	}
	firebreak := func(context.Context) ([]time.Duration, error) { return []time.Duration{2 * time.Second}, nil }
	c, err := Compare(t.Context(), 5, Repeated(3, bare), firebreak, func(int, Round) {})
	if err != nil || c.Ratio() != 2 || !c.IsSteady() || c.Tries() != 30 || times != 30 {
		t.Errorf("%v: a ratio of %v, steady %t, %d tries of %d", err, c.Ratio(), c.IsSteady(), c.Tries(), times)
	}
	hot := errors.New("too hot")
	fails := func(context.Context) ([]time.Duration, error) { return []time.Duration{time.Second}, hot }
	if took, err := Repeated(3, fails)(t.Context()); !errors.Is(err, hot) || took != nil {
		t.Errorf("work that fails: %v, %v", took, err)
	}
}

func TestTheSlowestPiecesAreComparedByThemselves(t *testing.T) {
	// Of each turn's hundred, one takes longer; in one round it is the machine that was slow then.
	turn := func(usual, slowest time.Duration) []time.Duration {
		return append(slices.Repeat([]time.Duration{usual}, 99), slowest)
	}
	round := func(bare, firebreak time.Duration) Round {
		return Round{
			Bare:      [2][]time.Duration{turn(1, bare), turn(1, bare)},
			Firebreak: [2][]time.Duration{turn(2, firebreak), turn(2, firebreak)},
		}
	}
	c := Comparison{round(10, 40), round(10, 40), round(1000, 1000)}
	if got := c.Ratio(); got != 2 || !c.IsSteady() {
		t.Errorf("the usual ones: %v, steady %v", got, c.IsSteady())
	}
	slowest := c.At(0.99)
	if got := slowest.Ratio(); got != 4 || slowest.IsSteady() || slowest.Bare() != 10 || slowest.Firebreak() != 40 {
		t.Errorf("the slowest: %v of %v and %v, steady %v", got, slowest.Bare(), slowest.Firebreak(), slowest.IsSteady())
	}
}
