package render

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"

	"firebreak.dev/firebreak/internal/layout"
	"firebreak.dev/firebreak/internal/topology"
)

// Sizes of text and what is around it, in pixels.
const (
	nameSize   = 14.0
	nameLine   = 18.0
	detailSize = 11.0
	portsSize  = 11.0
	// leading is between two lines.
	leading     = 3.5
	boxPadding  = 13.0
	leastBox    = 116.0
	leastFrame  = 250.0
	arrowText   = 150.0
	leastFooter = 420.0
)

// scene is a picture with everything in its place.
type scene struct {
	*picture
	boxes   []sceneBox
	arrows  []sceneArrow
	frames  []sceneFrame
	drawing layout.Drawing
	ids     map[string]bool
	// places are the first boxes by the ID of what they stand for.
	places map[string]int
}

// sceneBox is a box that is drawn. A peer that calls and is called is drawn twice, so that arrows lead from left to right.
type sceneBox struct {
	topology.Box
	// id is unique in the document, and about the same for both boxes of a peer.
	id, about string
	lines     []sceneLine
	findings  []topology.Finding
}

// sceneArrow is an arrow that is drawn, with the boxes at its ends, by index.
type sceneArrow struct {
	topology.Arrow
	id       string
	from, to int
	lines    []sceneLine
}

type sceneFrame struct {
	topology.Group
	name, details string
}

// sceneLine is a line of text.
type sceneLine struct {
	text string
	size float64
	// isBad is set for what was found.
	isBad bool
}

func newScene(g *topology.Graph) *scene {
	s := &scene{picture: newPicture(g), ids: map[string]bool{}, places: map[string]int{}}
	for _, group := range g.Groups {
		name, details := s.title(group)
		s.frames = append(s.frames, sceneFrame{Group: group, name: name, details: details})
	}
	s.addBoxes()
	s.addArrows()
	s.drawing = layout.Place(s.graph())
	return s
}

// newID returns an ID for a part of the document. It is made of what the part stands for, so that an address with it means the same in
// another picture, and holds letters and digits only.
func (s *scene) newID(kind, of string) string {
	sum := sha256.Sum256([]byte(of))
	id := fmt.Sprintf("%s%x", kind, sum[:6])
	for s.ids[id] {
		id += "x"
	}
	s.ids[id] = true
	return id
}

// addBoxes adds the boxes that are drawn, in their order.
func (s *scene) addBoxes() {
	calls, called := map[string]bool{}, map[string]bool{}
	for _, a := range s.drawn {
		calls[a.From], called[a.To] = true, true
	}
	for _, box := range s.Boxes {
		if s.folded[box.ID] {
			continue
		}
		b := sceneBox{Box: box, id: s.newID("b", box.ID)}
		b.about = b.id
		folded, findings := s.foldedInto(box)
		b.findings = findings
		for _, text := range slices.Concat(s.details(box), folded) {
			b.lines = append(b.lines, sceneLine{text: text, size: detailSize})
		}
		for _, note := range notes(findings) {
			b.lines = append(b.lines, sceneLine{text: "⚠ " + note, size: detailSize, isBad: true})
		}
		s.places[box.ID] = len(s.boxes)
		s.boxes = append(s.boxes, b)
		if box.Group == "" && calls[box.ID] && called[box.ID] {
			b.id += "-called"
			s.boxes = append(s.boxes, b)
		}
	}
}

// boxOf returns the index of the box for one end of an arrow.
func (s *scene) boxOf(id string, isCalled bool) int {
	at := s.places[id]
	if isCalled && at+1 < len(s.boxes) && s.boxes[at+1].ID == id {
		return at + 1
	}
	return at
}

func (s *scene) addArrows() {
	brief := s.brief()
	for _, a := range s.drawn {
		arrow := sceneArrow{Arrow: a, id: s.newID("a", string(a.Kind)+"\x00"+a.From+"\x00"+a.To), from: s.boxOf(a.From, false), to: s.boxOf(a.To, true)}
		isAllow := a.Kind == topology.ArrowAllow
		lines := arrowLines(a, brief)
		findings := len(notes(a.Findings))
		for k, text := range lines {
			isBad, size := k >= len(lines)-findings, detailSize-1
			if k == 0 && isAllow && !isBad {
				size = portsSize
			}
			for _, line := range fitted(text, size, arrowText) {
				arrow.lines = append(arrow.lines, sceneLine{text: line, size: size, isBad: isBad})
			}
		}
		s.arrows = append(s.arrows, arrow)
	}
}

// graph says what is to be placed.
func (s *scene) graph() layout.Graph {
	var g layout.Graph
	for _, f := range s.frames {
		g.Groups = append(g.Groups, layout.Group{
			MinWidth: max(leastFrame, textWidth(f.name, nameSize)+2*boxPadding),
			TitleHeight: func(width float64) float64 {
				return nameLine + (detailSize+leading)*float64(len(fitted(f.details, detailSize, width)))
			},
		})
	}
	var edges [][2]int
	for _, a := range s.arrows {
		width, height := textSize(a.lines)
		edges = append(edges, [2]int{a.from, a.to})
		edge := layout.Edge{From: a.from, To: a.to, LabelWidth: width, LabelHeight: height}
		if len(a.lines) > 0 {
			edge.LabelLine = lineHeight(a.lines[0])
		}
		g.Edges = append(g.Edges, edge)
	}
	layers := s.layers(edges)
	for i, b := range s.boxes {
		width, height := textSize(b.lines)
		width = max(width, textWidth(printable(b.Name), nameSize))
		g.Nodes = append(g.Nodes, layout.Node{
			Width: math.Ceil(max(leastBox, width+2*boxPadding)), Height: height + nameLine + boxPadding, Layer: layers[i],
			Group: slices.IndexFunc(s.frames, func(f sceneFrame) bool { return f.ID == b.Group }),
		})
	}
	return g
}

// layers returns the columns of boxes. One without arrows is where others of its frame are, so that the frame is no wider for it.
func (s *scene) layers(edges [][2]int) []int {
	layers := layout.Layers(len(s.boxes), edges)
	connected := make([]bool, len(s.boxes))
	for _, e := range edges {
		connected[e[0]], connected[e[1]] = connected[e[0]] || e[0] != e[1], connected[e[1]] || e[0] != e[1]
	}
	first := map[string]int{}
	for i, b := range s.boxes {
		if layer, ok := first[b.Group]; connected[i] && (!ok || layers[i] < layer) {
			first[b.Group] = layers[i]
		}
	}
	for i, b := range s.boxes {
		if !connected[i] {
			layers[i] = first[b.Group]
		}
	}
	return layers
}

// textSize returns the room that lines need.
func textSize(lines []sceneLine) (width, height float64) {
	for _, line := range lines {
		width, height = max(width, textWidth(line.text, line.size)), height+lineHeight(line)
	}
	return width, height
}

func lineHeight(line sceneLine) float64 { return line.size + leading }
