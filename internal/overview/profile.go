package overview

import (
	"cmp"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Look says how the operator's last look at a profile stands to the profile as it is.
type Look string

const (
	// LookNever means: the operator has not written a status yet.
	LookNever Look = "Never"
	// LookOutdated means: the status speaks of an earlier generation of the profile.
	LookOutdated Look = "Outdated"
	// LookCurrent means: the status speaks of the profile as it is.
	LookCurrent Look = "Current"
)

// Profile is a profile of either kind, and how it is.
type Profile struct {
	Kind v1alpha1.Kind `json:"kind"`
	// Namespace is empty for the cluster kind.
	Namespace string        `json:"namespace,omitempty"`
	Name      string        `json:"name"`
	Mode      v1alpha1.Mode `json:"mode"`
	// Created is when it was.
	Created    metav1.Time `json:"created"`
	Generation int64       `json:"generation"`
	// Look says whether Status speaks of this generation.
	Look Look `json:"look"`
	Well bool `json:"well"`
	// Problems are sorted, the gravest first; empty when the profile is well.
	Problems []Problem `json:"problems,omitempty"`
	// Policies are those that it has where it was looked, sorted by namespace and name.
	Policies []Policy `json:"policies,omitempty"`
	// Now says whether they are as the profile wants them at this moment.
	Now Now `json:"now"`
	// Status is what the operator wrote.
	Status v1alpha1.ProfileStatus `json:"status"`

	key snapshot.ProfileKey
	// deleting: it is on its way out.
	deleting bool
}

// Key identifies the profile.
func (p Profile) Key() snapshot.ProfileKey { return p.key }

// ShortName returns the profile as kubectl names it: "segp/shop", "csegp/baseline".
func (p Profile) ShortName() string { return ShortKind(p.Kind) + "/" + p.Name }

// ShortKind returns the short name of a kind, as kubectl takes it.
func ShortKind(kind v1alpha1.Kind) string {
	if kind == v1alpha1.KindClusterSegmentationProfile {
		return "csegp"
	}
	return "segp"
}

// profileOf reads a profile of either kind; ok is false for other objects.
func profileOf(o inventory.Object) (p Profile, full snapshot.Profile, ok bool) {
	switch o := o.(type) {
	case *v1alpha1.SegmentationProfile:
		full, p.Status = snapshot.FromSegmentationProfile(o), *o.Status.DeepCopy()
	case *v1alpha1.ClusterSegmentationProfile:
		full, p.Status = snapshot.FromClusterSegmentationProfile(o), *o.Status.DeepCopy()
	default:
		return p, full, false
	}
	p.key, p.Kind, p.Namespace, p.Name = full.Key, full.Key.Kind, full.Key.Namespace, full.Key.Name
	p.Mode, p.Generation, p.deleting = full.Mode, full.Generation, full.Deleting
	p.Created = o.GetCreationTimestamp()
	p.Look = lookOf(p)
	return p, full, true
}

func lookOf(p Profile) Look {
	switch {
	// An operator that has looked has seen a generation, and those begin at 1.
	case p.Status.ObservedGeneration < 1:
		return LookNever
	case p.Status.ObservedGeneration < p.Generation:
		return LookOutdated
	}
	return LookCurrent
}

// Condition returns the condition of a type. One that the operator did not write is Unknown.
func (p Profile) Condition(kind string) metav1.Condition {
	if c := meta.FindStatusCondition(p.Status.Conditions, kind); c != nil {
		return *c
	}
	return metav1.Condition{Type: kind, Status: metav1.ConditionUnknown}
}

// Counts returns the numbers of findings.
func (p Profile) Counts() v1alpha1.FindingCounts {
	return *cmp.Or(p.Status.FindingCounts, &v1alpha1.FindingCounts{})
}
