package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Port is a port, or a range of ports, of a pod: the port that a connection
// has after Service translation, not the port of a Service.
// ---
// The grammar of names is that of container ports (RFC 6335 section 5.1). The list of one element stands in for
// self.port because the API server of 1.33 estimates the cost of the latter as if it had no maxLength.
// +kubebuilder:validation:XValidation:rule=`[self.port].all(p, type(p) == int ? 1 <= p && p <= 65535 : p.matches('^([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$'))`,fieldPath=`.port`,message=`port is neither a number from 1 to 65535 nor the name of a container port (up to 15 lower case letters, digits and single hyphens, a letter among them)`,messageExpression=`'port ' + [self.port].map(p, string(p))[0] + ' is neither a number from 1 to 65535 nor the name of a container port (up to 15 lower case letters, digits and single hyphens, a letter among them)'`
//
// A range needs two numbers: a name has no place in an order.
// +kubebuilder:validation:XValidation:rule=`!has(self.endPort) || type(self.port) == int`,fieldPath=`.endPort`,message=`endPort needs a numeric port`
// +kubebuilder:validation:XValidation:rule=`!has(self.endPort) || type(self.port) != int || self.endPort >= self.port`,fieldPath=`.endPort`,message=`endPort must not be less than port`
type Port struct {
	// port is the number of a pod's port (1-65535) or the name of a container
	// port. A name stands for whatever number each destination pod gives to it,
	// and cannot be used towards addresses.
	// +required
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=15
	Port intstr.IntOrString `json:"port"`

	// endPort is the last port of a range that begins at port, which must then be
	// a number no higher than endPort. When omitted, the single port is meant.
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
