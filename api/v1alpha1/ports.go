package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Port is a port, or a range of ports, of a pod: the port that a connection has after Service translation, not the
// port of a Service.
type Port struct {
	// port is the number of a pod's port (1-65535) or the name of a container port. A name stands for whatever number
	// each destination pod gives to it, and cannot be used towards addresses.
	// +required
	// +kubebuilder:validation:XIntOrString
	Port intstr.IntOrString `json:"port"`

	// endPort is the last port of a range that begins at port, which must then be a number no higher than endPort. When
	// omitted, the single port is meant.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	EndPort *int32 `json:"endPort,omitempty"`

	// protocol is TCP (the default), UDP or SCTP.
	// +optional
	// +kubebuilder:default=TCP
	// +kubebuilder:validation:Enum=TCP;UDP;SCTP
	Protocol corev1.Protocol `json:"protocol,omitempty"`
}
