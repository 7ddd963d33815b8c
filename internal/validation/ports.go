package validation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
)

func validatePorts(ports []v1alpha1.Port, path *field.Path) field.ErrorList {
	errs := atMost(path, len(ports), maxPorts)
	for i, p := range ports {
		errs = append(errs, validatePort(p, path.Index(i))...)
	}
	return errs
}

func validatePort(p v1alpha1.Port, path *field.Path) field.ErrorList {
	errs := oneOf(path.Child("protocol"), p.Protocol, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)
	if p.Port.Type == intstr.String {
		for _, msg := range validation.IsValidPortName(p.Port.StrVal) {
			errs = append(errs, field.Invalid(path.Child("port"), p.Port.StrVal, msg))
		}
		if p.EndPort != nil {
			errs = append(errs, field.Forbidden(path.Child("endPort"), "needs a numeric port"))
		}
		return errs
	}
	for _, msg := range validation.IsValidPortNum(p.Port.IntValue()) {
		errs = append(errs, field.Invalid(path.Child("port"), p.Port.IntVal, msg))
	}
	if p.EndPort != nil {
		for _, msg := range validation.IsValidPortNum(int(*p.EndPort)) {
			errs = append(errs, field.Invalid(path.Child("endPort"), *p.EndPort, msg))
		}
		if *p.EndPort < p.Port.IntVal {
			errs = append(errs, field.Invalid(path.Child("endPort"), *p.EndPort, "must not be less than port"))
		}
	}
	return errs
}

func hasNamedPort(ports []v1alpha1.Port) bool {
	for _, p := range ports {
		if p.Port.Type == intstr.String {
			return true
		}
	}
	return false
}
