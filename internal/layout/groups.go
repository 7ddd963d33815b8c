package layout

import (
	"cmp"
	"slices"
)

// arrangeGroups puts frames into an order in which those that have much to do with each other, or with the same boxes outside, are
// near: the linear arrangement with short arrows, looked for by moving one at a time for as long as that makes it shorter.
func (p *plan) arrangeGroups() {
	units := p.units()
	order := make([]int, units.count)
	for i := range order {
		order[i] = i
	}
	// Each unit is tried in each place, with a look at all edges.
	if work := units.count * units.count * (units.count + len(units.edges)); work <= mostWork {
		for range min(maxRounds, mostWork/max(1, work)) {
			if !units.improve(order) {
				break
			}
		}
	} else {
		units.settle(order)
	}
	for _, unit := range order {
		if g := units.group[unit]; g != None {
			p.groups = append(p.groups, g)
		}
	}
}

// maxRounds bounds what is done again for as long as it helps.
const maxRounds = 12

// mostWork bounds what the search for an order may cost, in looks at an edge.
const mostWork = 50_000_000

// arrangement is what is to be arranged: frames, and boxes in none.
type arrangement struct {
	count int
	// group is that of each unit; None for boxes.
	group []int
	// edges are between different units.
	edges [][2]int
}

func (p *plan) units() arrangement {
	var a arrangement
	ofGroup := make([]int, len(p.spans))
	for g, s := range p.spans {
		ofGroup[g] = None
		if s.first <= s.last {
			ofGroup[g] = a.count
			a.group = append(a.group, g)
			a.count++
		}
	}
	ofNode := make([]int, len(p.graph.Nodes))
	for i, n := range p.graph.Nodes {
		if n.Group != None {
			ofNode[i] = ofGroup[n.Group]
			continue
		}
		ofNode[i] = a.count
		a.group = append(a.group, None)
		a.count++
	}
	for _, e := range p.graph.Edges {
		if from, to := ofNode[e.From], ofNode[e.To]; from != to {
			a.edges = append(a.edges, [2]int{from, to})
		}
	}
	return a
}

// length is how long the edges are together, when units are in this order.
func (a arrangement) length(order, place []int) int {
	for at, unit := range order {
		place[unit] = at
	}
	sum := 0
	for _, e := range a.edges {
		sum += max(place[e[0]]-place[e[1]], place[e[1]]-place[e[0]])
	}
	return sum
}

// settle sorts units by where those are that they have to do with, again and again, and keeps the best: quicker than improve, and worse.
func (a arrangement) settle(order []int) {
	place := make([]int, a.count)
	best, shortest := slices.Clone(order), a.length(order, place)
	for range maxRounds {
		sum, number := make([]float64, a.count), make([]float64, a.count)
		for _, e := range a.edges {
			for _, end := range [][2]int{e, {e[1], e[0]}} {
				sum[end[0]], number[end[0]] = sum[end[0]]+float64(place[end[1]]), number[end[0]]+1
			}
		}
		wish := make([]float64, a.count)
		for unit := range wish {
			wish[unit] = (sum[unit] + float64(place[unit])) / (number[unit] + 1)
		}
		slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(wish[x], wish[y]) })
		if length := a.length(order, place); length < shortest {
			best, shortest = slices.Clone(order), length
		}
	}
	copy(order, best)
}

// improve moves each unit to where edges are shortest. False when all stay.
func (a arrangement) improve(order []int) bool {
	place := make([]int, a.count)
	best := a.length(order, place)
	changed := false
	for unit := range a.count {
		from := slices.Index(order, unit)
		to := from
		for at := range order {
			move(order, from, at)
			if length := a.length(order, place); length < best {
				best, to = length, at
			}
			move(order, at, from)
		}
		if to != from {
			move(order, from, to)
			changed = true
		}
	}
	return changed
}

// move takes an element to another place.
func move(list []int, from, to int) {
	moved := list[from]
	for ; from < to; from++ {
		list[from] = list[from+1]
	}
	for ; from > to; from-- {
		list[from] = list[from-1]
	}
	list[to] = moved
}
