package compiler

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/networkpolicy"
	"firebreak.dev/firebreak/internal/snapshot"
)

// IsDefaultDeny says whether a policy of ours is one that denies everything else, by its name: labels can be changed by
// anybody, a name by nobody.
func IsDefaultDeny(name string) bool {
	return strings.HasSuffix(name, "."+v1alpha1.DefaultDenyTier+"-"+networkpolicy.SelectorHash(metav1.LabelSelector{}))
}

// RetainedFor is the value of the annotation by which a policy belongs to a profile with deletionPolicy Retain.
func RetainedFor(profile snapshot.ProfileKey) string {
	return string(profile.Kind) + "/" + profile.Name
}

// BearsName says whether a policy's name is one that a profile's policies may have.
func BearsName(policy string, profile snapshot.ProfileKey) bool {
	rest, ok := strings.CutPrefix(policy, namePrefix(profile))
	return ok && rest != "" && !strings.Contains(rest, ".")
}

// policyName names the policy of a tier: segp.<profile>.<tier>-<hash of the podSelector>, csegp. for cluster profiles.
//
// It is unique by construction: neither the tier's name nor the hash has a dot, so the last dot ends the profile's name.
// The hash makes a changed podSelector a new policy, which can stand before the old one goes. At most 142 characters.
func policyName(profile snapshot.ProfileKey, tier string, podSelector metav1.LabelSelector) string {
	return namePrefix(profile) + tier + "-" + networkpolicy.SelectorHash(podSelector)
}

// namePrefix is how the names of a profile's policies begin.
func namePrefix(profile snapshot.ProfileKey) string {
	if profile.Kind == v1alpha1.KindClusterSegmentationProfile {
		return "csegp." + profile.Name + "."
	}
	return "segp." + profile.Name + "."
}
