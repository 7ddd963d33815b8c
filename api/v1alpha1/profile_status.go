package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ProfileStatus is what Firebreak knows of a profile. Its size does not grow
// with the cluster.
type ProfileStatus struct {
	// observedGeneration is the generation of the profile that this status speaks
	// of; -1 before it was first seen.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions says what holds. Ready: in every selected namespace the live
	// policies equal the desired ones. Accepted: the spec is valid. ResolvedRefs:
	// everything it refers to was found. Isolated: no other NetworkPolicy admits,
	// for a pod of this profile, a connection that no profile declares. Covered:
	// every tier selects pods, no pod is in two tiers, none is on the host network.
	// Reconciling and Stalled are present only while they are true.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// namespaces counts the namespaces of the profile.
	// +optional
	Namespaces *NamespaceCounts `json:"namespaces,omitempty"`

	// policies is the number of NetworkPolicies that the profile has in the
	// cluster.
	// +optional
	// +kubebuilder:default=0
	Policies int32 `json:"policies"`

	// tiers counts the pods of each tier. Refreshed at most every 30 seconds.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	Tiers []TierStatus `json:"tiers,omitempty"`

	// tierCount is the number of tiers.
	// +optional
	// +kubebuilder:default=0
	TierCount int32 `json:"tierCount"`

	// drift counts the corrections of policies that somebody else changed or
	// deleted.
	// +optional
	Drift *DriftStatus `json:"drift,omitempty"`

	// findings lists what deserves attention, most severe first, at most 50.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Findings []Finding `json:"findings,omitempty"`

	// findingCounts counts all findings, also those that findings has no room for.
	// +optional
	FindingCounts *FindingCounts `json:"findingCounts,omitempty"`

	// preview says what mode Enforce would do. Only in mode Preview.
	// +optional
	Preview *PreviewStatus `json:"preview,omitempty"`
}

// NamespaceCounts counts the namespaces that a profile selects.
type NamespaceCounts struct {
	// selected is the number of namespaces that the profile acts in.
	Selected int32 `json:"selected"`
	// applied is the number of those in which the live policies equal the desired
	// ones.
	Applied int32 `json:"applied"`
	// failed is the number of those in which they could not be made equal.
	Failed int32 `json:"failed"`
	// refused is the number of namespaces that the selector matches but that are
	// protected: nothing is written there.
	Refused int32 `json:"refused"`
}

// TierStatus counts the pods of a tier.
type TierStatus struct {
	// name is the tier's name.
	Name string `json:"name"`
	// pods is the number of running pods that the tier selects.
	Pods int32 `json:"pods"`
	// namespaces is the number of namespaces in which the tier lives.
	Namespaces int32 `json:"namespaces"`
}

// DriftStatus speaks of the policies that somebody else changed.
type DriftStatus struct {
	// corrections is the number of corrections since the profile was created.
	Corrections int64 `json:"corrections"`
	// lastTime is when the last one was made.
	// +optional
	LastTime *metav1.Time `json:"lastTime,omitempty"`
	// lastPolicy is the namespace and name of the policy that was put right last.
	// +optional
	LastPolicy string `json:"lastPolicy,omitempty"`
	// lastChange says what had been changed.
	// +optional
	LastChange string `json:"lastChange,omitempty"`
}

// PreviewStatus says what mode Enforce would do.
type PreviewStatus struct {
	// create is the number of policies that would be created.
	Create int32 `json:"create"`
	// update is the number of policies that would be updated.
	Update int32 `json:"update"`
	// delete is the number of policies that would be deleted.
	Delete int32 `json:"delete"`
	// connections says which connections of the pods that run now would be cut and
	// opened, given everything else that is in force. Refreshed as pods and
	// policies change. Missing until every namespace has been looked at.
	// +optional
	Connections *PreviewConnections `json:"connections,omitempty"`
}

// PreviewConnections says which connections mode Enforce would cut and open.
// Of the ports, those count that the destination's containers declare; all of
// them, where they declare none.
type PreviewConnections struct {
	// cut is the number of connections that are possible now and would not be any
	// more, counted by pairs of workloads.
	Cut int32 `json:"cut"`
	// opened is the number of connections that would become possible, counted by
	// pairs of workloads.
	Opened int32 `json:"opened"`
	// cuts lists some of the connections that would be cut, at most 20: those
	// within a namespace first.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Cuts []PreviewConnection `json:"cuts,omitempty"`
	// opens lists some of the connections that would be opened, at most 20.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=20
	Opens []PreviewConnection `json:"opens,omitempty"`
}

// PreviewConnection is a connection between two workloads or tiers.
type PreviewConnection struct {
	// namespace is the namespace in which the profile would cut or open it.
	Namespace string `json:"namespace"`
	// from is the source: a tier, a workload such as "Deployment legacy-worker",
	// or who else is meant.
	From string `json:"from"`
	// to is the destination.
	To string `json:"to"`
	// ports are the ports, such as "TCP/5432".
	Ports string `json:"ports"`
}

// Severity says how urgent a finding is.
// +kubebuilder:validation:Enum=Error;Warning;Info
type Severity string

// The severities, most urgent first.
const (
	SeverityError   Severity = "Error"
	SeverityWarning Severity = "Warning"
	SeverityInfo    Severity = "Info"
)

// Finding is something that deserves attention.
type Finding struct {
	// code identifies the kind of finding.
	Code FindingCode `json:"code"`
	// severity is Error, Warning or Info.
	Severity Severity `json:"severity"`
	// namespace is the namespace concerned, when there is one.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// place is the tier, allow entry or object concerned, when there is one.
	// +optional
	Place string `json:"place,omitempty"`
	// message says what was found and what to do about it.
	Message string `json:"message"`
}

// FindingCounts counts findings by severity.
type FindingCounts struct {
	// error is the number of findings that need action.
	Error int32 `json:"error"`
	// warning is the number of findings that probably need action.
	Warning int32 `json:"warning"`
	// info is the number of findings that are good to know.
	Info int32 `json:"info"`
}
