package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// LabelSelector chooses objects by their labels: all of matchLabels and all of
// matchExpressions must hold. An empty selector, {}, chooses every object. It
// has the fields of the Kubernetes LabelSelector, with bounds.
// ---
// OpenAPI cannot check the keys of a map. The list of one element keeps the API server's estimate of the cost from
// multiplying the bounds of the lists.
// +kubebuilder:validation:XValidation:rule=`!has(self.matchLabels) || self.matchLabels.all(k, k.indexOf('/') <= 253 && k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))`,fieldPath=`.matchLabels`,message=`a key is not a label key: an optional DNS name and a slash, then up to 63 letters, digits, hyphens, underscores and dots, beginning and ending with a letter or digit`,messageExpression=`'"' + self.matchLabels.map(k, k.indexOf('/') > 253 || !k.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'), k)[0] + '" is not a label key: an optional DNS name and a slash, then up to 63 letters, digits, hyphens, underscores and dots, beginning and ending with a letter or digit'`
// +kubebuilder:validation:XValidation:rule=`!has(self.matchExpressions) || [self.matchExpressions].all(list, list.all(r, r.key.indexOf('/') <= 253 && r.key.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$')))`,fieldPath=`.matchExpressions`,message=`a key is not a label key: an optional DNS name and a slash, then up to 63 letters, digits, hyphens, underscores and dots, beginning and ending with a letter or digit`,messageExpression=`[self.matchExpressions].map(list, list.map(r, r.key.indexOf('/') > 253 || !r.key.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'), '"' + r.key + '" is not a label key: an optional DNS name and a slash, then up to 63 letters, digits, hyphens, underscores and dots, beginning and ending with a letter or digit')[0])[0]`
type LabelSelector struct {
	// matchLabels maps label keys to the value that the object's label must have.
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	MatchLabels map[string]LabelValue `json:"matchLabels,omitempty"`

	// matchExpressions lists requirements on labels.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	MatchExpressions []LabelSelectorRequirement `json:"matchExpressions,omitempty"`
}

// LabelValue is the value of a label: empty, or up to 63 letters, digits, '-',
// '_' and '.', beginning and ending with a letter or digit.
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$`
type LabelValue string

// LabelSelectorRequirement is a requirement on one label.
// ---
// +kubebuilder:validation:XValidation:rule=`!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)`,fieldPath=`.values`,message=`In and NotIn need values`,messageExpression=`self.operator + ' needs values'`
// +kubebuilder:validation:XValidation:rule=`self.operator in ['In', 'NotIn'] || !has(self.values) || size(self.values) == 0`,fieldPath=`.values`,message=`Exists and DoesNotExist take no values`,messageExpression=`self.operator + ' takes no values'`
type LabelSelectorRequirement struct {
	// key is the label's key: an optional DNS name and '/', then up to 63 letters,
	// digits, '-', '_' and '.', beginning and ending with a letter or digit.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	Key string `json:"key"`

	// operator is In, NotIn, Exists or DoesNotExist. NotIn and DoesNotExist also
	// match objects without the label.
	// +required
	// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
	Operator metav1.LabelSelectorOperator `json:"operator"`

	// values lists the values for In and NotIn, at least one, and is omitted for
	// Exists and DoesNotExist.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Values []LabelValue `json:"values,omitempty"`
}
