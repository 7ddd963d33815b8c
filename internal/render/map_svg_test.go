package render

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"firebreak.dev/firebreak/internal/topology"
)

// svgElement is an element of a picture with what it holds.
type svgElement struct {
	XMLName  xml.Name
	Attr     []xml.Attr   `xml:",any,attr"`
	Elements []svgElement `xml:",any"`
	Text     string       `xml:",chardata"`
}

func (e svgElement) class() string {
	for _, a := range e.Attr {
		if a.Name.Local == "class" {
			return strings.Fields(a.Value)[0]
		}
	}
	return ""
}

// all returns an element and those within it, in their order.
func (e svgElement) all() []svgElement {
	out := []svgElement{e}
	for _, child := range e.Elements {
		out = append(out, child.all()...)
	}
	return out
}

// parts returns what is drawn of a kind: box, arrow or frame.
func (e svgElement) parts(kind string) []svgElement {
	return slices.DeleteFunc(e.all(), func(e svgElement) bool { return e.XMLName.Local != "g" || e.class() != kind })
}

// title returns the first line of what is told of a part, and texts the lines that are written in it.
func (e svgElement) title() string {
	for _, child := range e.Elements {
		if child.XMLName.Local == "title" {
			title, _, _ := strings.Cut(child.Text, "\n")
			return title
		}
	}
	return ""
}

func (e svgElement) texts() []string {
	var out []string
	for _, child := range e.Elements {
		if child.XMLName.Local == "text" {
			out = append(out, child.Text)
		}
	}
	return out
}

// svgOf returns a picture as it is written, and as it is read.
func svgOf(t *testing.T, g *topology.Graph) (text string, root svgElement) {
	t.Helper()
	var out bytes.Buffer
	if err := MapSVG(&out, g); err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(out.Bytes(), &root); err != nil {
		t.Fatalf("%v in\n%s", err, out.String())
	}
	return out.String(), root
}

func TestEachSVGIsAPictureAndNothingElse(t *testing.T) {
	for name, g := range maps(t) {
		text, root := svgOf(t, g)
		for _, element := range root.all() {
			if !slices.Contains([]string{"svg", "title", "desc", "style", "rect", "defs", "marker", "path", "g", "text"}, element.XMLName.Local) {
				t.Errorf("%s: there is an element %s", name, element.XMLName.Local)
			}
			for _, a := range element.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
					t.Errorf("%s: there is an attribute %s of %s", name, a.Name.Local, element.XMLName.Local)
				}
			}
		}
		if bad := regexp.MustCompile(`(NaN|Inf|var\(--)`).FindString(text); bad != "" {
			t.Errorf("%s: there is %s in the picture", name, bad)
		}
	}
}

// boxesOf returns the lines that are written in each box of a picture, by what it stands for.
func boxesOf(root svgElement) map[string][]string {
	out := map[string][]string{}
	for _, part := range root.parts("box") {
		out[part.title()] = append(out[part.title()], part.texts()...)
	}
	return out
}

// tells says whether a box that is drawn names another one in a line, cut or not.
func tells(lines []string, other topology.Box) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		line = strings.TrimPrefix(strings.TrimPrefix(line, "→ "), "← ")
		words, _, isCut := strings.Cut(line, "…")
		whole := printable(other.String())
		return line == printable(other.Name) || strings.HasPrefix(line, whole) || (isCut && strings.HasPrefix(whole, words))
	})
}

func TestEveryBoxAndEveryArrowOfTheGraphIsInThePicture(t *testing.T) {
	for name, g := range maps(t) {
		t.Run(name, func(t *testing.T) {
			_, root := svgOf(t, g)
			drawn, p := boxesOf(root), newPicture(g)
			arrows := map[string]int{}
			for _, part := range root.parts("arrow") {
				arrows[part.title()]++
			}
			for _, a := range g.Arrows {
				from, to := p.boxes[a.From], p.boxes[a.To]
				title, _, _ := strings.Cut(arrowTooltip(p, a), "\n")
				isDrawn := arrows[title] > 0
				if arrows[title]--; isDrawn || tells(drawn[p.named(a.From)], to) || tells(drawn[p.named(a.To)], from) {
					continue
				}
				t.Errorf("nothing is to be seen of an arrow %s", title)
			}
			for title, left := range arrows {
				if left > 0 {
					t.Errorf("%d arrows too many are %s", left, title)
				}
			}
			for _, box := range g.Boxes {
				isTold := false
				for _, lines := range drawn {
					isTold = isTold || tells(lines, box)
				}
				if lines := drawn[p.named(box.ID)]; !slices.Contains(lines, printable(box.Name)) && !isTold {
					t.Errorf("nothing is to be seen of the box %s", box)
				}
			}
			if frames := root.parts("frame"); len(frames) != len(g.Groups) {
				t.Errorf("%d frames of %d", len(frames), len(g.Groups))
			}
		})
	}
}

