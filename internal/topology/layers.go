package topology

import (
	"cmp"
	"slices"
)

// layers returns the column of each box. Arrows lead to the right, but for those that close a circle: of these, the one that comes last
// when walking along arrows in the order of boxes.
func (b *builder) layers() map[string]int {
	rank := map[string]int{}
	for i, id := range b.order {
		rank[id] = i
	}
	next := map[string][]string{}
	entered := map[string]bool{}
	for key := range b.arrows {
		if key.from != key.to {
			next[key.from] = append(next[key.from], key.to)
			entered[key.to] = true
		}
	}
	for id := range next {
		slices.SortFunc(next[id], func(x, y string) int { return cmp.Compare(rank[x], rank[y]) })
		next[id] = slices.Compact(next[id])
	}
	w := walk{next: next, state: map[string]int{}}
	// Those that nobody calls come first: what they reach is to their right.
	for _, first := range []bool{true, false} {
		for _, id := range b.order {
			if entered[id] != first {
				w.visit(id)
			}
		}
	}
	layers := map[string]int{}
	for _, id := range slices.Backward(w.done) {
		for _, to := range w.forward[id] {
			layers[to] = max(layers[to], layers[id]+1)
		}
	}
	return layers
}

// walk is a search in depth, which tells the arrows that close a circle from those that lead forward.
type walk struct {
	next  map[string][]string
	state map[string]int
	// done holds the boxes in the order in which they were left: what a box reaches, before it.
	done    []string
	forward map[string][]string
}

const (
	isOpen = iota + 1
	isDone
)

func (w *walk) visit(id string) {
	if w.forward == nil {
		w.forward = map[string][]string{}
	}
	if w.state[id] != 0 {
		return
	}
	w.state[id] = isOpen
	for _, to := range w.next[id] {
		if w.state[to] == isOpen {
			continue
		}
		w.forward[id] = append(w.forward[id], to)
		w.visit(to)
	}
	w.state[id] = isDone
	w.done = append(w.done, id)
}
