package plan

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

const annotationHash = v1alpha1.AnnotationSpecHash

// Owner returns the profile that a policy's controller ownerReference names, and false when it names none of ours. The
// labels say nothing: anybody may set or remove them.
func Owner(policy *networkingv1.NetworkPolicy) (snapshot.ProfileKey, types.UID, bool) {
	ref := metav1.GetControllerOfNoCopy(policy)
	if ref == nil {
		return snapshot.ProfileKey{}, "", false
	}
	group, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil || group.Group != v1alpha1.GroupVersion.Group {
		return snapshot.ProfileKey{}, "", false
	}
	switch kind := v1alpha1.Kind(ref.Kind); kind {
	case v1alpha1.KindSegmentationProfile:
		return snapshot.ProfileKey{Kind: kind, Namespace: policy.Namespace, Name: ref.Name}, ref.UID, true
	case v1alpha1.KindClusterSegmentationProfile:
		return snapshot.ProfileKey{Kind: kind, Name: ref.Name}, ref.UID, true
	}
	return snapshot.ProfileKey{}, "", false
}

// claimed says what a profile may do with a live policy of a name that it wants.
type claimed int

const (
	// foreign: it is somebody else's and must not be touched.
	foreign claimed = iota
	// ours: the profile owns it.
	ours
	// adoptable: it comes from a former profile of this name, or lost its owner but bears our labels.
	adoptable
)

func claim(policy *networkingv1.NetworkPolicy, profile snapshot.Profile) claimed {
	if key, uid, ok := Owner(policy); ok {
		switch {
		case key != profile.Key:
			return foreign
		case uid == profile.UID:
			return ours
		}
		return adoptable
	}
	if metav1.GetControllerOfNoCopy(policy) == nil && bearsLabels(policy, profile.Key) {
		return adoptable
	}
	return foreign
}

// wasOurs says whether a live policy belongs to the profile, or did until somebody took its owner away: then its
// annotation still bears the profile's UID. What a former profile of this name left behind bears another.
func wasOurs(policy *networkingv1.NetworkPolicy, profile snapshot.Profile) bool {
	if _, _, owned := Owner(policy); owned {
		return claim(policy, profile) == ours
	}
	return policy.Annotations[v1alpha1.AnnotationProfileUID] == string(profile.UID)
}

func bearsLabels(policy *networkingv1.NetworkPolicy, key snapshot.ProfileKey) bool {
	return policy.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy &&
		policy.Labels[v1alpha1.LabelProfileKind] == string(key.Kind) &&
		policy.Labels[v1alpha1.LabelProfile] == key.Name
}
