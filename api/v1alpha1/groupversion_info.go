package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "firebreak.dev", Version: "v1alpha1"}

var (
	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme registers the kinds of this package with a scheme.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&SegmentationProfile{}, &SegmentationProfileList{},
		&ClusterSegmentationProfile{}, &ClusterSegmentationProfileList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// Kind is the kind of a profile, as it stands in a manifest.
type Kind string

// The two kinds of profile.
const (
	KindSegmentationProfile        Kind = "SegmentationProfile"
	KindClusterSegmentationProfile Kind = "ClusterSegmentationProfile"
)
