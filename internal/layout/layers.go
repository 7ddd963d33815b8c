package layout

import "slices"

// Layers returns the column of each of a number of boxes, which edges give by index: edges lead to the right, but for those that close
// a circle. Of these it is the one that comes last when walking along edges, from boxes and to boxes in their order. A box is as far to
// the left as those allow that lead to it. Edges from a box to itself, and the same edge twice, mean nothing.
func Layers(boxes int, edges [][2]int) []int {
	w := walk{next: make([][]int, boxes), forward: make([][]int, boxes), state: make([]walkState, boxes)}
	entered := make([]bool, boxes)
	for _, e := range edges {
		if e[0] != e[1] {
			w.next[e[0]] = append(w.next[e[0]], e[1])
			entered[e[1]] = true
		}
	}
	for i := range w.next {
		slices.Sort(w.next[i])
		w.next[i] = slices.Compact(w.next[i])
	}
	// Those that nobody calls come first: what they reach is to their right.
	for _, first := range []bool{true, false} {
		for i := range boxes {
			if entered[i] != first {
				w.visit(i)
			}
		}
	}
	layers := make([]int, boxes)
	for _, i := range slices.Backward(w.done) {
		for _, to := range w.forward[i] {
			layers[to] = max(layers[to], layers[i]+1)
		}
	}
	return layers
}

// walk is a search in depth, which tells the edges that close a circle from those that lead forward.
type walk struct {
	next, forward [][]int
	state         []walkState
	// done holds the boxes in the order in which they were left: what a box reaches, before it.
	done []int
}

type walkState int

const (
	isUnseen walkState = iota
	isOpen
	isDone
)

func (w *walk) visit(box int) {
	if w.state[box] != isUnseen {
		return
	}
	w.state[box] = isOpen
	for _, to := range w.next[box] {
		if w.state[to] == isOpen {
			continue
		}
		w.forward[box] = append(w.forward[box], to)
		w.visit(to)
	}
	w.state[box] = isDone
	w.done = append(w.done, box)
}
