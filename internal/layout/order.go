package layout

import (
	"cmp"
	"slices"
)

// orderColumns puts each column into an order in which few arrows cross. It goes through the columns from left to right and back, sorts
// each by where the neighbours in the one before are, and keeps the best that it has seen.
func (p *plan) orderColumns() {
	rank := map[int]int{None: len(p.groups)}
	for at, g := range p.groups {
		rank[g] = at
	}
	for c := range p.columns {
		slices.SortStableFunc(p.columns[c], func(x, y int) int { return cmp.Compare(rank[p.items[x].group], rank[p.items[y].group]) })
		p.renumber(c)
	}
	best, fewest := p.orders(), p.crossings()
	for round := range p.fewer(2 * maxRounds) {
		p.sweep(round%2 == 0)
		p.transpose()
		if n := p.crossings(); n < fewest {
			best, fewest = p.orders(), n
		}
		if fewest == 0 {
			break
		}
	}
	for c := range p.columns {
		p.columns[c] = best[c]
		p.renumber(c)
	}
}

func (p *plan) orders() [][]int {
	var out [][]int
	for _, column := range p.columns {
		out = append(out, slices.Clone(column))
	}
	return out
}

func (p *plan) renumber(column int) {
	for at, i := range p.columns[column] {
		p.items[i].place = at
	}
}

// sweep sorts all columns but the first in a direction by the one before.
func (p *plan) sweep(toRight bool) {
	if toRight {
		for c := 1; c < len(p.columns); c++ {
			p.sortColumn(c, toRight)
		}
		return
	}
	for c := len(p.columns) - 2; c >= 0; c-- {
		p.sortColumn(c, toRight)
	}
}

// block is what stays together in a column: what is in a frame there, or one item that is in none.
type block struct {
	items []int
	// wish is where its neighbours are.
	wish float64
}

// sortColumn sorts what is in each frame, and puts what is in none between the frames, which keep their order.
func (p *plan) sortColumn(column int, toRight bool) {
	wish := p.wishes(column, toRight)
	byWish := func(x, y int) int { return cmp.Compare(wish[x], wish[y]) }
	var free []block
	frames := make([]block, 0, len(p.groups))
	in := map[int][]int{}
	for _, i := range p.columns[column] {
		if p.items[i].group == None {
			free = append(free, block{items: []int{i}, wish: wish[i]})
		} else {
			in[p.items[i].group] = append(in[p.items[i].group], i)
		}
	}
	slices.SortStableFunc(free, func(x, y block) int { return byWish(x.items[0], y.items[0]) })
	for _, g := range p.groups {
		if items := in[g]; len(items) > 0 {
			slices.SortStableFunc(items, byWish)
			frames = append(frames, block{items: items, wish: mean(items, wish)})
		}
	}
	sorted := p.columns[column][:0:0]
	slots := p.slots(free, frames, toRight)
	next := 0
	for at := 0; at <= len(frames); at++ {
		for ; next < len(free) && slots[next] == at; next++ {
			sorted = append(sorted, free[next].items...)
		}
		if at < len(frames) {
			sorted = append(sorted, frames[at].items...)
		}
	}
	p.columns[column] = sorted
	p.renumber(column)
}

func mean(items []int, of map[int]float64) float64 {
	sum := 0.0
	for _, i := range items {
		sum += of[i]
	}
	return sum / float64(len(items))
}

// wishes returns where the neighbours of each item are, between 0 and 1. What has none wishes to stay.
func (p *plan) wishes(column int, toRight bool) map[int]float64 {
	out := map[int]float64{}
	for at, i := range p.columns[column] {
		out[i] = (float64(at) + 0.5) / float64(len(p.columns[column]))
		beside := p.beside(i, toRight)
		if len(beside) == 0 {
			continue
		}
		sum := 0.0
		for _, n := range beside {
			sum += (float64(p.items[n].place) + 0.5) / float64(len(p.columns[p.items[n].column]))
		}
		out[i] = sum / float64(len(beside))
	}
	return out
}

