package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ClusterSegmentationProfile declares tiers and who may talk to whom across
// namespaces. Firebreak writes its NetworkPolicies into every namespace that
// namespaceSelector matches, protected namespaces excepted.
// ---
// The name of a profile is part of the names of its policies and the value of a label on them.
// +kubebuilder:validation:XValidation:rule=`size(self.metadata.name) <= 63`,message=`metadata.name: the name of a profile has at most 63 characters`
// +kubebuilder:validation:XValidation:rule=`!has(self.spec.previewOf) || self.spec.previewOf != self.metadata.name`,fieldPath=`.spec.previewOf`,message=`previewOf names this profile itself: name the profile that this one would replace`
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,categories=firebreak,shortName=csegp
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Isolated",type=string,JSONPath=`.status.conditions[?(@.type=="Isolated")].status`
// +kubebuilder:printcolumn:name="Namespaces",type=integer,JSONPath=`.status.namespaces.selected`
// +kubebuilder:printcolumn:name="Policies",type=integer,JSONPath=`.status.policies`
// +kubebuilder:printcolumn:name="Drift",type=integer,JSONPath=`.status.drift.corrections`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type ClusterSegmentationProfile struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the platform team declares.
	// +required
	Spec ClusterSegmentationProfileSpec `json:"spec"`

	// status is what Firebreak found and did.
	// +optional
	// +kubebuilder:default={observedGeneration:-1,conditions:{{type:Ready,status:Unknown,reason:Pending,message:"Waiting for Firebreak to look at this profile.",lastTransitionTime:"1970-01-01T00:00:00Z"}}}
	Status ProfileStatus `json:"status,omitempty"`
}

// ClusterSegmentationProfileSpec declares tiers and who may talk to whom, and
// where.
type ClusterSegmentationProfileSpec struct {
	ProfileSettings `json:",inline"`

	// namespaceSelector chooses the namespaces in which the profile acts. {}
	// chooses all but the protected ones.
	// +required
	NamespaceSelector *LabelSelector `json:"namespaceSelector"`

	// tiers lists the groups of pods of which the application is made. An empty
	// list denies everything in the chosen namespaces.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Tiers []ClusterTier `json:"tiers"`
}

// ClusterTier is a tier of a cluster profile.
type ClusterTier struct {
	Tier `json:",inline"`

	// namespaceSelector narrows the profile's namespaces to those in which the
	// tier lives. When omitted, the tier lives in all of them, and talks to other
	// tiers without a namespaceSelector inside one namespace only.
	// +optional
	NamespaceSelector *LabelSelector `json:"namespaceSelector,omitempty"`
}

// ClusterSegmentationProfileList is a list of ClusterSegmentationProfiles.
// +kubebuilder:object:root=true
type ClusterSegmentationProfileList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterSegmentationProfile `json:"items"`
}
