package plan

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
)

const annotationHash = v1alpha1.AnnotationSpecHash

// Owner returns the profile that a policy belongs to, and false when it is none of ours. A controller ownerReference
// decides, whatever labels say. Without one, a policy belongs to the profile that retains it: its name, our labels and
// the annotation must all say so. The UID is that of the annotation then, and empty when somebody removed it.
func Owner(policy *networkingv1.NetworkPolicy) (snapshot.ProfileKey, types.UID, bool) {
	ref := metav1.GetControllerOfNoCopy(policy)
	if ref == nil {
		return retainer(policy)
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

// retainer returns the profile that retains a policy without a controller.
func retainer(policy *networkingv1.NetworkPolicy) (snapshot.ProfileKey, types.UID, bool) {
	key := snapshot.ProfileKey{Kind: v1alpha1.Kind(policy.Labels[v1alpha1.LabelProfileKind]), Name: policy.Labels[v1alpha1.LabelProfile]}
	switch key.Kind {
	case v1alpha1.KindSegmentationProfile:
		key.Namespace = policy.Namespace
	case v1alpha1.KindClusterSegmentationProfile:
	default:
		return snapshot.ProfileKey{}, "", false
	}
	if !isRetainedFor(policy, key) || !bearsLabels(policy, key) || !compiler.BearsName(policy.Name, key) {
		return snapshot.ProfileKey{}, "", false
	}
	return key, types.UID(policy.Annotations[v1alpha1.AnnotationProfileUID]), true
}

func isRetainedFor(policy *networkingv1.NetworkPolicy, key snapshot.ProfileKey) bool {
	return policy.Annotations[v1alpha1.AnnotationRetainedFor] == compiler.RetainedFor(key)
}

// isStamped says whether a policy without a controller is one that a profile retains although somebody removed labels or
// annotation: its name and the profile's UID are left.
func isStamped(policy *networkingv1.NetworkPolicy, profile snapshot.Profile) bool {
	return metav1.GetControllerOfNoCopy(policy) == nil && compiler.BearsName(policy.Name, profile.Key) &&
		policy.Annotations[v1alpha1.AnnotationProfileUID] == string(profile.UID) &&
		(profile.Retains() || isRetainedFor(policy, profile.Key))
}

// IsOwned says whether a policy has a controller: when that goes, the garbage collector takes the policy along.
func IsOwned(policy *networkingv1.NetworkPolicy) bool {
	return metav1.GetControllerOfNoCopy(policy) != nil
}

// claimed says what a profile may do with a live policy of a name that it wants.
type claimed int

const (
	// foreign: it is somebody else's and must not be touched.
	foreign claimed = iota
	// ours: the profile owns or retains it.
	ours
	// adoptable: it comes from a former profile of this name, or has no owner but bears our labels.
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
	switch {
	case isStamped(policy, profile):
		return ours
	case !IsOwned(policy) && bearsLabels(policy, profile.Key):
		return adoptable
	}
	return foreign
}

// wasOurs says whether a live policy belongs to the profile, or did until somebody took its owner away: then its
// annotation still bears the profile's UID. What a former profile of this name left behind bears another.
func wasOurs(policy *networkingv1.NetworkPolicy, profile snapshot.Profile) bool {
	if _, uid, owned := Owner(policy); owned {
		return uid == "" || claim(policy, profile) == ours
	}
	return policy.Annotations[v1alpha1.AnnotationProfileUID] == string(profile.UID)
}

func bearsLabels(policy *networkingv1.NetworkPolicy, key snapshot.ProfileKey) bool {
	return policy.Labels[v1alpha1.LabelManagedBy] == v1alpha1.ManagedBy &&
		policy.Labels[v1alpha1.LabelProfileKind] == string(key.Kind) &&
		policy.Labels[v1alpha1.LabelProfile] == key.Name
}
