package layout

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// drawn returns a random graph, with the layers that its arrows ask for and, now and then, arrows back and from a box to itself.
func drawn(r *rand.Rand, nodes, edges, groups int) Graph {
	var g Graph
	for range groups {
		g.Groups = append(g.Groups, Group{TitleHeight: func(width float64) float64 { return 4000 / max(width, 40) }, MinWidth: float64(r.IntN(300))})
	}
	layers := 1 + r.IntN(8)
	for range nodes {
		g.Nodes = append(g.Nodes, Node{Width: 40 + float64(r.IntN(200)), Height: 20 + float64(r.IntN(60)), Layer: r.IntN(layers), Group: r.IntN(groups+1) - 1})
	}
	for range edges {
		e := Edge{From: r.IntN(nodes), To: r.IntN(nodes)}
		if e.From == e.To && slices.ContainsFunc(g.Edges, func(o Edge) bool { return o.From == e.From && o.To == e.To }) {
			continue
		}
		if r.IntN(2) == 0 {
			e.LabelWidth, e.LabelHeight = 20+float64(r.IntN(80)), 12+float64(r.IntN(20))
			e.LabelLine = float64(r.IntN(12))
		}
		g.Edges = append(g.Edges, e)
	}
	return g
}

func (r Rectangle) meets(o Rectangle) bool {
	const slack = 1e-6
	return r.X+r.Width > o.X+slack && o.X+o.Width > r.X+slack && r.Y+r.Height > o.Y+slack && o.Y+o.Height > r.Y+slack
}

func (r Rectangle) holds(o Rectangle) bool {
	const slack = 1e-6
	return r.X <= o.X+slack && r.Y <= o.Y+slack && r.X+r.Width >= o.X+o.Width-slack && r.Y+r.Height >= o.Y+o.Height-slack
}

func (r Rectangle) touches(p Point) bool {
	const slack = 1e-6
	return p.X >= r.X-slack && p.X <= r.X+r.Width+slack && p.Y >= r.Y-slack && p.Y <= r.Y+r.Height+slack
}

// onEdge says whether a point is on the side of a rectangle and not inside.
func (r Rectangle) onEdge(p Point) bool {
	inner := Rectangle{r.X + 1e-3, r.Y + 1e-3, r.Width - 2e-3, r.Height - 2e-3}
	return r.touches(p) && !inner.touches(p)
}

func check(g Graph, d Drawing) error {
	page := Rectangle{0, 0, d.Width, d.Height}
	for i, r := range d.Nodes {
		if r.Width != g.Nodes[i].Width || r.Height != g.Nodes[i].Height || !page.holds(r) {
			return fmt.Errorf("node %d is at %v on a page of %v", i, r, page)
		}
		for j := range i {
			if r.meets(d.Nodes[j]) {
				return fmt.Errorf("nodes %d and %d overlap: %v and %v", j, i, d.Nodes[j], r)
			}
		}
		for k, frame := range d.Groups {
			if k == g.Nodes[i].Group && !frame.holds(r) {
				return fmt.Errorf("node %d at %v is not in its frame %v", i, r, frame)
			}
			if k != g.Nodes[i].Group && frame.Width > 0 && frame.meets(r) {
				return fmt.Errorf("node %d at %v is in the frame %d of others, %v", i, r, k, frame)
			}
		}
	}
	for i, r := range d.Groups {
		if inside := (Rectangle{Margin, Margin, d.Width - 2*Margin, d.Height - 2*Margin}); r.Width > 0 && !inside.holds(r) {
			return fmt.Errorf("frame %d at %v reaches into the margin of the page %v", i, r, page)
		}
		for j := range i {
			if r.meets(d.Groups[j]) {
				return fmt.Errorf("frames %d and %d overlap: %v and %v", j, i, d.Groups[j], r)
			}
		}
	}
	return checkRoutes(g, d)
}

