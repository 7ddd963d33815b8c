package validation

import (
	"maps"
	"slices"

	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/selector"
)

// validateRequiredSelector refuses a selector that is missing: a missing one must never be read as one that matches all.
func validateRequiredSelector(s *v1alpha1.LabelSelector, path *field.Path) field.ErrorList {
	if s == nil {
		return field.ErrorList{field.Required(path, "use {} to choose all")}
	}
	return validateSelector(s, path)
}

func validateSelector(s *v1alpha1.LabelSelector, path *field.Path) field.ErrorList {
	if len(s.MatchExpressions) == 0 && len(s.MatchLabels) <= maxLabels && selector.ArePlain(s.MatchLabels) {
		return nil // nearly always, and the rest takes a while
	}
	errs := atMost(path.Child("matchLabels"), len(s.MatchLabels), maxLabels)
	errs = append(errs, atMost(path.Child("matchExpressions"), len(s.MatchExpressions), maxExpressions)...)
	for _, key := range slices.Sorted(maps.Keys(s.MatchLabels)) {
		at := path.Child("matchLabels").Key(key)
		errs = append(errs, metav1validation.ValidateLabelName(key, at)...)
		for _, msg := range validation.IsValidLabelValue(string(s.MatchLabels[key])) {
			errs = append(errs, field.Invalid(at, s.MatchLabels[key], msg))
		}
	}
	for i, e := range s.MatchExpressions {
		at := path.Child("matchExpressions").Index(i)
		errs = append(errs, atMost(at.Child("values"), len(e.Values), maxValues)...)
		requirement := selector.FromAPI(&v1alpha1.LabelSelector{MatchExpressions: []v1alpha1.LabelSelectorRequirement{e}}).MatchExpressions[0]
		errs = append(errs, metav1validation.ValidateLabelSelectorRequirement(requirement, metav1validation.LabelSelectorValidationOptions{}, at)...)
	}
	return errs
}
