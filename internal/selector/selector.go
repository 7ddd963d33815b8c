// Package selector does algebra on label selectors: conversion to the form that NetworkPolicies use, conjunction, one
// canonical form for equal selectors, and matching. An error is never "no match": callers must not go on after one.
package selector

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// NamespaceNameLabel is the label that the API server sets on every namespace to its name and lets nobody change.
const NamespaceNameLabel = "kubernetes.io/metadata.name"

// FromAPI returns a profile's selector in the form that NetworkPolicies use, canonical. Nil gives nil.
func FromAPI(s *v1alpha1.LabelSelector) *metav1.LabelSelector {
	if s == nil {
		return nil
	}
	out := &metav1.LabelSelector{}
	if len(s.MatchLabels) > 0 {
		out.MatchLabels = make(map[string]string, len(s.MatchLabels))
	}
	for k, v := range s.MatchLabels {
		out.MatchLabels[k] = string(v)
	}
	for _, e := range s.MatchExpressions {
		requirement := metav1.LabelSelectorRequirement{Key: e.Key, Operator: e.Operator}
		for _, v := range e.Values {
			requirement.Values = append(requirement.Values, string(v))
		}
		out.MatchExpressions = append(out.MatchExpressions, requirement)
	}
	if len(out.MatchExpressions) > 0 {
		return Canonical(out)
	}
	return out
}

// Canonical returns the selector with values and expressions sorted and double ones removed, and without empty maps and
// lists, so that selectors which differ in order only become equal. It matches the same objects. Nil gives nil. Labels are shared with
// the argument, which must not be changed any more.
func Canonical(s *metav1.LabelSelector) *metav1.LabelSelector {
	if s == nil {
		return nil
	}
	out := &metav1.LabelSelector{}
	if len(s.MatchLabels) > 0 {
		out.MatchLabels = s.MatchLabels
	}
	for _, e := range s.MatchExpressions {
		requirement := metav1.LabelSelectorRequirement{Key: e.Key, Operator: e.Operator}
		if len(e.Values) > 0 {
			requirement.Values = slices.Compact(slices.Sorted(slices.Values(e.Values)))
		}
		out.MatchExpressions = append(out.MatchExpressions, requirement)
	}
	slices.SortFunc(out.MatchExpressions, compareRequirements)
	out.MatchExpressions = slices.CompactFunc(out.MatchExpressions, func(a, b metav1.LabelSelectorRequirement) bool {
		return compareRequirements(a, b) == 0
	})
	return out
}

func compareRequirements(a, b metav1.LabelSelectorRequirement) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Operator, b.Operator), slices.Compare(a.Values, b.Values))
}

// And returns a canonical selector that matches exactly the objects that every given selector matches. Nil selectors
// are passed over; without any other the result is nil.
func And(selectors ...*metav1.LabelSelector) *metav1.LabelSelector {
	var out *metav1.LabelSelector
	for _, s := range selectors {
		if s == nil {
			continue
		}
		if out == nil {
			out = s.DeepCopy()
			continue
		}
		for _, k := range slices.Sorted(maps.Keys(s.MatchLabels)) {
			v := s.MatchLabels[k]
			if have, ok := out.MatchLabels[k]; ok && have != v {
				// One label with two values matches nothing; a map cannot say that, expressions can.
				out.MatchExpressions = append(out.MatchExpressions, In(k, v))
				continue
			}
			if out.MatchLabels == nil {
				out.MatchLabels = map[string]string{}
			}
			out.MatchLabels[k] = v
		}
		out.MatchExpressions = append(out.MatchExpressions, s.MatchExpressions...)
	}
	return Canonical(out)
}

// In returns the requirement that the label's value is one of these.
func In(key string, values ...string) metav1.LabelSelectorRequirement {
	return metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpIn, Values: values}
}

// NamespaceNames returns the selector of the namespaces with these names.
func NamespaceNames(names ...string) *metav1.LabelSelector {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 1 {
		return &metav1.LabelSelector{MatchLabels: map[string]string{NamespaceNameLabel: names[0]}}
	}
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{In(NamespaceNameLabel, names...)}}
}

// NotNamespaceNames returns the selector of all namespaces but those with these names; nil when there are none.
func NotNamespaceNames(names ...string) *metav1.LabelSelector {
	if len(names) == 0 {
		return nil
	}
	return Canonical(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: NamespaceNameLabel, Operator: metav1.LabelSelectorOpNotIn, Values: names},
	}})
}

// PinnedNames returns the names to one of which a namespaceSelector holds a namespace, by the label that cannot be forged;
// false when it does not. The namespaces of these names need not match the rest of the selector.
func PinnedNames(s *metav1.LabelSelector) ([]string, bool) {
	if s == nil {
		return nil, false
	}
	if name, ok := s.MatchLabels[NamespaceNameLabel]; ok {
		return []string{name}, true
	}
	for _, e := range s.MatchExpressions {
		if e.Key == NamespaceNameLabel && e.Operator == metav1.LabelSelectorOpIn {
			return e.Values, true
		}
	}
	return nil, false
}

// Compile returns the selector in a form that matches many objects fast. Nil matches nothing, as in Kubernetes.
func Compile(s *metav1.LabelSelector) (labels.Selector, error) {
	compiled, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return nil, fmt.Errorf("read label selector: %w", err)
	}
	return compiled, nil
}