func checkRoutes(g Graph, d Drawing) error {
	page := Rectangle{0, 0, d.Width, d.Height}
	var labels []Rectangle
	for i, e := range g.Edges {
		curve := d.Edges[i].Curve
		if len(curve) < 4 || len(curve)%3 != 1 {
			return fmt.Errorf("arrow %d has %d points", i, len(curve))
		}
		if !d.Nodes[e.From].onEdge(curve[0]) || !d.Nodes[e.To].onEdge(curve[len(curve)-1]) {
			return fmt.Errorf("arrow %d goes from %v to %v, and its boxes are %v and %v", i, curve[0], curve[len(curve)-1], d.Nodes[e.From], d.Nodes[e.To])
		}
		if isLoop := e.From == e.To; !isLoop && g.Nodes[e.From].Layer == g.Nodes[e.To].Layer {
			continue
		}
		for k, box := range d.Nodes {
			if at := slices.IndexFunc(curve, box.touches); k != e.From && k != e.To && at >= 0 {
				return fmt.Errorf("arrow %d crosses box %d, %v, at %v", i, k, box, curve[at])
			}
		}
		if e.LabelHeight == 0 {
			continue
		}
		label := Rectangle{d.Edges[i].Label.X - e.LabelWidth/2, d.Edges[i].Label.Y - e.LabelHeight/2, e.LabelWidth, e.LabelHeight}
		if !page.holds(label) || slices.ContainsFunc(labels, label.meets) || slices.ContainsFunc(d.Nodes, label.meets) {
			return fmt.Errorf("the text of arrow %d at %v covers something", i, label)
		}
		labels = append(labels, label)
	}
	return nil
}

func TestNothingIsOnTopOfAnother(t *testing.T) {
	seed := rand.Uint64()
	for n := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, n))
		g := drawn(r, 1+r.IntN(20), r.IntN(40), r.IntN(5))
		if err := check(g, Place(g)); err != nil {
			t.Fatalf("seed %d, graph %d: %v\n%+v", seed, n, err, g)
		}
	}
}

func TestEqualGraphsGetEqualDrawings(t *testing.T) {
	for n := range uint64(50) {
		g := drawn(rand.New(rand.NewPCG(1, n)), 20, 40, 4)
		if a, b := Place(g), Place(g); !reflect.DeepEqual(a, b) {
			t.Fatalf("graph %d was drawn in two ways", n)
		}
	}
}

func TestATreeHasNoCrossings(t *testing.T) {
	var g Graph
	// Given in an order in which all would cross.
	for i := range 40 {
		layer := int(math.Log2(float64(i + 1)))
		g.Nodes = append(g.Nodes, Node{Width: 80, Height: 30, Layer: layer, Group: None})
	}
	for i := 1; i < 40; i++ {
		g.Edges = append(g.Edges, Edge{From: (i - 1) / 2, To: i, LabelWidth: 30, LabelHeight: 12})
	}
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(g.Edges), func(i, j int) { g.Edges[i], g.Edges[j] = g.Edges[j], g.Edges[i] })
	if d := Place(g); d.Crossings != 0 {
		t.Errorf("%d arrows cross", d.Crossings)
	}
}

func TestTwoFramesThatHaveNothingToDoWithEachOtherDoNotCross(t *testing.T) {
	g := Graph{Groups: make([]Group, 3)}
	for i := range 12 {
		g.Nodes = append(g.Nodes, Node{Width: 80, Height: 30, Layer: i / 3, Group: i % 3})
		if i >= 3 {
			g.Edges = append(g.Edges, Edge{From: i - 3, To: i})
		}
	}
	if d := Place(g); d.Crossings != 0 {
		t.Errorf("%d arrows cross", d.Crossings)
	}
}

