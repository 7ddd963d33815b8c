package importer

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/dnslabel"
	"firebreak.dev/firebreak/internal/selector"
)

// namer gives names, each once.
type namer struct{ taken dnslabel.Names }

func newNamer() namer { return namer{dnslabel.Names{v1alpha1.DefaultDenyTier: true}} }

// tier names a tier by what its selector asks for: "web", "web-canary", "not-web", "every-pod".
func (n namer) tier(s *metav1.LabelSelector) string {
	if name := selector.Name(s); name != "" {
		return n.taken.Take(name)
	}
	var words []string
	for _, key := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		words = append(words, s.MatchLabels[key])
	}
	for _, e := range s.MatchExpressions {
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			words = append(words, strings.Join(e.Values, "-or-"))
		case metav1.LabelSelectorOpNotIn:
			words = append(words, "not-"+strings.Join(e.Values, "-or-"))
		case metav1.LabelSelectorOpExists:
			words = append(words, "with-"+e.Key[strings.LastIndex(e.Key, "/")+1:])
		case metav1.LabelSelectorOpDoesNotExist:
			words = append(words, "without-"+e.Key[strings.LastIndex(e.Key, "/")+1:])
		}
	}
	if len(words) == 0 {
		return n.taken.Take("every-pod")
	}
	return n.taken.Take(strings.Join(words, "-"))
}

// entry names an entry by the policy that it comes from.
func (n namer) entry(policy string) string { return n.taken.Take(policy) }
