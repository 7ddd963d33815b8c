package render

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"firebreak.dev/firebreak/internal/topology"
)

// svgOf returns a picture, and how many elements of each class it has.
func svgOf(t *testing.T, g *topology.Graph) (text string, classes map[string]int) {
	t.Helper()
	var out bytes.Buffer
	if err := MapSVG(&out, g); err != nil {
		t.Fatal(err)
	}
	classes = map[string]int{}
	d := xml.NewDecoder(&out)
	written := out.String()
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return written, classes
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, written)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !slices.Contains([]string{"svg", "title", "desc", "style", "rect", "defs", "marker", "path", "g", "text"}, element.Name.Local) {
			t.Errorf("there is an element %s", element.Name.Local)
		}
		for _, a := range element.Attr {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
				t.Errorf("there is an attribute %s of %s", a.Name.Local, element.Name.Local)
			}
			if a.Name.Local == "class" {
				classes[element.Name.Local+" "+strings.Fields(a.Value)[0]]++
			}
		}
	}
}

func TestEachSVGIsXMLWithAllThatIsDrawn(t *testing.T) {
	for name, g := range maps(t) {
		t.Run(name, func(t *testing.T) {
			text, classes := svgOf(t, g)
			s := newScene(g)
			if classes["g box"] != len(s.boxes) || classes["g arrow"] != len(s.arrows) || classes["g frame"] != len(s.frames) {
				t.Errorf("%d boxes of %d, %d arrows of %d, %d frames of %d", classes["g box"], len(s.boxes), classes["g arrow"], len(s.arrows),
					classes["g frame"], len(s.frames))
			}
			for _, b := range s.boxes {
				if !strings.Contains(text, ">"+escapeHTML(printable(b.Name))+"<") {
					t.Errorf("the name of box %q is not there", b.Name)
				}
			}
			if bad := regexp.MustCompile(`(NaN|Inf|var\(--)`).FindString(text); bad != "" {
				t.Errorf("there is %s in the picture", bad)
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

// pageOf returns the page of a picture, parsed as browsers do.
func pageOf(t *testing.T, g *topology.Graph) (text string, root *html.Node) {
	t.Helper()
	var out bytes.Buffer
	if err := MapHTML(&out, g); err != nil {
		t.Fatal(err)
	}
	text = out.String()
	root, err := html.Parse(&out)
	if err != nil {
		t.Fatal(err)
	}
	return text, root
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func TestEachPageNeedsNothingElseAndKnowsAllOfItsParts(t *testing.T) {
	for name, g := range maps(t) {
		t.Run(name, func(t *testing.T) {
			_, root := pageOf(t, g)
			ids, abouts := map[string]bool{}, map[string]bool{}
			elements := map[atom.Atom]int{}
			parts := 0
			for n := range root.Descendants() {
				if n.Type != html.ElementNode {
					continue
				}
				elements[n.DataAtom]++
				if id := attribute(n, "id"); id != "" {
					if ids[id] {
						t.Errorf("two elements have the ID %s", id)
					}
					ids[id] = true
				}
				if attribute(n, "data-part") != "" {
					parts++
					abouts[attribute(n, "data-about")] = true
					if attribute(n, "aria-label") == "" || attribute(n, "tabindex") != "0" {
						t.Errorf("a part has no name, or cannot be reached: %v", n.Attr)
					}
				}
				for _, a := range n.Attr {
					if a.Key == "src" || a.Key == "href" || a.Key == "style" || strings.HasPrefix(a.Key, "on") {
						t.Errorf("%s has an attribute %s=%q", n.Data, a.Key, a.Val)
					}
				}
			}
			s := newScene(g)
			if parts != len(s.boxes)+len(s.arrows) {
				t.Errorf("%d parts, of %d boxes and %d arrows", parts, len(s.boxes), len(s.arrows))
			}
			for about := range abouts {
				if !ids["about-"+about] {
					t.Errorf("nothing is told of %s", about)
				}
			}
			if elements[atom.Script] != 1 || elements[atom.Style] != 1 || elements[atom.Iframe]+elements[atom.Img]+elements[atom.Link]+elements[atom.A] > 0 {
				t.Errorf("elements: %v", elements)
			}
		})
	}
}

func TestThePolicyOfAPageAllowsItsOwnScriptAndStyle(t *testing.T) {
	_, root := pageOf(t, maps(t)["three-tier"])
	policy, found := "", 0
	for n := range root.Descendants() {
		if attribute(n, "http-equiv") == "Content-Security-Policy" {
			policy = attribute(n, "content")
		}
		if n.DataAtom == atom.Script || n.DataAtom == atom.Style {
			found++
			if directive := fmt.Sprintf("%s-src '%s'", n.Data, digest(n.FirstChild.Data)); !strings.Contains(policy, directive) {
				t.Errorf("the policy %q has no %q", policy, directive)
			}
		}
	}
	if found != 2 || strings.Contains(policy, "unsafe") {
		t.Errorf("%d scripts and styles, under %q", found, policy)
	}
}

func TestEveryArrowIsInTheTable(t *testing.T) {
	for name, g := range maps(t) {
		if page := newMapPage(newScene(g)); len(page.Rows) != len(g.Arrows) || len(page.Profiles) != len(g.Profiles) {
			t.Errorf("%s: %d rows of %d arrows, %d of %d profiles", name, len(page.Rows), len(g.Arrows), len(page.Profiles), len(g.Profiles))
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
