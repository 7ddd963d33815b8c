package layout

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestEdgesLeadToTheRightUnlessTheyCloseACircle(t *testing.T) {
	seed := rand.Uint64()
	for number := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, number))
		const boxes = 7
		var edges [][2]int
		var reaches [boxes][boxes]bool
		for range 1 + r.IntN(12) {
			e := [2]int{r.IntN(boxes), r.IntN(boxes)}
			edges = append(edges, e)
			reaches[e[0]][e[1]] = true
		}
		for via := range boxes {
			for from := range boxes {
				for to := range boxes {
					reaches[from][to] = reaches[from][to] || (reaches[from][via] && reaches[via][to])
				}
			}
		}
		layers := Layers(boxes, edges)
		for _, e := range edges {
			if !reaches[e[1]][e[0]] && layers[e[0]] >= layers[e[1]] {
				t.Fatalf("seed %d, case %d: %v leads from column %d to %d; edges %v", seed, number, e, layers[e[0]], layers[e[1]], edges)
			}
			if e[0] != e[1] && layers[e[0]] == layers[e[1]] {
				t.Fatalf("seed %d, case %d: the ends of %v share column %d; edges %v", seed, number, e, layers[e[0]], edges)
			}
		}
	}
}

func TestABoxIsAsFarToTheLeftAsThoseAllowThatLeadToIt(t *testing.T) {
	edges := [][2]int{{0, 1}, {1, 2}, {0, 2}, {3, 2}, {2, 0}, {4, 4}}
	if got := Layers(5, edges); !slices.Equal(got, []int{2, 3, 1, 0, 0}) {
		t.Errorf("%v", got)
	}
}