func TestFramesThatHaveToDoWithEachOtherAreNear(t *testing.T) {
	// A row of eight frames, each of which leads to the next, given in another order.
	order := rand.New(rand.NewPCG(3, 3)).Perm(8)
	g := Graph{Groups: make([]Group, 8)}
	for i := range 8 {
		g.Nodes = append(g.Nodes, Node{Width: 80, Height: 30, Layer: i % 2, Group: order[i]})
	}
	for i := 1; i < 8; i++ {
		g.Edges = append(g.Edges, Edge{From: i - 1, To: i})
	}
	p := newPlan(g)
	p.arrangeGroups()
	for i := 1; i < 8; i++ {
		if far := slices.Index(p.groups, order[i]) - slices.Index(p.groups, order[i-1]); far != 1 && far != -1 {
			t.Errorf("frames %d and %d are %d apart in %v", order[i-1], order[i], far, p.groups)
		}
	}
}

func TestWhatIsInNoFrameGoesBetweenThemWhereItsArrowsLead(t *testing.T) {
	// Two frames over two columns each, and a box beside their second columns that the lower one's first leads to.
	g := Graph{Groups: make([]Group, 2)}
	for _, n := range []Node{{Layer: 0, Group: 0}, {Layer: 1, Group: 0}, {Layer: 0, Group: 1}, {Layer: 1, Group: 1}, {Layer: 1, Group: None}, {Layer: 1, Group: None}} {
		n.Width, n.Height = 80, 30
		g.Nodes = append(g.Nodes, n)
	}
	g.Edges = []Edge{{From: 0, To: 1}, {From: 2, To: 3}, {From: 0, To: 4}, {From: 2, To: 5}}
	d := Place(g)
	if d.Crossings != 0 {
		t.Errorf("%d arrows cross: %+v", d.Crossings, d.Nodes)
	}
}

func TestNoTwoNeighboursWouldBeBetterTheOtherWayRound(t *testing.T) {
	for n := range uint64(200) {
		g := drawn(rand.New(rand.NewPCG(5, n)), 12, 25, 2)
		p := newPlan(g)
		p.arrangeGroups()
		p.orderColumns()
		for _, column := range p.columns {
			for at := 1; at < len(column); at++ {
				x, y := column[at-1], column[at]
				if p.items[x].group == p.items[y].group && p.pairCrossings(y, x) < p.pairCrossings(x, y) {
					t.Fatalf("graph %d: %d and %d", n, x, y)
				}
			}
		}
	}
}

func TestAnEmptyGraphIsAnEmptyDrawing(t *testing.T) {
	if d := Place(Graph{}); d.Width != 0 || d.Height != 0 || len(d.Nodes)+len(d.Groups)+len(d.Edges) != 0 {
		t.Errorf("%+v", d)
	}
}

func TestAHugeGraphIsPlacedToo(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	g := Graph{Groups: make([]Group, 200)}
	for i := range 2000 {
		g.Nodes = append(g.Nodes, Node{Width: 120, Height: 40, Layer: i % 6, Group: i/5%201 - 1})
	}
	for range 5000 {
		from, to := r.IntN(2000), r.IntN(2000)
		if g.Nodes[from].Layer < g.Nodes[to].Layer {
			g.Edges = append(g.Edges, Edge{From: from, To: to, LabelWidth: 40, LabelHeight: 14})
		}
	}
	if err := check(g, Place(g)); err != nil {
		t.Error(err)
	}
}

func BenchmarkPlace(b *testing.B) {
	r := rand.New(rand.NewPCG(7, 7))
	g := Graph{Groups: make([]Group, 12)}
	for i := range 60 {
		g.Nodes = append(g.Nodes, Node{Width: 120, Height: 40, Layer: i / 8, Group: r.IntN(13) - 1})
	}
	for len(g.Edges) < 200 {
		from, to := r.IntN(60), r.IntN(60)
		if g.Nodes[from].Layer < g.Nodes[to].Layer {
			g.Edges = append(g.Edges, Edge{From: from, To: to, LabelWidth: 40, LabelHeight: 14})
		}
	}
	for b.Loop() {
		Place(g)
	}
}
