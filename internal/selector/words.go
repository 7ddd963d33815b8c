package selector

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EveryPod is what the pods of a selector are called that chooses all.
const EveryPod = "every pod"

// InWords returns what a selector asks for: "app=web, track in (a, b), no label canary". Equal selectors have equal words. It is
// empty for a selector that chooses everything, and for nil.
func InWords(s *metav1.LabelSelector) string {
	if s == nil {
		return ""
	}
	canonical := Canonical(s)
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(canonical.MatchLabels)) {
		parts = append(parts, key+"="+canonical.MatchLabels[key])
	}
	for _, e := range canonical.MatchExpressions {
		switch e.Operator {
		case metav1.LabelSelectorOpIn:
			parts = append(parts, fmt.Sprintf("%s in (%s)", e.Key, strings.Join(e.Values, ", ")))
		case metav1.LabelSelectorOpNotIn:
			parts = append(parts, fmt.Sprintf("%s not in (%s)", e.Key, strings.Join(e.Values, ", ")))
		case metav1.LabelSelectorOpExists:
			parts = append(parts, "a label "+e.Key)
		case metav1.LabelSelectorOpDoesNotExist:
			parts = append(parts, "no label "+e.Key)
		}
	}
	return strings.Join(parts, ", ")
}

// PodsInWords names the pods that a selector chooses: "pods with app=web, track=canary", or "every pod", also for nil.
func PodsInWords(s *metav1.LabelSelector) string {
	words := InWords(s)
	if words == "" {
		return EveryPod
	}
	return "pods with " + words
}

// PodsByName is like PodsInWords, but calls pods that have one label, as most selectors say, by its value, as people do:
// "prometheus". Pods of other labels may have the same name; where they are told of beside each other, PodsInWords tells them apart.
func PodsByName(s *metav1.LabelSelector) string {
	return cmp.Or(Name(s), PodsInWords(s))
}

// Name returns the value of the one label that a selector asks for; empty when it asks for several or for something else, and
// when the value is no name by custom: that of example.com/scrape=true is none.
func Name(s *metav1.LabelSelector) string {
	if s == nil {
		return ""
	}
	canonical := Canonical(s)
	if len(canonical.MatchLabels) != 1 || len(canonical.MatchExpressions) > 0 {
		return ""
	}
	for key, value := range canonical.MatchLabels {
		switch key[strings.LastIndex(key, "/")+1:] {
		case "app", "name", "component", "tier", "role", "k8s-app", "instance", "part-of", "service":
			return value
		}
	}
	return ""
}

// Placed adds where pods are to their name: "prometheus in monitoring", "every pod of ingress-nginx".
func Placed(pods, where string) string {
	if pods == EveryPod {
		return pods + " of " + where
	}
	return pods + " in " + where
}
