package controllers

import (
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/applier"
	"firebreak.dev/firebreak/internal/snapshot"
)

const fieldOwner = applier.FieldOwner

// newProfileObject returns an empty object of a kind.
func newProfileObject(kind v1alpha1.Kind) client.Object {
	if kind == v1alpha1.KindClusterSegmentationProfile {
		return &v1alpha1.ClusterSegmentationProfile{}
	}
	return &v1alpha1.SegmentationProfile{}
}

// asProfile reads an object of newProfileObject.
func asProfile(obj client.Object) snapshot.Profile {
	if p, ok := obj.(*v1alpha1.ClusterSegmentationProfile); ok {
		return snapshot.FromClusterSegmentationProfile(p)
	}
	p, ok := obj.(*v1alpha1.SegmentationProfile)
	if !ok {
		panic("asProfile of an object that is no profile")
	}
	return snapshot.FromSegmentationProfile(p)
}

// statusOf returns the status in an object of newProfileObject.
func statusOf(obj client.Object) *v1alpha1.ProfileStatus {
	if p, ok := obj.(*v1alpha1.ClusterSegmentationProfile); ok {
		return &p.Status
	}
	p, ok := obj.(*v1alpha1.SegmentationProfile)
	if !ok {
		panic("statusOf an object that is no profile")
	}
	return &p.Status
}
