package render

import "strings"

// palette are the colours of a picture by the names that style sheets use, for a light and for a dark page.
func palette() []colour {
	return []colour{
		{"paper", "#ffffff", "#14181c"},
		{"ink", "#1d2329", "#e6eaee"},
		{"soft", "#56606a", "#a3adb7"},
		{"line", "#c2c9d0", "#47515b"},
		{"frame", "#f6f8fa", "#1b2127"},
		{"tier", "#ddf0ff", "#16304a"},
		{"tier-line", "#0a66c2", "#6cb2f5"},
		{"peer", "#ffffff", "#242b32"},
		{"peer-line", "#7d8790", "#8b96a1"},
		{"closed", "#e8ecf0", "#2a3138"},
		{"outside", "#fff6d6", "#3a3214"},
		{"outside-line", "#b07d00", "#d6a93a"},
		{"arrow", "#4b555f", "#b4bec8"},
		{"dns", "#8c96a0", "#7a8590"},
		{"preview", "#7451bd", "#b79bf5"},
		{"bad", "#c0192b", "#ff6b78"},
		{"mark", "#ffe58a", "#6b5a12"},
	}
}

type colour struct{ name, light, dark string }

// coloured returns a style sheet with colours in place of their names, for programs that know no variables.
func coloured(css string, dark bool) string {
	var pairs []string
	for _, c := range palette() {
		value := c.light
		if dark {
			value = c.dark
		}
		pairs = append(pairs, "var(--"+c.name+")", value)
	}
	return strings.NewReplacer(pairs...).Replace(css)
}

// variables returns the colours as declarations of a style sheet.
func variables(dark bool) string {
	var out strings.Builder
	for _, c := range palette() {
		out.WriteString("--" + c.name + ": " + coloured("var(--"+c.name+")", dark) + "; ")
	}
	return strings.TrimSpace(out.String())
}
