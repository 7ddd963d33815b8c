package dnslabel

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
)

func TestNamesAreDNSLabelsAndEachIsGivenOnce(t *testing.T) {
	taken := Names{"reserved": true}
	long := strings.Repeat("a", 70)
	for _, c := range [][2]string{
		{"Allow_Web", "allow-web"}, {"allow-web", "allow-web-2"}, {"allow.web", "allow-web-3"}, {"reserved", "reserved-2"},
		{long, long[:63]}, {long, long[:61] + "-2"}, {strings.Repeat("b", 60) + "-bc-d", strings.Repeat("b", 60) + "-bc"},
		{"...", "x"}, {"-ä-", "x-2"}, {"1/2", "1-2"},
	} {
		got := taken.Take(c[0])
		if got != c[1] {
			t.Errorf("%q becomes %q, not %q", c[0], got, c[1])
		}
		if faults := validation.IsDNS1123Label(got); len(faults) > 0 {
			t.Errorf("%q becomes %q: %v", c[0], got, faults)
		}
	}
}
