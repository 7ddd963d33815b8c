package main

import (
	"fmt"
	"time"

	"firebreak.dev/firebreak/test/bench/figures"
	"firebreak.dev/firebreak/test/bench/rounds"
)

// ratio is what a comparison comes to.
func ratio(id string, c rounds.Comparison) figures.Figure {
	return figures.Figure{
		ID: id, Value: c.Ratio(), Unsteady: unsteady(c),
		Detail: fmt.Sprintf("bare %s, Firebreak %s, %d rounds%s", text(c.Bare()), text(c.Firebreak()), len(c), tries(c)),
	}
}

// slowest is what a comparison comes to by the slowest hundredth of each turn.
func slowest(id string, c rounds.Comparison) figures.Figure {
	f := ratio(id, c.At(0.99))
	f.Detail += tries(c)
	return f
}

// tries says how often each side did the work; empty where that was once in a turn.
func tries(c rounds.Comparison) string {
	if c.Tries() == 2*len(c) {
		return ""
	}
	return fmt.Sprintf(", %d tries each", c.Tries())
}

// growth is how much a ratio changes with the size.
func growth(id string, small, large, by float64, of ...rounds.Comparison) figures.Figure {
	return figures.Figure{ID: id, Value: by, Detail: fmt.Sprintf("from %.2fx to %.2fx", small, large), Unsteady: unsteady(of...)}
}

// unsteady says why comparisons conclude nothing; empty when they do.
func unsteady(all ...rounds.Comparison) string {
	for _, c := range all {
		switch {
		case c.IsSteady():
		case len(c) < rounds.FewestRounds:
			return fmt.Sprintf("%d of at least %d rounds", len(c), rounds.FewestRounds)
		default:
			return fmt.Sprintf("the bare client's rounds spread over %.0f %%", 100*c.Spread())
		}
	}
	return ""
}

// tell says how a round went.
func (b *bench) tell(number int, r rounds.Round) {
	c := rounds.Comparison{r}
	b.say("  round %d: bare %s, Firebreak %s", number, text(c.Bare()), text(c.Firebreak()))
}

// text is a time with three digits or so.
func text(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 100*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}
