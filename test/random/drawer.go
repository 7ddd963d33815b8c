package random

import (
	"math/rand/v2"
	"slices"
)

// Drawer draws. It is not safe for use side by side.
type Drawer struct{ *rand.Rand }

// New returns the drawer of one case of a test.
func New(seed, number uint64) Drawer {
	return Drawer{rand.New(rand.NewPCG(seed, number))}
}

// OneOf returns one of the choices, of which there is at least one. They may share memory with what was drawn before.
func OneOf[T any](d Drawer, choices ...T) T { return choices[d.IntN(len(choices))] }

// Shuffled returns a list in another order; the list itself stays as it is. Nil and empty give nil and empty.
func Shuffled[T any](d Drawer, list []T) []T {
	out := slices.Clone(list)
	d.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// oneIn is true once in n times.
func (d Drawer) oneIn(n int) bool { return d.IntN(n) == 0 }
