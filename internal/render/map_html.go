package render

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"firebreak.dev/firebreak/internal/topology"
)

//go:embed mappage/page.html mappage/page.css mappage/page.js
var mapPageFiles embed.FS

// MapHTML writes a picture as one HTML file that needs nothing else and asks nobody: to move in, search and filter, with what is known
// of each box and arrow, and a table of them all. Equal graphs give equal bytes. It fails only where writing fails.
func MapHTML(out io.Writer, g *topology.Graph) error {
	files := map[string]string{}
	for _, name := range []string{"html", "css", "js"} {
		text, err := mapPageFiles.ReadFile("mappage/page." + name)
		if err != nil {
			return fmt.Errorf("read the page of the map: %w", err)
		}
		files[name] = string(text)
	}
	page, err := template.New("map").Parse(files["html"])
	if err != nil {
		return fmt.Errorf("read the page of the map: %w", err)
	}
	w := &svgWriter{scene: newScene(g), interactive: true}
	w.line(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" role="group" aria-label="The picture">`, pixels(w.drawing.Width), pixels(w.drawing.Height))
	w.scenery()
	w.line("</svg>")
	css := fmt.Sprintf(":root { %s color-scheme: light; }\n@media screen and (prefers-color-scheme: dark) { :root:not([data-theme=light]) { %s color-scheme: dark; } }\n"+
		"@media screen { :root[data-theme=dark] { %s color-scheme: dark; } }\n%s%s",
		variables(false), variables(true), variables(true), sceneCSS, files["css"])
	var text bytes.Buffer
	err = page.Execute(&text, map[string]any{
		// These are the program's own, and what they hold of profiles was escaped where it was put in.
		"SVG":    template.HTML(w.out.String()), //nolint:gosec // See above.
		"CSS":    template.CSS(css),             //nolint:gosec // See above.
		"JS":     template.JS(files["js"]),      //nolint:gosec // See above.
		"Policy": fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", digest("\n"+css+"\n"), digest("\n"+files["js"]+"\n")),
		"Page":   newMapPage(w.scene),
		"Footer": w.footer(),
	})
	if err != nil {
		return fmt.Errorf("fill the page of the map: %w", err)
	}
	if _, err := out.Write(text.Bytes()); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return nil
}

// digest returns that by which a page's policy knows its own script and style.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
