package topology

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/selector"
)

// portsInWords returns ports as people say them, each once: numbers first, by number, then names. TCP goes without saying.
func portsInWords(ports []v1alpha1.Port) []string {
	sorted := slices.Clone(ports)
	slices.SortFunc(sorted, func(a, b v1alpha1.Port) int {
		return cmp.Or(
			cmp.Compare(a.Port.Type, b.Port.Type), cmp.Compare(a.Port.IntVal, b.Port.IntVal), cmp.Compare(a.Port.StrVal, b.Port.StrVal),
			cmp.Compare(endOf(a), endOf(b)), cmp.Compare(rankOf(a.Protocol), rankOf(b.Protocol)),
		)
	})
	var out []string
	for _, p := range sorted {
		text := p.Port.String()
		if p.EndPort != nil && p.Port.Type == intstr.Int && *p.EndPort > p.Port.IntVal {
			text += fmt.Sprintf("-%d", *p.EndPort)
		}
		if p.Protocol != corev1.ProtocolTCP && p.Protocol != "" {
			text = string(p.Protocol) + "/" + text
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

func endOf(p v1alpha1.Port) int32 {
	if p.EndPort == nil {
		return p.Port.IntVal
	}
	return *p.EndPort
}

// rankOf orders protocols as package portset does.
func rankOf(p corev1.Protocol) int {
	return slices.Index([]corev1.Protocol{"", corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}, p)
}

// isEverything says whether a selector chooses every object; nil does not.
func isEverything(s *v1alpha1.LabelSelector) bool {
	return s != nil && len(s.MatchLabels) == 0 && len(s.MatchExpressions) == 0
}

// selectorInWords returns the words for a selector; empty for one that chooses everything, and for none.
func selectorInWords(s *v1alpha1.LabelSelector) string {
	if s == nil {
		return ""
	}
	return selector.InWords(selector.FromAPI(s))
}

// podsInWords returns the words for a podSelector: "every pod" for one that chooses all, and for none.
func podsInWords(s *v1alpha1.LabelSelector) string {
	return cmp.Or(selectorInWords(s), selector.EveryPod)
}

// fewInWords returns "a", "a, b", or "a, b and 3 more".
func fewInWords(list []string, limit int) string {
	if len(list) <= limit {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:limit], ", "), len(list)-limit)
}

// maxNames is how many namespaces of a set are named.
const maxNames = 5

func namespacesOf(names []string, common *v1alpha1.LabelSelector) Namespaces {
	sorted := slices.Sorted(slices.Values(names))
	return Namespaces{Count: len(sorted), Names: sorted[:min(len(sorted), maxNames)], Selector: selectorInWords(common)}
}

// String returns "namespace a", "namespaces a and b", "240 namespaces, such as a and b", or "namespaces with app=web (none known)".
func (n Namespaces) String() string {
	switch {
	case n.Count == 0 && n.Selector != "":
		return "namespaces with " + n.Selector + " (none known)"
	case n.Count == 0:
		return "no namespace"
	case n.Count == 1:
		return "namespace " + n.Names[0]
	case n.Count <= len(n.Names) && n.Count <= 3:
		return "namespaces " + strings.Join(n.Names[:n.Count-1], ", ") + " and " + n.Names[n.Count-1]
	}
	return fmt.Sprintf("%d namespaces, such as %s and %s", n.Count, n.Names[0], n.Names[1])
}

// String returns a box in a few words, as a sentence would name it: "tier api", "prometheus in monitoring", "every pod of
// ingress-nginx", "Service postgres in warehouse".
func (b Box) String() string {
	switch b.Kind {
	case BoxTier:
		return "tier " + b.Name
	case BoxRemoteTier:
		return "tier " + b.Name + " of " + b.Where
	case BoxPods:
		return b.podsInWords()
	case BoxService:
		return "Service " + b.Name + " in " + b.Where
	case BoxInternet:
		return joined("the internet", b.Selector)
	case BoxKubeAPIServer:
		return "the Kubernetes API server"
	case BoxNodes:
		if b.Selector == everyNode {
			return b.Selector
		}
		return "nodes with " + b.Selector
	case BoxAnywhere:
		return "anywhere"
	case BoxIPBlocks:
		return joined(b.Name, b.Selector)
	default:
		return b.Name
	}
}

func (b Box) podsInWords() string {
	switch {
	case b.Where == "":
		return selector.Placed(selector.EveryPod, b.Name)
	case b.Name == unnamedPods:
		return selector.Placed("pods with "+b.Selector, b.Where)
	}
	return selector.Placed(b.Name, b.Where)
}

// joined joins two texts, of which the second may be empty.
func joined(a, b string) string {
	return strings.TrimSpace(a + " " + b)
}
