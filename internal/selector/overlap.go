package selector

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Overlap says whether some object could match both selectors. The answer is exact: requirements on different keys do
// not depend on each other, so it is enough to find a value, or absence, for each key. Nil matches nothing.
func Overlap(a, b *metav1.LabelSelector) bool {
	if a == nil || b == nil {
		return false
	}
	byKey := map[string][]metav1.LabelSelectorRequirement{}
	for _, s := range []*metav1.LabelSelector{a, b} {
		for key, value := range s.MatchLabels {
			byKey[key] = append(byKey[key], In(key, value))
		}
		for _, e := range s.MatchExpressions {
			byKey[e.Key] = append(byKey[e.Key], e)
		}
	}
	for _, requirements := range byKey {
		if !satisfiable(requirements) {
			return false
		}
	}
	return true
}

// satisfiable says whether one label can meet all requirements on its key.
func satisfiable(requirements []metav1.LabelSelectorRequirement) bool {
	mustExist, mustNot, listed := false, false, false
	var values, refused []string
	for _, r := range requirements {
		switch r.Operator {
		case metav1.LabelSelectorOpIn:
			mustExist = true
			if listed {
				values = slices.DeleteFunc(values, func(v string) bool { return !slices.Contains(r.Values, v) })
			} else {
				listed, values = true, slices.Clone(r.Values)
			}
		case metav1.LabelSelectorOpNotIn:
			refused = append(refused, r.Values...)
		case metav1.LabelSelectorOpExists:
			mustExist = true
		case metav1.LabelSelectorOpDoesNotExist:
			mustNot = true
		}
	}
	if mustExist && mustNot {
		return false
	}
	return !listed || slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(refused, v) })
}
