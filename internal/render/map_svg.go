package render

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"firebreak.dev/firebreak/internal/layout"
	"firebreak.dev/firebreak/internal/topology"
)

//go:embed mappage/scene.css
var sceneCSS string

// MapSVG writes a picture as SVG 1.1 that needs nothing else, in colours for light and dark pages. Equal graphs give equal bytes, and
// lines end with \n. It fails only where writing fails.
func MapSVG(out io.Writer, g *topology.Graph) error {
	w := &svgWriter{scene: newScene(g)}
	var legend []string
	for _, text := range w.footer() {
		legend = append(legend, fitted(text, detailSize, max(leastFooter, w.drawing.Width-2*layout.Margin))...)
	}
	width, height := w.size(legend)
	w.line(`<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" role="img" aria-labelledby="picture-title picture-description">`,
		pixels(width), pixels(height), pixels(width), pixels(height))
	w.line(`<title id="picture-title">%s</title>`, escapeHTML(w.caption()))
	w.line(`<desc id="picture-description">%s</desc>`, escapeHTML(strings.Join(w.sentences(), ". ")))
	w.line("<style>\n%s@media screen and (prefers-color-scheme: dark) {\n%s}\n</style>", coloured(sceneCSS, false), coloured(sceneCSS, true))
	w.line(`<rect class="paper" width="%s" height="%s"/>`, pixels(width), pixels(height))
	w.scenery()
	for i, text := range legend {
		w.text("soft", layout.Margin, max(layout.Margin, w.drawing.Height)+(detailSize+leading)*float64(i+1), detailSize, text)
	}
	w.line("</svg>")
	if _, err := io.WriteString(out, w.out.String()); err != nil {
		return fmt.Errorf("write SVG: %w", err)
	}
	return nil
}

// svgWriter is an SVG that is being written.
type svgWriter struct {
	*scene
	// interactive: a page around it tells what is known of its parts, so they can be reached, and have no tooltips.
	interactive bool
	out         strings.Builder
}

func (w *svgWriter) line(format string, args ...any) { fmt.Fprintf(&w.out, format+"\n", args...) }

// size returns the size of the whole, with the lines below the picture.
func (w *svgWriter) size(legend []string) (width, height float64) {
	width, height = w.drawing.Width, max(layout.Margin, w.drawing.Height)+(detailSize+leading)*float64(len(legend))+layout.Margin
	for _, text := range legend {
		width = max(width, textWidth(text, detailSize)+2*layout.Margin)
	}
	return math.Ceil(width), math.Ceil(height)
}

// pixels returns a length, to a tenth of a pixel.
func pixels(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }

// scenery writes the picture itself.
func (w *svgWriter) scenery() {
	w.line("<defs>")
	for _, kind := range []string{"plain", "dns", "preview", "bad"} {
		w.head(kind, "head "+kind, "9.5", "M0 1L10 5L0 9z")
	}
	// A cross, a little before the box.
	w.head("stop", "stop", "12", "M1 1L9 9M1 9L9 1")
	w.line("</defs>")
	w.line(`<g id="scene">`)
	for i := range w.frames {
		w.frame(i)
	}
	for i := range w.boxes {
		w.box(i)
	}
	for i := range w.arrows {
		w.arrow(i)
	}
	w.line("</g>")
}

// head writes what arrows end in: a shape in a square of ten, in which the end of the arrow is so far from the left.
func (w *svgWriter) head(name, class, end, shape string) {
	w.line(`<marker id="head-%s" viewBox="0 0 10 10" refX="%s" refY="5" markerWidth="9" markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path class="%s" d="%s"/></marker>`,
		name, end, class, shape)
}

func (w *svgWriter) frame(i int) {
	f, r := w.frames[i], w.drawing.Groups[i]
	if r.Width == 0 {
		return
	}
	w.line(`<g class="frame %s">`, groupClass(w.profiles[f.Profile]))
	w.rectangle(r, 10)
	x, y := r.X+layout.FramePadding, r.Y+layout.FramePadding+nameSize*0.7
	w.text("title", x, y, 0, f.name)
	for _, line := range fitted(f.details, detailSize, r.Width-2*layout.FramePadding) {
		y += detailSize + leading
		w.text("soft", x, y, detailSize, line)
	}
	w.line("</g>")
}

