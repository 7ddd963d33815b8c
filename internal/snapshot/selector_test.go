package snapshot_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

func TestOfManyNamespacesTheSameAreSelectedAsOfOne(t *testing.T) {
	labels := func(key string, value v1alpha1.LabelValue) *v1alpha1.LabelSelector {
		return &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{key: value}}
	}
	namespaces := []snapshot.Namespace{
		{Name: "shop"}, {Name: "shop", Labels: map[string]string{"team": "a"}}, {Name: "other", Labels: map[string]string{"team": "b", "x": ""}},
	}
	profiles := map[string]snapshot.Profile{
		"a profile of one namespace":         {Key: snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop"}},
		"no selector":                        {},
		"an empty selector":                  {NamespaceSelector: &v1alpha1.LabelSelector{}},
		"a label":                            {NamespaceSelector: labels("team", "a")},
		"an empty value":                     {NamespaceSelector: labels("x", "")},
		"a label that cannot be":             {NamespaceSelector: labels("team", "no value")},
		"an expression":                      {NamespaceSelector: &v1alpha1.LabelSelector{MatchExpressions: []v1alpha1.LabelSelectorRequirement{{Key: "team", Operator: metav1.LabelSelectorOpNotIn, Values: []v1alpha1.LabelValue{"a"}}}}},
		"an expression that cannot be read":  {NamespaceSelector: &v1alpha1.LabelSelector{MatchExpressions: []v1alpha1.LabelSelectorRequirement{{Key: "team", Operator: "Is"}}}},
		"a label and what must not be there": {NamespaceSelector: &v1alpha1.LabelSelector{MatchLabels: labels("team", "a").MatchLabels, MatchExpressions: []v1alpha1.LabelSelectorRequirement{{Key: "x", Operator: metav1.LabelSelectorOpDoesNotExist}}}},
	}
	for name, p := range profiles {
		t.Run(name, func(t *testing.T) {
			selects, manyErr := p.Selector()
			for _, ns := range namespaces {
				one, oneErr := p.Selects(ns)
				if (oneErr != nil) != (manyErr != nil) {
					t.Fatalf("%+v: %v, and of many %v", ns, oneErr, manyErr)
				}
				if oneErr == nil && selects(ns) != one {
					t.Errorf("%+v is selected: %t, and of many %t", ns, one, !one)
				}
			}
		})
	}
}