func TestAPeerThatCallsAndIsCalledIsDrawnOnBothSides(t *testing.T) {
	box := func(id, group string, kind topology.BoxKind) topology.Box {
		return topology.Box{ID: id, Name: id, Group: group, Kind: kind}
	}
	g := &topology.Graph{
		Profiles: []topology.Profile{{ID: "p", Name: "p", State: topology.StateEnforced}},
		Groups:   []topology.Group{{ID: "g", Profile: "p"}},
		Boxes:    []topology.Box{box("internet", "", topology.BoxInternet), box("web", "g", topology.BoxTier)},
		Arrows: []topology.Arrow{
			{Kind: topology.ArrowAllow, State: topology.ArrowOpen, From: "internet", To: "web"},
			{Kind: topology.ArrowAllow, State: topology.ArrowOpen, From: "web", To: "internet"},
		},
	}
	s := newScene(g)
	left, web, right := s.drawing.Nodes[0], s.drawing.Nodes[2], s.drawing.Nodes[1]
	if len(s.boxes) != 3 || left.X+left.Width > web.X || web.X+web.Width > right.X {
		t.Errorf("drawn are %+v at %v", s.boxes, s.drawing.Nodes)
	}
}

func TestTextFitsIntoItsBox(t *testing.T) {
	for name, g := range maps(t) {
		s := newScene(g)
		for i, b := range s.boxes {
			for _, line := range append(b.lines, sceneLine{text: printable(b.Name), size: nameSize}) {
				if w := textWidth(line.text, line.size); w > s.drawing.Nodes[i].Width {
					t.Errorf("%s: %q is %v wide in a box of %v", name, line.text, w, s.drawing.Nodes[i].Width)
				}
			}
		}
	}
}

func TestWhatIsNotInForceIsNotToldAsAllowed(t *testing.T) {
	for name, words := range map[string]string{"preview": "not in force", "findings": "something else closes an end"} {
		g := maps(t)[name]
		page := newMapPage(newScene(g))
		for i, a := range g.Arrows {
			if isOpen := a.State == topology.ArrowOpen; isOpen != (page.Rows[i].State == "allowed" || page.Rows[i].State == "allowed; only inside one namespace") {
				t.Errorf("%s: the state of an arrow that is %s is told as %q", name, a.State, page.Rows[i].State)
			}
			if first, _, _ := strings.Cut(arrowTooltip(newPicture(g), a), "\n"); (a.State == topology.ArrowOpen) != strings.HasSuffix(first, ports(a)) {
				t.Errorf("%s: an arrow that is %s is told as %q", name, a.State, first)
			}
		}
		told := false
		for _, d := range page.Details {
			for _, f := range d.Facts {
				told = told || (strings.HasPrefix(f.Name, "May ") && strings.Contains(strings.Join(f.Values, " "), words))
			}
		}
		if text, _ := svgOf(t, g); !told || !strings.Contains(text, words) {
			t.Errorf("%s: nowhere it says %q", name, words)
		}
	}
}

func TestAPictureSaysWhatItLeavesOut(t *testing.T) {
	for name, want := range map[string]string{
		"large": "So is what boxes say with → and ←", "preview": "None of them is in force.", "three-tier": "By the profiles in force, all else",
	} {
		if text, _ := svgOf(t, maps(t)[name]); !strings.Contains(text, want) {
			t.Errorf("%s: it does not say %q", name, want)
		}
	}
	g := &topology.Graph{Profiles: []topology.Profile{{ID: "SegmentationProfile kube-system/kept", State: topology.StateUnknown, Reason: "Namespace kube-system is protected."}}}
	text, _ := svgOf(t, g)
	_, root := pageOf(t, g)
	var page strings.Builder
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			page.WriteString(n.Data)
		}
	}
	// Lines of a picture are cut between words.
	text = strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text, " ")), " ")
	for where, text := range map[string]string{"picture": text, "page": page.String()} {
		if !strings.Contains(text, "Not drawn: SegmentationProfile kube-system/kept. Namespace kube-system is protected.") {
			t.Errorf("the %s does not say what is not drawn", where)
		}
	}
}

func TestLinesAreFittedByTheWidthOfTheirCharacters(t *testing.T) {
	if narrow, wide := textWidth("iiii", 10), textWidth("WWWW", 10); narrow*3 > wide {
		t.Errorf("iiii is %v wide, WWWW %v", narrow, wide)
	}
	if textWidth("日本", 10) < 20 {
		t.Error("wide characters are narrow")
	}
	for _, line := range fitted("in namespace production; pods in no tier stay open", 11, 120) {
		if textWidth(line, 11) > 120 {
			t.Errorf("%q is wider than it may be", line)
		}
	}
	if got := fitted("averyveryverylongword b", 11, 20); !slices.Equal(got, []string{"averyveryverylongword", "b"}) {
		t.Errorf("%q", got)
	}
}

func BenchmarkMapSVG(b *testing.B) {
	g := graphOfText(b, topology.Input{Partial: true}, largeProfile())
	for b.Loop() {
		if err := MapSVG(io.Discard, g); err != nil {
			b.Fatal(err)
		}
	}
}