// beside returns the neighbours in the column that was sorted before.
func (p *plan) beside(item int, toRight bool) []int {
	if toRight {
		return p.items[item].left
	}
	return p.items[item].right
}

// slots returns above which frame each free item goes, so that the fewest arrows cross; frames and free items keep their order.
func (p *plan) slots(free, frames []block, toRight bool) []int {
	// cost is that of the first items when the last of them is in a slot or above it, and from the slot where it is then.
	n := len(frames) + 1
	cost := make([][]float64, len(free)+1)
	from := make([][]int, len(free)+1)
	cost[0] = make([]float64, n)
	for k, f := range free {
		own := p.slotCosts(f, frames, toRight)
		cost[k+1], from[k+1] = make([]float64, n), make([]int, n)
		for slot := range n {
			here := cost[k][slot] + own[slot]
			cost[k+1][slot], from[k+1][slot] = here, slot
			if slot > 0 && cost[k+1][slot-1] <= here {
				cost[k+1][slot], from[k+1][slot] = cost[k+1][slot-1], from[k+1][slot-1]
			}
		}
	}
	out := make([]int, len(free))
	slot := n - 1
	for k := len(free); k > 0; k-- {
		slot = from[k][slot]
		out[k-1] = slot
	}
	return out
}

// slotCosts returns for each slot how many arrows cross when the item is there, and a little for the distance to where it wishes to be.
func (p *plan) slotCosts(f block, frames []block, toRight bool) []float64 {
	above := make([]int, len(frames))
	below := make([]int, len(frames))
	own := p.places(f, toRight)
	for b, frame := range frames {
		for _, q := range p.places(frame, toRight) {
			for _, o := range own {
				switch {
				case o > q:
					above[b]++
				case o < q:
					below[b]++
				}
			}
		}
	}
	out := make([]float64, len(frames)+1)
	for slot := range out {
		for b := range frames {
			if b < slot {
				out[slot] += float64(below[b]) + max(0, frames[b].wish-f.wish)/1000
			} else {
				out[slot] += float64(above[b]) + max(0, f.wish-frames[b].wish)/1000
			}
		}
	}
	return out
}

// places returns where the neighbours of a block are.
func (p *plan) places(b block, toRight bool) []int {
	var out []int
	for _, i := range b.items {
		for _, n := range p.beside(i, toRight) {
			out = append(out, p.items[n].place)
		}
	}
	return out
}

// transpose swaps neighbours of one frame, or of none, for as long as fewer arrows cross then.
func (p *plan) transpose() {
	for range maxRounds {
		swapped := false
		for _, column := range p.columns {
			for at := 1; at < len(column); at++ {
				x, y := column[at-1], column[at]
				if p.items[x].group == p.items[y].group && p.pairCrossings(y, x) < p.pairCrossings(x, y) {
					column[at-1], column[at] = y, x
					p.items[x].place, p.items[y].place = at, at-1
					swapped = true
				}
			}
		}
		if !swapped {
			return
		}
	}
}

// pairCrossings counts the arrows of two items that cross when the first is above the second.
func (p *plan) pairCrossings(upper, lower int) int {
	n := 0
	for _, sides := range [][2][]int{{p.items[upper].left, p.items[lower].left}, {p.items[upper].right, p.items[lower].right}} {
		for _, u := range sides[0] {
			for _, l := range sides[1] {
				if p.items[u].place > p.items[l].place {
					n++
				}
			}
		}
	}
	return n
}

// crossings counts the arrows that cross.
func (p *plan) crossings() int {
	n := 0
	for c := 0; c+1 < len(p.columns); c++ {
		// How many arrows end where, so far: a tree of sums after Fenwick.
		sums := make([]int, len(p.columns[c+1])+1)
		count := 0
		for _, i := range p.columns[c] {
			for _, right := range p.items[i].right {
				n += count
				for at := p.items[right].place + 1; at > 0; at -= at & -at {
					n -= sums[at]
				}
			}
			for _, right := range p.items[i].right {
				count++
				for at := p.items[right].place + 1; at < len(sums); at += at & -at {
					sums[at]++
				}
			}
		}
	}
	return n
}
