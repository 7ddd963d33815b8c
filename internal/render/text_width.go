package render

import (
	"strings"

	eastasian "golang.org/x/text/width"
)

// helvetica returns the width of a character between blank and tilde in thousandths of the size of the font, as Adobe's metrics of
// Helvetica have it; Arial and Liberation Sans have the same.
func helvetica(r rune) int {
	widths := [...]int{
		278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
		1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
		333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
	}
	return widths[r-' ']
}

// otherFonts makes room for fonts that are wider, where none of those is there.
const otherFonts = 1.08

// textWidth returns how wide a text is about, in a font of this size.
func textWidth(text string, size float64) float64 {
	sum := 0
	for _, r := range text {
		switch kind := eastasian.LookupRune(r).Kind(); {
		case r >= ' ' && r <= '~':
			sum += helvetica(r)
		case kind == eastasian.EastAsianWide || kind == eastasian.EastAsianFullwidth:
			sum += 1000
		default:
			sum += 650
		}
	}
	return float64(sum) / 1000 * size * otherFonts
}

// fitted returns a text in lines that are no wider than given, as far as words allow.
func fitted(text string, size, width float64) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if longer := line + " " + word; line != "" && textWidth(longer, size) > width {
			lines, line = append(lines, line), word
		} else {
			line = strings.TrimSpace(longer)
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
