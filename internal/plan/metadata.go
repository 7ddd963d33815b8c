package plan

import (
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// merged is the live policy with the desired spec and our own metadata, ready for an update.
func merged(live, desired *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	out := marked(live, desired)
	out.Spec = *desired.Spec.DeepCopy()
	// The former owner of this name, or the same one in another form.
	out.OwnerReferences = append(slices.DeleteFunc(out.OwnerReferences, refersLike(desired)), desired.OwnerReferences...)
	if desired.Annotations[v1alpha1.AnnotationRetainedFor] == "" {
		delete(out.Annotations, v1alpha1.AnnotationRetainedFor)
	}
	return out
}

// released is the live policy of a profile that goes and leaves it: without an owner reference to the profile, and with
// the marks by which a profile of the same name will know it.
func released(live *networkingv1.NetworkPolicy, profile snapshot.Profile) *networkingv1.NetworkPolicy {
	out := marked(live, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{
		Labels: map[string]string{
			v1alpha1.LabelManagedBy:   v1alpha1.ManagedBy,
			v1alpha1.LabelProfileKind: string(profile.Key.Kind),
			v1alpha1.LabelProfile:     profile.Key.Name,
		},
		Annotations: map[string]string{
			v1alpha1.AnnotationProfileUID:  string(profile.UID),
			v1alpha1.AnnotationRetainedFor: compiler.RetainedFor(profile.Key),
		},
	}})
	out.OwnerReferences = slices.DeleteFunc(out.OwnerReferences, func(ref metav1.OwnerReference) bool { return ref.UID == profile.UID })
	return out
}

// marked is the live policy with the labels and annotations of another added.
func marked(live, marks *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	out := live.DeepCopy()
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	if out.Annotations == nil {
		out.Annotations = map[string]string{}
	}
	maps.Copy(out.Labels, marks.Labels)
	maps.Copy(out.Annotations, marks.Annotations)
	return out
}

// refersLike returns whether an owner reference names the profile that a desired policy comes from, or a former one of
// its kind and name.
func refersLike(desired *networkingv1.NetworkPolicy) func(metav1.OwnerReference) bool {
	uid := types.UID(desired.Annotations[v1alpha1.AnnotationProfileUID])
	kind, name := desired.Labels[v1alpha1.LabelProfileKind], desired.Labels[v1alpha1.LabelProfile]
	return func(ref metav1.OwnerReference) bool {
		return ref.UID == uid || (ref.Kind == kind && ref.Name == name && ref.APIVersion == v1alpha1.GroupVersion.String())
	}
}

// Satisfies says whether a live policy is in every respect as desired, so that nothing would be written.
func Satisfies(live, desired *networkingv1.NetworkPolicy) bool {
	return networkpolicy.Compare(live.Spec, desired.Spec).Equal && metadataChange(live, desired) == ""
}

const (
	// metadataLost is the drift of a policy whose spec is right.
	metadataLost = "labels, annotations or owner changed"
	// metadataSwitched: the policy is as another deletionPolicy of its profile made it.
	metadataSwitched = "deletionPolicy changed"
	// metadataOutdated: the policy bears the hash of what an earlier generation of its profile asked for.
	metadataOutdated = "profile changed"
	// metadataReworded: only our own wording is new.
	metadataReworded = "purpose"
)

// metadataChange says whether our part of the metadata must be written, and why; empty when not. The generation stamp
// alone never causes a write.
func metadataChange(live, desired *networkingv1.NetworkPolicy) string {
	for k, v := range desired.Labels {
		if live.Labels[k] != v {
			return metadataLost
		}
	}
	if live.Annotations[v1alpha1.AnnotationProfileUID] != desired.Annotations[v1alpha1.AnnotationProfileUID] {
		return metadataLost
	}
	ownership := ownershipChange(live, desired)
	switch {
	case ownership == metadataLost:
		return metadataLost
	case live.Annotations[annotationHash] == desired.Annotations[annotationHash]:
	case live.Annotations[v1alpha1.AnnotationProfileGeneration] == desired.Annotations[v1alpha1.AnnotationProfileGeneration]:
		return metadataLost
	default:
		return metadataOutdated
	}
	if ownership != "" {
		return ownership
	}
	if live.Annotations[v1alpha1.AnnotationPurpose] != desired.Annotations[v1alpha1.AnnotationPurpose] {
		return metadataReworded
	}
	return ""
}

// formSeparator stands between the parts of a form; no part contains it.
const formSeparator = "/"

// formOf returns a text that is equal for policies that are desired alike: the same spec, of the same version of the same
// profile, and so with the same metadata.
func formOf(desired *networkingv1.NetworkPolicy) string {
	a := desired.Annotations
	return strings.Join([]string{a[annotationHash], a[v1alpha1.AnnotationProfileUID], a[v1alpha1.AnnotationProfileGeneration]}, formSeparator)
}

// ownershipChange compares what binds a policy to its profile: an owner reference or, of a profile that retains its
// policies, an annotation. The whole of the other is what a change of deletionPolicy leaves; anything else, somebody did.
func ownershipChange(live, desired *networkingv1.NetworkPolicy) string {
	refers := slices.ContainsFunc(live.OwnerReferences, refersLike(desired))
	mark, wanted := live.Annotations[v1alpha1.AnnotationRetainedFor], desired.Annotations[v1alpha1.AnnotationRetainedFor]
	if wanted != "" {
		switch {
		case !refers && mark == wanted:
			return ""
		case refers && mark == "":
			return metadataSwitched
		}
		return metadataLost
	}
	owned := func(ref metav1.OwnerReference) bool {
		return equality.Semantic.DeepEqual(ref, desired.OwnerReferences[0])
	}
	switch {
	case mark == "" && slices.ContainsFunc(live.OwnerReferences, owned):
		return ""
	case mark != "" && !refers:
		return metadataSwitched
	}
	return metadataLost
}
