package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SegmentationProfile declares the tiers of the applications in one namespace
// and who may talk to whom. Firebreak turns it into NetworkPolicies in that
// namespace and keeps them as written. It never causes a write anywhere else.
// ---
// The name of a profile is part of the names of its policies and the value of a label on them.
// +kubebuilder:validation:XValidation:rule=`size(self.metadata.name) <= 63`,message=`metadata.name: the name of a profile has at most 63 characters`
// +kubebuilder:validation:XValidation:rule=`!has(self.spec.previewOf) || self.spec.previewOf != self.metadata.name`,fieldPath=`.spec.previewOf`,message=`previewOf names this profile itself: name the profile that this one would replace`
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=firebreak,shortName=segp
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Isolated",type=string,JSONPath=`.status.conditions[?(@.type=="Isolated")].status`
// +kubebuilder:printcolumn:name="Tiers",type=integer,JSONPath=`.status.tierCount`
// +kubebuilder:printcolumn:name="Policies",type=integer,JSONPath=`.status.policies`
// +kubebuilder:printcolumn:name="Drift",type=integer,JSONPath=`.status.drift.corrections`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type SegmentationProfile struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the team declares.
	// +required
	Spec SegmentationProfileSpec `json:"spec"`

	// status is what Firebreak found and did.
	// +optional
	// +kubebuilder:default={observedGeneration:-1,conditions:{{type:Ready,status:Unknown,reason:Pending,message:"Waiting for Firebreak to look at this profile.",lastTransitionTime:"1970-01-01T00:00:00Z"}}}
	Status ProfileStatus `json:"status,omitempty"`
}

// SegmentationProfileSpec declares tiers and who may talk to whom.
type SegmentationProfileSpec struct {
	ProfileSettings `json:",inline"`

	// tiers lists the groups of pods of which the application is made. An empty
	// list denies the whole namespace.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Tiers []Tier `json:"tiers"`
}

// SegmentationProfileList is a list of SegmentationProfiles.
// +kubebuilder:object:root=true
type SegmentationProfileList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SegmentationProfile `json:"items"`
}
