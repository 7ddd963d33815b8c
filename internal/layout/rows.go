package layout

import (
	"math"
	"slices"
)

// below says that one thing is below another by at least a distance, from centre to centre for items.
type below struct {
	upper, lower int
	distance     float64
}

// rows is the vertical placement. Its variables are the items by index, then of each frame the upper and the lower edge.
type rows struct {
	*plan
	y     []float64
	rules []below
	// over and under are the rules by the variable that they push down and up.
	over, under [][]below
	// order has each variable after all that are above it.
	order []int
}

// How often everything is drawn to its neighbours, how much of the way it goes each time, and how much it is drawn to the middle of the
// picture meanwhile, so that what is not connected comes near: more of it changes no picture that one would notice.
const (
	relaxations = 160
	haste       = 0.7
	gravity     = 0.03
	// fineMoves are those after nothing is on top of another any more.
	fineMoves = 40
)

// setRows gives everything its height on the page: arrows as straight as can be, and nothing on top of another.
func (p *plan) setRows() {
	r := &rows{plan: p, y: make([]float64, len(p.items)+2*len(p.spans))}
	for c := range p.columns {
		r.addColumn(c)
	}
	r.sort()
	r.pushDown(r.y)
	times := p.fewer(relaxations)
	for n := range times {
		for v, wish := range r.wishes(n < times/2) {
			r.y[v] += haste * (wish - r.y[v])
		}
		r.partAll()
	}
	down, up := slices.Clone(r.y), slices.Clone(r.y)
	r.pushDown(down)
	r.pushUp(up)
	// What two placements keep, their mean keeps.
	for v := range r.y {
		r.y[v] = (down[v] + up[v]) / 2
	}
	for range p.fewer(fineMoves) {
		r.moveWithin()
	}
	r.settle()
}

// moveWithin moves items to where they wish to be, as far as others let them, and closes frames around them: their edges move inwards
// only, so nothing else is touched.
func (r *rows) moveWithin() {
	for _, v := range r.order {
		if v >= len(r.items) {
			continue
		}
		wish, ok := r.wish(v)
		if !ok {
			continue
		}
		for _, rule := range r.under[v] {
			wish = min(wish, r.y[rule.lower]-rule.distance)
		}
		for _, rule := range r.over[v] {
			wish = max(wish, r.y[rule.upper]+rule.distance)
		}
		r.y[v] = wish
	}
	r.closeFrames(r.y)
}

// partAll pushes apart what is too close, either by half, so that the whole stays where it is: from top to bottom and back.
func (r *rows) partAll() {
	for _, v := range r.order {
		for _, rule := range r.over[v] {
			r.part(rule)
		}
	}
	for _, v := range slices.Backward(r.order) {
		for _, rule := range r.under[v] {
			r.part(rule)
		}
	}
}

func (r *rows) part(rule below) {
	if missing := r.y[rule.upper] + rule.distance - r.y[rule.lower]; missing > 0 {
		r.y[rule.upper] -= missing / 2
		r.y[rule.lower] += missing / 2
	}
}

func (r *rows) top(group int) int  { return len(r.items) + 2*group }
func (r *rows) foot(group int) int { return len(r.items) + 2*group + 1 }

// addColumn adds what the order of a column demands.
func (r *rows) addColumn(column int) {
	previous, extent, inside := -1, 0.0, None
	kind := isFiller
	follow := func(variable int, distance float64) {
		if previous >= 0 {
			r.rules = append(r.rules, below{previous, variable, distance})
		}
		previous = variable
	}
	leave := func() {
		if inside != None {
			follow(r.foot(inside), extent+FramePadding)
			extent, kind, inside = 0, isFiller, None
		}
	}
	for _, i := range r.columns[column] {
		it := r.items[i]
		if it.group != inside {
			leave()
			if it.group != None {
				follow(r.top(it.group), extent+frameGap)
				extent, kind = r.titleHeight[it.group]+1.5*FramePadding, isFiller
			} else if previous >= 0 {
				extent += frameGap
			}
			inside = it.group
			follow(i, extent+it.height/2)
		} else {
			follow(i, extent+gap(kind, it.kind)+it.height/2)
		}
		extent, kind = it.height/2, it.kind
	}
	leave()
}

