package layout

import "slices"

// plan is the work on one Drawing. Columns of boxes, which are even, and columns of texts between them alternate.
type plan struct {
	graph Graph
	// items are nodes first, by index in Graph.Nodes, then waypoints and fillers.
	items []item
	// chains are the items that an edge passes, from left to right and with both ends; nil for edges inside a column.
	chains [][]int
	// columns hold items from top to bottom.
	columns [][]int
	// spans are the first and the last column of each group; first is after last for a group without nodes.
	spans []span
	// groups are those that have nodes, from top to bottom.
	groups []int

	columnX []extent
	// bends are the room between a column and the next, in which arrows change their height.
	bends       []float64
	tops, feet  []float64
	groupX      []extent
	titleHeight []float64
}

type span struct{ first, last int }

func (s span) covers(column int) bool { return s.first <= column && column <= s.last }

// extent is a range on the horizontal axis.
type extent struct{ from, to float64 }

func (e extent) centre() float64 { return (e.from + e.to) / 2 }

// item is a box, a place that an arrow passes, or, in columns where a frame has nothing else, nothing.
type item struct {
	column int
	group  int
	kind   itemKind
	// width and height are what it takes; above is how much of height is above the box, for loops.
	width, height, above float64
	// line is how far below its centre arrows reach it.
	line float64
	// left and right are the items in the columns beside it that edges lead to.
	left, right []int
	// y is its centre.
	y float64
	// place is its position in the column.
	place int
}

type itemKind int

const (
	isNode itemKind = iota
	isWaypoint
	isLabel
	isFiller
)

func newPlan(g Graph) *plan {
	p := &plan{graph: g, spans: make([]span, len(g.Groups)), chains: make([][]int, len(g.Edges))}
	for i := range p.spans {
		p.spans[i] = span{first: 1, last: 0}
	}
	last := 0
	for _, n := range g.Nodes {
		column := 2 * n.Layer
		last = max(last, column)
		p.items = append(p.items, item{column: column, group: n.Group, kind: isNode, width: n.Width, height: n.Height})
		if n.Group == None {
			continue
		}
		if s := &p.spans[n.Group]; s.first > s.last {
			*s = span{column, column}
		} else {
			*s = span{min(s.first, column), max(s.last, column)}
		}
	}
	p.columns = make([][]int, last+1)
	for i := range p.items {
		p.columns[p.items[i].column] = append(p.columns[p.items[i].column], i)
	}
	for i, e := range g.Edges {
		p.addEdge(i, e)
	}
	p.fill()
	return p
}

// addEdge adds the waypoints of an edge.
func (p *plan) addEdge(index int, e Edge) {
	left, right := e.From, e.To
	if p.items[left].column > p.items[right].column {
		left, right = right, left
	}
	first, last := p.items[left].column, p.items[right].column
	if first == last {
		if left == right {
			it := &p.items[left]
			more := max(0, loopHeight+e.LabelHeight-it.above)
			it.above, it.height, it.line = it.above+more, it.height+more, it.line+more/2
			it.width = max(it.width, e.LabelWidth)
		}
		return
	}
	// The text is in the middle; of two middles in the left one, for more arrows come together than part.
	label := first + 1 + 2*(((last-first)/2-1)/2)
	chain := []int{left}
	for column := first + 1; column < last; column++ {
		w := item{column: column, group: p.groupOfWaypoint(left, right, column), kind: isWaypoint}
		if column == label && e.LabelHeight > 0 {
			w.kind, w.width, w.height, w.line = isLabel, e.LabelWidth, e.LabelHeight, e.LabelLine-e.LabelHeight/2
		}
		chain = append(chain, p.add(w))
	}
	chain = append(chain, right)
	for i := 1; i < len(chain); i++ {
		a, b := &p.items[chain[i-1]], &p.items[chain[i]]
		a.right, b.left = append(a.right, chain[i]), append(b.left, chain[i-1])
	}
	p.chains[index] = chain
}

// groupOfWaypoint returns the group in whose frame an edge runs: as long as it can, that of the box on the left, then that of the
// box on the right.
func (p *plan) groupOfWaypoint(left, right, column int) int {
	for _, end := range []int{left, right} {
		if g := p.items[end].group; g != None && p.spans[g].covers(column) {
			return g
		}
	}
	return None
}

func (p *plan) add(it item) int {
	p.items = append(p.items, it)
	p.columns[it.column] = append(p.columns[it.column], len(p.items)-1)
	return len(p.items) - 1
}

// fill gives each frame something in each column that it covers, so that nothing else is put there.
func (p *plan) fill() {
	for g, s := range p.spans {
		for column := s.first; column <= s.last; column++ {
			if !slices.ContainsFunc(p.columns[column], func(i int) bool { return p.items[i].group == g }) {
				p.add(item{column: column, group: g, kind: isFiller})
			}
		}
	}
}

// fewer returns how often something that takes as long as there are items is done: so many times, and less often where there are many.
func (p *plan) fewer(times int) int {
	const many = 20_000
	return max(2, min(times, times*many/max(1, len(p.items))))
}
