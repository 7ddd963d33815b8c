package starter

import (
	"cmp"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/selector"
)

// Bounds of what a selector may have, and of how many labels are tried together before all are taken.
const (
	maxLabels   = 16
	maxTogether = 3
)

// preferred are the keys by which people tell pods apart, the usual one first.
func preferred() []string {
	return []string{
		"app.kubernetes.io/component", "app.kubernetes.io/name", "app", "k8s-app", "component", "tier", "role", "name", "app.kubernetes.io/instance",
	}
}

// selecting returns a selector that chooses all of a group's pods and none of the others: of as few labels as can be, and by the
// keys that people use before any others. Nil when there is none.
func selecting(labels map[string]string, own, others []map[string]string) *metav1.LabelSelector {
	var usual, all []string
	for _, key := range slices.SortedFunc(maps.Keys(labels), compareKeys) {
		if slices.Contains(preferred(), key) {
			usual = append(usual, key)
		}
		all = append(all, key)
	}
	for _, keys := range [][]string{usual, all} {
		for size := 1; size <= min(maxTogether, len(keys)); size++ {
			for _, chosen := range combinations(keys, size) {
				s := &metav1.LabelSelector{MatchLabels: only(labels, chosen)}
				if !choosesAny(s, others) {
					return s
				}
			}
		}
	}
	s := lacking(labels, others)
	if s == nil || choosesAny(s, others) || slices.ContainsFunc(own, func(pod map[string]string) bool { return !chooses(s, pod) }) {
		return nil
	}
	return s
}

// selectingAll returns a selector of all labels, for pods of which no more is known; nil when it chooses any of the others.
func selectingAll(labels map[string]string, others []map[string]string) *metav1.LabelSelector {
	s := &metav1.LabelSelector{MatchLabels: labels}
	if len(labels) > maxLabels || choosesAny(s, others) {
		return nil
	}
	return s
}

// lacking chooses pods by all their labels, and by those that they have not and others do; nil when there are too many. Pods without
// labels are chosen by none: whatever else comes to the namespace without labels would be taken for them.
func lacking(labels map[string]string, others []map[string]string) *metav1.LabelSelector {
	out := &metav1.LabelSelector{MatchLabels: labels}
	for _, other := range others {
		if !chooses(out, other) {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(identifying(other))) {
			if _, has := labels[key]; !has {
				out.MatchExpressions = append(out.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpDoesNotExist})
				break
			}
		}
	}
	if len(labels) > maxLabels || len(out.MatchExpressions) > maxLabels || len(labels) == 0 {
		return nil
	}
	return selector.Canonical(out)
}

func chooses(s *metav1.LabelSelector, labels map[string]string) bool {
	matches, err := selector.Matches(s, labels)
	return err == nil && matches
}

func choosesAny(s *metav1.LabelSelector, pods []map[string]string) bool {
	return slices.ContainsFunc(pods, func(pod map[string]string) bool { return chooses(s, pod) })
}

func only(labels map[string]string, keys []string) map[string]string {
	out := map[string]string{}
	for _, key := range keys {
		out[key] = labels[key]
	}
	return out
}

func compareKeys(a, b string) int {
	rank := func(key string) int {
		if i := slices.Index(preferred(), key); i >= 0 {
			return i
		}
		return len(preferred())
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// combinations returns all ways to choose so many of the keys, those of earlier keys first.
func combinations(keys []string, size int) [][]string {
	if size == 0 {
		return [][]string{nil}
	}
	var out [][]string
	for i := range keys {
		for _, rest := range combinations(keys[i+1:], size-1) {
			out = append(out, append([]string{keys[i]}, rest...))
		}
	}
	return out
}

// apiSelector returns a selector in the form that profiles use.
func apiSelector(s *metav1.LabelSelector) *v1alpha1.LabelSelector {
	out := &v1alpha1.LabelSelector{}
	for key, value := range s.MatchLabels {
		if out.MatchLabels == nil {
			out.MatchLabels = map[string]v1alpha1.LabelValue{}
		}
		out.MatchLabels[key] = v1alpha1.LabelValue(value)
	}
	for _, e := range s.MatchExpressions {
		out.MatchExpressions = append(out.MatchExpressions, v1alpha1.LabelSelectorRequirement{Key: e.Key, Operator: e.Operator})
	}
	return out
}
