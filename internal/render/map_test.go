package render

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/snapshot"
	"firebreak.dev/firebreak/internal/topology"
	"firebreak.dev/firebreak/test/harness"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	samples     = "../../config/samples/"
	sampleFacts = "../compiler/testdata/samples.facts.yaml"
)

// maps are the pictures whose every format is held to the byte.
func maps(t *testing.T) map[string]*topology.Graph {
	t.Helper()
	all := []string{sampleFacts, samples + "namespaces.yaml"}
	for _, pattern := range []string{samples + "*.yaml", samples + "peers/*.yaml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("no samples: %v", err)
		}
		for _, file := range found {
			if base := filepath.Base(file); base != "namespaces.yaml" && base != "kustomization.yaml" {
				all = append(all, file)
			}
		}
	}
	return map[string]*topology.Graph{
		"three-tier":          graphOf(t, topology.Input{Partial: true}, samples+"three-tier.yaml"),
		"samples":             graphOf(t, topology.Input{}, all...),
		"app-over-namespaces": graphOf(t, topology.Input{Partial: true}, samples+"namespaces.yaml", samples+"app-over-namespaces.yaml"),
		"preview":             graphOf(t, topology.Input{Partial: true}, samples+"preview.yaml"),
		"findings":            graphOf(t, topology.Input{}, "testdata/findings.in.yaml"),
		"large":               graphOfText(t, topology.Input{Partial: true}, largeProfile()),
		"hostile":             hostile(),
	}
}

func graphOf(t testing.TB, in topology.Input, files ...string) *topology.Graph {
	t.Helper()
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString("---\n" + string(text) + "\n")
	}
	return graphOfText(t, in, all.String())
}

// graphOfText returns the picture of all profiles in YAML documents, once the operator has done its work.
func graphOfText(t testing.TB, in topology.Input, text string) *topology.Graph {
	t.Helper()
	inv := inventory.New()
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		u := &unstructured.Unstructured{}
		if err := errors.Join(err, yaml.Unmarshal(document, &u.Object)); err != nil {
			t.Fatal(err)
		}
		if len(u.Object) == 0 {
			continue
		}
		object, err := inventory.Decode(u)
		if err != nil || object == nil {
			t.Fatalf("read %s %s: %v", u.GetKind(), u.GetName(), err)
		}
		inv.Add(object)
	}
	settled, err := outlook.Settled(inv.Cluster(snapshot.DefaultOptions("firebreak-system")))
	if err != nil {
		t.Fatal(err)
	}
	in.Outlook, in.Profiles = settled, settled.Cluster.Profiles
	g, err := topology.Of(in)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// largeProfile is sixty tiers, each of which calls others, about two hundred flows: more than fits on a page.
func largeProfile() string {
	var out strings.Builder
	out.WriteString("apiVersion: firebreak.dev/v1alpha1\nkind: SegmentationProfile\nmetadata: {name: marketplace, namespace: marketplace}\nspec:\n  tiers:\n")
	for i := range 60 {
		fmt.Fprintf(&out, "  - {name: service-%02d, podSelector: {matchLabels: {app: service-%02d}}, ports: [{port: %d}]}\n", i, i, 8000+i%4)
	}
	out.WriteString("  allow:\n  - {name: users, from: [{pods: {namespaces: [ingress-nginx]}}], to: [{tier: service-00}, {tier: service-01}]}\n")
	var all []string
	for i := range 60 {
		all = append(all, fmt.Sprintf("{tier: service-%02d}", i))
		var to []string
		for _, step := range []int{1 + i%3, 5 + i%7, 11 + i%13} {
			if i+step < 60 {
				to = append(to, fmt.Sprintf("{tier: service-%02d}", i+step))
			}
		}
		if len(to) > 0 {
			fmt.Fprintf(&out, "  - {name: calls-of-%02d, from: [{tier: service-%02d}], to: [%s]}\n", i, i, strings.Join(to, ", "))
		}
	}
	fmt.Fprintf(&out, "  - {name: metrics, from: [{pods: {namespaces: [monitoring], podSelector: {matchLabels: {app: prometheus}}}}], to: [%s], ports: [{port: metrics}]}\n",
		strings.Join(all[:32], ", "))
	out.WriteString("  - {name: provider, from: [{tier: service-40}, {tier: service-41}], to: [{internet: {}}], ports: [{port: 443}]}\n")
	return out.String()
}

