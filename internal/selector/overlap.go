package selector

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Overlap says whether some object could match both selectors. The answer is exact. Nil matches nothing; a selector that cannot
// be read may match anything.
func Overlap(a, b *metav1.LabelSelector) bool {
	if a == nil || b == nil {
		return false
	}
	_, ok, err := Witness([]*metav1.LabelSelector{a, b}, nil)
	return ok || err != nil
}