func (w *svgWriter) rectangle(r layout.Rectangle, round int) {
	w.line(`<rect x="%s" y="%s" width="%s" height="%s" rx="%d"/>`, pixels(r.X), pixels(r.Y), pixels(r.Width), pixels(r.Height), round)
}

// text writes a line. Size 0 is that of the class.
func (w *svgWriter) text(class string, x, y, size float64, text string, attributes ...string) {
	if class != "" {
		attributes = append(attributes, fmt.Sprintf(`class="%s"`, class))
	}
	if size > 0 {
		attributes = append(attributes, fmt.Sprintf(`font-size="%s"`, pixels(size)))
	}
	w.line(`<text x="%s" y="%s" %s>%s</text>`, pixels(x), pixels(y), strings.Join(attributes, " "), escapeHTML(text))
}

// open begins the part of the document that stands for a box or an arrow. What of it is for a page's script is only there for a page.
func (w *svgWriter) open(id, kind, class, attributes string, about []string) {
	if !w.interactive {
		w.line(`<g class="%s %s"><title>%s</title>`, kind, class, escapeHTML(strings.Join(about, "\n")))
		return
	}
	w.line(`<g id="%s" class="%s %s" data-part="%s" %s tabindex="0" role="button" aria-pressed="false" aria-label="%s">`,
		id, kind, class, kind, attributes, escapeHTML(strings.Join(about, "; ")))
}

func (w *svgWriter) box(i int) {
	b, r := w.boxes[i], w.drawing.Nodes[i]
	class, round := boxClass(b.Box), 4
	if hasPods(b.Kind) {
		round = 9
	}
	if len(b.findings) > 0 {
		class += " bad"
	}
	w.open(b.id, "box", class, w.boxData(b), strings.Split(boxTooltip(w.picture, b.Box, b.findings), "\n"))
	w.rectangle(r, round)
	x, y := r.X+r.Width/2, r.Y+boxPadding/2+nameSize*0.9
	w.text("name", x, y, 0, printable(b.Name), `text-anchor="middle"`)
	y += nameLine - nameSize*0.9 - leading
	for _, line := range b.lines {
		y += lineHeight(line)
		w.text(lineClass(line, "soft"), x, y, line.size, line.text, `text-anchor="middle"`)
	}
	w.line("</g>")
}

func lineClass(line sceneLine, otherwise string) string {
	if line.isBad {
		return "bad"
	}
	return otherwise
}

func (w *svgWriter) arrow(i int) {
	a, route := w.arrows[i], w.drawing.Edges[i]
	class, head := arrowClass(a.Arrow)
	about := strings.Split(arrowTooltip(w.picture, a.Arrow), "\n")
	w.open(a.id, "arrow", class, w.arrowData(a), about)
	path := curve(route.Curve)
	if w.interactive {
		w.line(`<path class="hit" d="%s"/>`, path)
	}
	w.line(`<path class="line" d="%s" marker-end="url(#head-%s)"/>`, path, head)
	_, height := textSize(a.lines)
	// The arrow passes below the first line.
	y := route.Label.Y - height/2 - 2*leading
	for k, line := range a.lines {
		y += lineHeight(line)
		class := "soft"
		if k == 0 {
			class = ""
		}
		if k == 1 {
			y += leading
		}
		w.text(lineClass(line, class), route.Label.X, y, line.size, line.text, `text-anchor="middle"`)
	}
	w.line("</g>")
}

// arrowClass returns the classes of an arrow, and the kind of its head.
func arrowClass(a topology.Arrow) (class, head string) {
	switch {
	case isStopped(a):
		return "bad closed", "stop"
	case len(a.Findings) > 0 && a.State == topology.ArrowPreview:
		return "preview bad", "bad"
	case len(a.Findings) > 0:
		return "bad", "bad"
	case a.State == topology.ArrowPreview:
		return "preview", "preview"
	case a.Kind == topology.ArrowDNS:
		return "dns", "dns"
	}
	return "allow", "plain"
}

// curve returns the way of an arrow in the language of SVG paths.
func curve(points []layout.Point) string {
	var out strings.Builder
	for i, p := range points {
		switch {
		case i == 0:
			out.WriteString("M")
		case i%3 == 1:
			out.WriteString("C")
		default:
			out.WriteString(" ")
		}
		out.WriteString(pixels(p.X) + " " + pixels(p.Y))
	}
	return out.String()
}