// gap returns what is kept free between two items.
func gap(upper, lower itemKind) float64 {
	switch {
	case upper == isFiller || lower == isFiller:
		return 0
	case upper == isNode && lower == isNode:
		return nodeGap
	case upper == isLabel && lower == isLabel:
		return labelGap
	default:
		return lineGap
	}
}

// sort finds the order of variables, and puts rules to them.
func (r *rows) sort() {
	r.over, r.under = make([][]below, len(r.y)), make([][]below, len(r.y))
	waiting := make([]int, len(r.y))
	for _, rule := range r.rules {
		r.over[rule.lower] = append(r.over[rule.lower], rule)
		r.under[rule.upper] = append(r.under[rule.upper], rule)
		waiting[rule.lower]++
	}
	for v := range r.y {
		if waiting[v] == 0 {
			r.order = append(r.order, v)
		}
	}
	for at := 0; at < len(r.order); at++ {
		for _, rule := range r.under[r.order[at]] {
			if waiting[rule.lower]--; waiting[rule.lower] == 0 {
				r.order = append(r.order, rule.lower)
			}
		}
	}
}

// wishes returns where everything would be if it were alone: items where their neighbours are, frames close to what is in them. With
// gravity, all is drawn to the middle besides.
func (r *rows) wishes(withGravity bool) []float64 {
	out := slices.Clone(r.y)
	middle := 0.0
	for i := range r.items {
		middle += r.y[i] / float64(len(r.items))
	}
	for i := range r.items {
		wish, ok := r.wish(i)
		if ok {
			out[i] = wish
		}
		if withGravity {
			out[i] += gravity * (middle - out[i])
		}
	}
	r.closeFrames(out)
	return out
}

// wish returns where an item would be if it were alone: where its neighbours are, or without any in the middle of its frame. False
// when it has neither.
func (r *rows) wish(item int) (y float64, ok bool) {
	it := r.items[item]
	sum, weights := 0.0, 0.0
	for _, beside := range [][]int{it.left, it.right} {
		for _, n := range beside {
			// Long arrows are rather straight in the middle than at their ends.
			weight := 1.0
			if it.kind != isNode && r.items[n].kind != isNode {
				weight = 3
			}
			sum, weights = sum+weight*r.lineOf(n), weights+weight
		}
	}
	switch {
	case weights > 0:
		return sum/weights - it.line, true
	case it.group != None:
		return (r.y[r.top(it.group)] + r.y[r.foot(it.group)]) / 2, true
	}
	return 0, false
}

// lineOf is the height at which arrows reach an item.
func (r *rows) lineOf(item int) float64 { return r.y[item] + r.items[item].line }

// closeFrames puts the edges of frames as close to what is in them as they may be.
func (r *rows) closeFrames(y []float64) {
	for _, g := range r.groups {
		top, foot := math.Inf(1), math.Inf(-1)
		for _, rule := range r.under[r.top(g)] {
			top = min(top, y[rule.lower]-rule.distance)
		}
		for _, rule := range r.over[r.foot(g)] {
			foot = max(foot, y[rule.upper]+rule.distance)
		}
		y[r.top(g)], y[r.foot(g)] = top, foot
	}
}

func (r *rows) pushDown(y []float64) {
	for _, v := range r.order {
		for _, rule := range r.over[v] {
			y[v] = max(y[v], y[rule.upper]+rule.distance)
		}
	}
}

func (r *rows) pushUp(y []float64) {
	for _, v := range slices.Backward(r.order) {
		for _, rule := range r.under[v] {
			y[v] = min(y[v], y[rule.lower]-rule.distance)
		}
	}
}

// settle moves everything so that the picture begins at the Margin, and writes it down.
func (r *rows) settle() {
	first := math.Inf(1)
	for i, it := range r.items {
		first = min(first, r.y[i]-it.height/2)
	}
	for _, g := range r.groups {
		first = min(first, r.y[r.top(g)])
	}
	if math.IsInf(first, 1) {
		first = 0
	}
	for i := range r.items {
		r.items[i].y = r.y[i] - first + Margin
	}
	r.tops, r.feet = make([]float64, len(r.spans)), make([]float64, len(r.spans))
	for _, g := range r.groups {
		r.tops[g], r.feet[g] = r.y[r.top(g)]-first+Margin, r.y[r.foot(g)]-first+Margin
	}
}
