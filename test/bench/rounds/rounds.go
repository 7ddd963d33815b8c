// Package rounds compares how long two sides take for the same work, on a machine that does other things as well: it lets
// them take turns, and judges by medians.
package rounds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MostSpread is how far the rounds of the bare side may differ from each other, as a share of their median, for a verdict to
// mean anything.
const MostSpread = 0.15

// FewestRounds is how many rounds it takes to see whether they differ.
const FewestRounds = 3

// Work does the work of one turn and returns how long each piece of it took, without what prepares it and cleans up.
type Work func(ctx context.Context) ([]time.Duration, error)

// Round is the times of one round. Each side had two turns: the bare one first and last, so that a machine that becomes slower
// or quicker meanwhile wrongs neither.
type Round struct {
	Bare, Firebreak [2][]time.Duration
}

// Comparison is the rounds in the order in which they were run.
type Comparison []Round

// Compare runs some rounds. After each it tells how it went.
func Compare(ctx context.Context, rounds int, bare, firebreak Work, tell func(number int, r Round)) (Comparison, error) {
	var all Comparison
	for number := 1; number <= rounds; number++ {
		var r Round
		for _, turn := range []struct {
			side string
			work Work
			into *[]time.Duration
		}{
			{"the bare client", bare, &r.Bare[0]}, {"Firebreak", firebreak, &r.Firebreak[0]},
			{"Firebreak", firebreak, &r.Firebreak[1]}, {"the bare client", bare, &r.Bare[1]},
		} {
			took, err := turn.work(ctx)
			if err != nil {
				return all, fmt.Errorf("round %d of %s: %w", number, turn.side, err)
			}
			if len(took) == 0 || slices.Min(took) <= 0 {
				return all, fmt.Errorf("round %d of %s: it took %v, which cannot be", number, turn.side, took)
			}
			*turn.into = took
		}
		all = append(all, r)
		tell(number, r)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no round to compare")
	}
	return all, nil
}

// Repeated does the same work some times in a turn, one after the other. The median of a turn counts, so what is over in seconds
// and happens to meet a garbage collection of the API server does not decide.
func Repeated(times int, work Work) Work {
	return func(ctx context.Context) ([]time.Duration, error) {
		var all []time.Duration
		for range times {
			took, err := work(ctx)
			if err != nil {
				return nil, err
			}
			all = append(all, took...)
		}
		return all, nil
	}
}

// Tries is how many pieces of work the bare side did in all rounds; Firebreak is given as many.
func (c Comparison) Tries() int {
	tries := 0
	for _, r := range c {
		tries += len(r.Bare[0]) + len(r.Bare[1])
	}
	return tries
}

// Ratio is the median, over the rounds, of how many times as long Firebreak took.
func (c Comparison) Ratio() float64 {
	return c.median(func(r Round) float64 { return typical(r.Firebreak) / typical(r.Bare) })
}

// At is the same comparison by one piece of work of each turn: that which takes longer than this share of the turn's.
func (c Comparison) At(share float64) Comparison {
	out := make(Comparison, 0, len(c))
	for _, r := range c {
		var at Round
		for i := range 2 {
			at.Bare[i] = []time.Duration{quantile(r.Bare[i], share)}
			at.Firebreak[i] = []time.Duration{quantile(r.Firebreak[i], share)}
		}
		out = append(out, at)
	}
	return out
}

// Bare is the median time of the bare side.
func (c Comparison) Bare() time.Duration {
	return time.Duration(c.median(func(r Round) float64 { return typical(r.Bare) }))
}

// Firebreak is the median time of Firebreak.
func (c Comparison) Firebreak() time.Duration {
	return time.Duration(c.median(func(r Round) float64 { return typical(r.Firebreak) }))
}

// Spread is how far the slowest and the quickest round of the bare side are apart, as a share of their median.
func (c Comparison) Spread() float64 {
	least, most := typical(c[0].Bare), typical(c[0].Bare)
	for _, r := range c {
		least, most = min(least, typical(r.Bare)), max(most, typical(r.Bare))
	}
	return (most - least) / float64(c.Bare())
}

// IsSteady says whether the bare side took about as long in each of at least FewestRounds: otherwise there is no verdict.
func (c Comparison) IsSteady() bool { return len(c) >= FewestRounds && c.Spread() <= MostSpread }

func (c Comparison) median(of func(Round) float64) float64 {
	var values []float64
	for _, r := range c {
		values = append(values, of(r))
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// typical is the mean of the two turns, of each of which the median counts.
func typical(turns [2][]time.Duration) float64 {
	return float64(quantile(turns[0], 0.5)+quantile(turns[1], 0.5)) / 2
}

// quantile returns the least of some times that this share of them does not exceed.
func quantile(times []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}