// nasty are texts that mean something to a terminal, to Mermaid, to DOT, to HTML or to Markdown.
func nasty() []string {
	return []string{
		"end", "graph", "subgraph", "style", "o", "x", "default", "click", `"quoted"`, `a"] --> b["c`, "<b>bold</b><script>alert(1)</script>",
		"a|b|c", "#quot; #35; &amp; &lt;", "two\nlines\r\nand\ttabs", "%%{init: {'theme': 'dark'}}%%", "%% comment", "`code` *stars* __under__ ~~gone~~",
		`back\slash\n\"`, "style:x#35;", "classDef a fill:#fff;", "(round) [square] {curly} {{hex}} ((circle))", "---", "-->", "==>", "@{shape: x}", "1. one", "- dash",
		"$$x^2$$", "ünïcödé 日本語 🔥", "\x1b[31mred\x1b[0m", "right\u202eto left", "\x00\x07", "]]>", "<!-- -->", "a;b;c", ":::class", "&", "'", "", "no\ufffe\uffffcharacter\ufdd0",
	}
}

// hostile is a picture in which every text is nasty: more than a valid profile could have.
func hostile() *topology.Graph {
	g := &topology.Graph{}
	texts := nasty()
	at := func(i int) string { return texts[i%len(texts)] }
	g.Profiles = []topology.Profile{{
		ID: "p", Kind: v1alpha1.KindSegmentationProfile, Name: at(4), Namespace: at(8), State: topology.StateEnforced,
		Namespaces: topology.Namespaces{Count: 1, Names: []string{at(9)}},
	}, {
		ID: "q", Kind: v1alpha1.KindClusterSegmentationProfile, Name: at(10), State: topology.StateUnknown, Reason: at(14),
		Namespaces: topology.Namespaces{Selector: at(17)},
	}}
	g.Groups = []topology.Group{{ID: "g\"", Profile: "p", Namespaces: topology.Namespaces{Count: 1, Names: []string{at(10)}}, Others: topology.OthersOpen}}
	for i := range texts {
		box := topology.Box{
			ID: "box " + at(i), Kind: topology.BoxTier, Group: "g\"", Name: at(i), Selector: at(i + 1), Description: at(i + 2), Ports: []string{at(i + 3)},
			Policies: []string{at(i)},
		}
		if i%2 == 1 {
			box.Kind, box.Group, box.Where, box.Details = topology.BoxPods, "", at(i+4), []string{at(i + 5)}
		}
		finding := topology.Finding{Finding: v1alpha1.Finding{Code: v1alpha1.CodeHalfOpen, Place: at(i), Message: at(i + 1)}, Profile: "p"}
		if i%5 == 0 {
			box.Findings = []topology.Finding{finding}
		}
		g.Boxes = append(g.Boxes, box)
		if i == 0 {
			continue
		}
		arrow := topology.Arrow{
			Kind: topology.ArrowAllow, State: topology.ArrowOpen, From: g.Boxes[i-1].ID, To: box.ID, Ports: []string{at(i), at(i + 2)},
			Entries: []topology.Entry{{Profile: "p", Name: at(i), Description: at(i + 7)}},
		}
		if i%7 == 0 {
			arrow.State, arrow.Findings = topology.ArrowHalfOpen, []topology.Finding{finding}
		}
		g.Arrows = append(g.Arrows, arrow)
	}
	return g
}

