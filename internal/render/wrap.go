package render

import (
	"strings"
	"unicode/utf8"
)

// wrapped returns text indented, in lines that fit the width of a style; in one line when it has none. Words are not broken.
func wrapped(text, indent string, style Style) string {
	const leastWidth = 40
	if style.Width == 0 {
		return indent + text
	}
	width := max(leastWidth, style.Width)
	var lines []string
	line, length := indent, utf8.RuneCountInString(indent)
	empty := true
	for _, word := range strings.Fields(text) {
		n := visible(word)
		if !empty && length+1+n > width {
			lines = append(lines, line)
			line, length, empty = indent, utf8.RuneCountInString(indent), true
		}
		if !empty {
			line, length = line+" ", length+1
		}
		line, length, empty = line+word, length+n, false
	}
	return strings.Join(append(lines, line), "\n")
}

// visible counts the columns that text takes: its colours take none.
func visible(text string) int {
	n, rest := 0, text
	for {
		before, after, found := strings.Cut(rest, "\x1b[")
		n += utf8.RuneCountInString(before)
		if !found {
			return n
		}
		_, rest, _ = strings.Cut(after, "m")
	}
}
