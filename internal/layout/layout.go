package layout

// Graph is what is to be placed. Sizes are in any unit, the same for all.
type Graph struct {
	Nodes  []Node
	Edges  []Edge
	Groups []Group
}

// None stands for no group.
const None = -1

// Node is a box.
type Node struct {
	Width, Height float64
	// Layer is the column, from 0 on.
	Layer int
	// Group is an index in Graph.Groups, or None.
	Group int
}

// Edge is an arrow between two boxes, given by index in Graph.Nodes. Boxes of one layer are connected on their right sides; a box and
// itself, on its upper side, where there is room for one such edge.
type Edge struct {
	From, To int
	// LabelWidth and LabelHeight are the room that its text needs; 0 when it has none. LabelLine is how far below the upper edge of
	// the text the arrow passes through it.
	LabelWidth, LabelHeight, LabelLine float64
}

// Group is a frame around boxes. One without boxes is placed nowhere.
type Group struct {
	// TitleHeight returns the height that the title needs at the width that the frame has.
	TitleHeight func(width float64) float64
	// MinWidth is what a frame of one column has at least; others are wider anyway.
	MinWidth float64
}

// Drawing is where everything is, from the upper left corner on, which is (0, 0).
type Drawing struct {
	Width, Height float64
	// Nodes, Groups and Edges are by index of those in the Graph.
	Nodes  []Rectangle
	Groups []Rectangle
	Edges  []Route
	// Crossings is how often arrows cross, but for where they leave and reach boxes.
	Crossings int
}

// Rectangle is given by its upper left corner and its size. That of a group without boxes is zero.
type Rectangle struct{ X, Y, Width, Height float64 }

// Point is a place on the page.
type Point struct{ X, Y float64 }

// Route is the way of an arrow.
type Route struct {
	// Curve begins at the box that the arrow leaves, and then holds three points for each cubic Bézier curve: two that control it,
	// and where it ends. The last is at the box that the arrow reaches.
	Curve []Point
	// Label is the centre of its text.
	Label Point
}

// What is kept free, in the unit of sizes, which is meant to be a point on a screen.
const (
	// Margin is around the picture.
	Margin = 16
	// FramePadding is between a frame and what is in it.
	FramePadding = 16
	frameGap     = 22
	nodeGap      = 20
	// lineGap is between arrows that run beside each other, and between them and boxes.
	lineGap  = 12
	labelGap = 6
	// leastBend and mostBend are the room between a column of boxes and one of texts, in which arrows change their height: the more of
	// it, the higher they climb.
	leastBend, mostBend = 26, 80
	climb               = 0.25
	// loopHeight is the room above a box for an arrow from it to itself, beside its text.
	loopHeight = 22
)

// Place places a graph. Equal graphs get equal drawings. For 60 boxes and 200 arrows it takes some milliseconds. The larger a graph, the
// less is done for its beauty, so that the time grows little faster than the number of places that arrows pass.
func Place(g Graph) Drawing {
	p := newPlan(g)
	p.arrangeGroups()
	p.orderColumns()
	p.setColumns()
	p.setTitles()
	p.setRows()
	p.setBends()
	p.setColumns()
	return p.drawing()
}
