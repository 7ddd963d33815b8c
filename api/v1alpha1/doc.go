// Package v1alpha1 holds the Kubernetes API of Firebreak: SegmentationProfile, which a team writes for its own
// namespace, and ClusterSegmentationProfile, which a platform team writes for many.
//
// The comments on fields are what `kubectl explain` prints. The rules that the API server checks (OpenAPI bounds and
// CEL) stand next to the fields; package internal/validation checks the same rules again, because an older CRD may be
// installed.
//
// +kubebuilder:object:generate=true
// +groupName=firebreak.dev
package v1alpha1
