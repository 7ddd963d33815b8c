package render

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"firebreak.dev/firebreak/internal/topology"
)

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

// wordsOf returns the text of an element and of those within it.
func wordsOf(n *html.Node) string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data)
		}
	}
	return out.String()
}

// rowsOf returns the texts of the cells of a table, without its head.
func rowsOf(root *html.Node, id string) [][]string {
	var out [][]string
	for n := range root.Descendants() {
		if n.DataAtom != atom.Tr || n.Parent.DataAtom != atom.Tbody || attribute(n.Parent.Parent, "id") != id {
			continue
		}
		var row []string
		for cell := range n.ChildNodes() {
			row = append(row, wordsOf(cell))
		}
		out = append(out, row)
	}
	return out
}

func TestEveryArrowIsARowOfTheTableAndEveryProfileOfTheOther(t *testing.T) {
	for name, g := range maps(t) {
		_, root := pageOf(t, g)
		p := newPicture(g)
		rows := rowsOf(root, "connections")
		if len(rows) != len(g.Arrows) {
			t.Fatalf("%s: %d rows of %d arrows", name, len(rows), len(g.Arrows))
		}
		for i, a := range g.Arrows {
			row := rows[i]
			isOpen := strings.HasPrefix(row[3], "allowed")
			if !strings.HasPrefix(row[0], printable(p.boxes[a.From].String())) || !strings.HasPrefix(row[1], printable(p.boxes[a.To].String())) ||
				row[2] != printable(ports(a)) || isOpen != (a.State == topology.ArrowOpen) {
				t.Errorf("%s: the row of %+v is %q", name, a, row)
			}
			for _, e := range a.Entries {
				if !strings.Contains(row[4], printable(e.Name+" of "+e.Profile)) {
					t.Errorf("%s: entry %s is not in the row %q", name, e.Name, row)
				}
			}
			for _, f := range a.Findings {
				if !strings.Contains(row[5], printable(string(f.Code))) {
					t.Errorf("%s: finding %s is not in the row %q", name, f.Code, row)
				}
			}
		}
		profiles := rowsOf(root, "profiles")
		if len(profiles) != len(g.Profiles) {
			t.Fatalf("%s: %d rows of %d profiles", name, len(profiles), len(g.Profiles))
		}
		for i, profile := range g.Profiles {
			if profiles[i][0] != printable(profile.ID) {
				t.Errorf("%s: profile %s is told as %q", name, profile.ID, profiles[i])
			}
		}
	}
}
