package layout

import (
	"cmp"
	"slices"
)

// drawing writes down where everything is.
func (p *plan) drawing() Drawing {
	d := Drawing{
		Nodes: make([]Rectangle, len(p.graph.Nodes)), Groups: make([]Rectangle, len(p.spans)), Edges: make([]Route, len(p.graph.Edges)),
		Crossings: p.crossings(),
	}
	reach := func(r Rectangle) {
		d.Width, d.Height = max(d.Width, r.X+r.Width+Margin), max(d.Height, r.Y+r.Height+Margin)
	}
	for i := range p.graph.Nodes {
		d.Nodes[i] = p.box(i)
		reach(d.Nodes[i])
	}
	for _, g := range p.groups {
		d.Groups[g] = Rectangle{p.groupX[g].from, p.tops[g], p.groupX[g].to - p.groupX[g].from, p.feet[g] - p.tops[g]}
		reach(d.Groups[g])
	}
	leaves, enters := p.attachments()
	for i, e := range p.graph.Edges {
		switch chain := p.chains[i]; {
		case e.From == e.To:
			d.Edges[i] = p.loop(e)
		case chain == nil:
			d.Edges[i] = p.besideColumn(e)
		default:
			d.Edges[i] = p.route(chain, leaves[i], enters[i])
			if e.From != chain[0] {
				slices.Reverse(d.Edges[i].Curve)
			}
		}
	}
	for _, it := range p.items {
		x := p.columnX[it.column]
		reach(Rectangle{x.centre() - it.width/2, it.y - it.height/2, it.width, it.height})
	}
	return d
}

// box returns where the box of a node is: below the room for its loops.
func (p *plan) box(node int) Rectangle {
	it := p.items[node]
	n := p.graph.Nodes[node]
	return Rectangle{p.columnX[it.column].centre() - n.Width/2, it.y - it.height/2 + it.above, n.Width, n.Height}
}

// mostSpread is between two arrows at the side of a box.
const mostSpread = 14

// attachments returns for each edge at which height it leaves the box on its left, and enters the one on its right: spread over the
// side of the box in the order in which they come.
func (p *plan) attachments() (leaves, enters []float64) {
	leaves, enters = make([]float64, len(p.chains)), make([]float64, len(p.chains))
	right, left := make([][]int, len(p.graph.Nodes)), make([][]int, len(p.graph.Nodes))
	for i, chain := range p.chains {
		if chain != nil {
			right[chain[0]] = append(right[chain[0]], i)
			left[chain[len(chain)-1]] = append(left[chain[len(chain)-1]], i)
		}
	}
	for node := range p.graph.Nodes {
		box := p.box(node)
		spread := func(edges []int, next func(chain []int) int, heights []float64) {
			slices.SortStableFunc(edges, func(x, y int) int {
				return cmp.Compare(p.items[next(p.chains[x])].place, p.items[next(p.chains[y])].place)
			})
			step := min(mostSpread, box.Height*0.7/float64(max(1, len(edges)-1)))
			for at, edge := range edges {
				heights[edge] = box.Y + box.Height/2 + step*(float64(at)-float64(len(edges)-1)/2)
			}
		}
		spread(right[node], func(chain []int) int { return chain[1] }, leaves)
		spread(left[node], func(chain []int) int { return chain[len(chain)-2] }, enters)
	}
	return leaves, enters
}

// route leads an arrow from left to right: level through each column, and bent between them.
func (p *plan) route(chain []int, leave, enter float64) Route {
	first, last := chain[0], chain[len(chain)-1]
	from, to := p.box(first), p.box(last)
	at := Point{from.X + from.Width, leave}
	var r Route
	r.Curve = append(r.Curve, at)
	lead := func(next Point) {
		if next == at {
			return
		}
		middle := (at.X + next.X) / 2
		r.Curve = append(r.Curve, Point{middle, at.Y}, Point{middle, next.Y}, next)
		at = next
	}
	lead(Point{p.columnX[p.items[first].column].to, leave})
	r.Label = p.middle(chain)
	for _, i := range chain[1 : len(chain)-1] {
		x, y := p.columnX[p.items[i].column], p.items[i].y+p.items[i].line
		lead(Point{x.from, y})
		lead(Point{x.to, y})
	}
	lead(Point{p.columnX[p.items[last].column].from, enter})
	lead(Point{to.X, enter})
	return r
}

// middle returns where the text of an arrow is.
func (p *plan) middle(chain []int) Point {
	at := chain[1]
	for _, i := range chain {
		if p.items[i].kind == isLabel {
			at = i
		}
	}
	return Point{p.columnX[p.items[at].column].centre(), p.items[at].y}
}

// loop leads from a box to itself, above it.
func (p *plan) loop(e Edge) Route {
	b := p.box(e.From)
	x := b.X + b.Width/2
	left, right := Point{x - 14, b.Y}, Point{x + 14, b.Y}
	return Route{
		Curve: []Point{left, {left.X - 8, b.Y - loopHeight*1.2}, {right.X + 8, b.Y - loopHeight*1.2}, right},
		Label: Point{x, b.Y - loopHeight - e.LabelHeight/2},
	}
}

// besideColumn leads from a box to another in the same column, on their right.
func (p *plan) besideColumn(e Edge) Route {
	a, b := p.box(e.From), p.box(e.To)
	from, to := Point{a.X + a.Width, a.Y + a.Height/2}, Point{b.X + b.Width, b.Y + b.Height/2}
	x := max(from.X, to.X) + leastBend
	return Route{Curve: []Point{from, {x, from.Y}, {x, to.Y}, to}, Label: Point{x, (from.Y + to.Y) / 2}}
}
