package selector

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// Matches says whether the selector matches an object with these labels. Nil matches nothing.
func Matches(s *metav1.LabelSelector, objectLabels map[string]string) (bool, error) {
	if s != nil && len(s.MatchExpressions) == 0 && ArePlain(s.MatchLabels) {
		return hasAll(objectLabels, s.MatchLabels), nil
	}
	compiled, err := Compile(s)
	if err != nil {
		return false, err
	}
	return compiled.Matches(labels.Set(objectLabels)), nil
}

// MatchesAPI is Matches of a selector as profiles have it.
func MatchesAPI(s *v1alpha1.LabelSelector, objectLabels map[string]string) (bool, error) {
	if s != nil && len(s.MatchExpressions) == 0 && ArePlain(s.MatchLabels) {
		return hasAll(objectLabels, s.MatchLabels), nil
	}
	return Matches(FromAPI(s), objectLabels)
}

func hasAll[V ~string](have map[string]string, want map[string]V) bool {
	for key, value := range want {
		if is, ok := have[key]; !ok || is != string(value) {
			return false
		}
	}
	return true
}

// ArePlain says whether these are labels of which nothing could be refused, as nearly all are: then nothing needs to be compiled
// for one comparison. Of what it says no to, the library knows.
func ArePlain[V ~string](want map[string]V) bool {
	for key, value := range want {
		prefix, name, ok := strings.Cut(key, "/")
		if !ok {
			prefix, name = "a", key
		}
		if !isPlainPrefix(prefix) || !isPlainName(name) || value != "" && !isPlainName(string(value)) {
			return false
		}
	}
	return true
}

// longestPlain is what a name, a value and a word of a prefix may have; a whole prefix may have more.
const longestPlain = 63

// isPlainName says whether a text is letters and digits, and between them hyphens, underscores and dots.
func isPlainName(text string) bool {
	if text == "" || len(text) > longestPlain || !isLetterOrDigit(text[0]) || !isLetterOrDigit(text[len(text)-1]) {
		return false
	}
	for i := range len(text) {
		if c := text[i]; !isLetterOrDigit(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// isPlainPrefix says whether a text is a name in lower case without underscores, in which dots stand between letters or digits.
func isPlainPrefix(text string) bool {
	if !isPlainName(text) {
		return false
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c == '_' || c >= 'A' && c <= 'Z':
			return false
		case c == '.' && (!isLetterOrDigit(text[i-1]) || !isLetterOrDigit(text[i+1])):
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