func TestMapsWordForWord(t *testing.T) {
	for name, g := range maps(t) {
		formats := map[string]func(io.Writer) error{
			".txt":  func(out io.Writer) error { return MapText(out, g, Style{}) },
			".mmd":  func(out io.Writer) error { return MapMermaid(out, g) },
			".dot":  func(out io.Writer) error { return MapDOT(out, g) },
			".json": func(out io.Writer) error { return JSON(out, g) },
		}
		if name == "large" || name == "hostile" {
			// Its JSON is what it was made from.
			delete(formats, ".json")
		} else {
			formats[".svg"] = func(out io.Writer) error { return MapSVG(out, g) }
		}
		if name == "three-tier" {
			formats[".html"] = func(out io.Writer) error { return MapHTML(out, g) }
		}
		for ending, write := range formats {
			t.Run(name+ending, func(t *testing.T) {
				var out bytes.Buffer
				if err := write(&out); err != nil {
					t.Fatal(err)
				}
				mustBeGolden(t, "testdata/map-"+name+ending, out.Bytes())
			})
		}
	}
}

// mustBeGolden compares with a golden file to the byte, or writes it.
func mustBeGolden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (write it with: make golden)", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

func TestTextIsNoWiderThanItMayBe(t *testing.T) {
	for name, g := range maps(t) {
		for _, width := range []int{0, 60, 80, 132} {
			var out strings.Builder
			if err := MapText(&out, g, Style{Width: width}); err != nil {
				t.Fatal(err)
			}
			limit := width
			if limit == 0 {
				limit = 100
			}
			for line := range strings.SplitSeq(out.String(), "\n") {
				if n := utf8.RuneCountInString(line); n > limit {
					t.Errorf("%s: a line has %d characters of %d: %s", name, n, limit, line)
				}
			}
		}
	}
}

func TestNothingThatATerminalObeysIsWrittenAsText(t *testing.T) {
	var out strings.Builder
	if err := MapText(&out, hostile(), Style{}); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if r != '\n' && printable(string(r)) == "" && r != ' ' {
			t.Errorf("there is %U in the text", r)
		}
	}
}

func TestColourAddsNothingButColour(t *testing.T) {
	for name, g := range maps(t) {
		var plain, coloured strings.Builder
		if err := errors.Join(MapText(&plain, g, Style{}), MapText(&coloured, g, Style{Color: true})); err != nil {
			t.Fatal(err)
		}
		var bare strings.Builder
		for i, part := range strings.Split(coloured.String(), "\x1b[") {
			if _, rest, ok := strings.Cut(part, "m"); ok && i > 0 {
				part = rest
			}
			bare.WriteString(part)
		}
		var lines []string
		for line := range strings.SplitSeq(bare.String(), "\n") {
			lines = append(lines, strings.TrimRight(line, " "))
		}
		if strings.Join(lines, "\n") != plain.String() {
			t.Errorf("%s: without its colours the text is not the plain one:\n%s", name, bare.String())
		}
	}
}

// TestMermaidAndGraphvizTakeEveryPicture hands the golden pictures, which TestMapsWordForWord holds, to the parsers of Mermaid and Graphviz.
func TestMermaidAndGraphvizTakeEveryPicture(t *testing.T) {
	root, err := harness.RepositoryRoot()
	if err != nil {
		t.Fatal(err)
	}
	check := filepath.Join(root, "bin", "diagrams", "check.js")
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(root, "bin", "diagrams", "node_modules"))
	}
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatalf(`%v: install Node.js and npm, and run "make bin/diagrams"`, err)
	case err != nil:
		t.Skipf(`%v: install Node.js and npm, and run "make bin/diagrams"`, err)
	}
	args := []string{check}
	for _, pattern := range []string{"testdata/map-*.mmd", "testdata/map-*.dot"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("no pictures: %v", err)
		}
		args = append(args, files...)
	}
	if output, err := exec.CommandContext(t.Context(), node, args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
