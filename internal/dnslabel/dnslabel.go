// Package dnslabel makes names for the parts of profiles: DNS labels as RFC 1123 has them, each given once.
package dnslabel

import (
	"fmt"
	"strings"
)

// maxLength is how long a DNS label is at most.
const maxLength = 63

// Of makes a DNS label of a text: "Allow_Web 2" becomes "allow-web-2". A text without letters and digits becomes "x".
func Of(text string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, text)
	for strings.Contains(out, "--") {
		out = strings.ReplaceAll(out, "--", "-")
	}
	if len(out) > maxLength {
		out = out[:maxLength]
	}
	if out = strings.Trim(out, "-"); out == "" {
		return "x"
	}
	return out
}

// Names are names that are taken.
type Names map[string]bool

// Take returns a name that nobody has, as like that of a text as can be, and takes it.
func (n Names) Take(text string) string {
	name := Of(text)
	out := name
	for i := 2; n[out]; i++ {
		suffix := fmt.Sprintf("-%d", i)
		out = strings.TrimRight(name[:min(len(name), maxLength-len(suffix))], "-") + suffix
	}
	n[out] = true
	return out
}
