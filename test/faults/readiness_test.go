package faults_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// statusOf returns the status of a profile of either kind.
func statusOf(profile client.Object) v1alpha1.ProfileStatus {
	GinkgoHelper()
	if p, ok := profile.(*v1alpha1.ClusterSegmentationProfile); ok {
		return p.Status
	}
	p, ok := profile.(*v1alpha1.SegmentationProfile)
	Expect(ok).To(BeTrue())
	return p.Status
}

// readyOf returns the condition Ready of a profile; nil while it does not speak of the current generation.
func readyOf(profile client.Object) *metav1.Condition {
	GinkgoHelper()
	c := meta.FindStatusCondition(statusOf(profile).Conditions, v1alpha1.ConditionReady)
	if c == nil || c.ObservedGeneration != profile.GetGeneration() {
		return nil
	}
	return c
}

// reasonOf returns the condition Ready of a profile as status/reason; empty while it does not speak of the current generation.
func reasonOf(profile client.Object) string {
	GinkgoHelper()
	c := readyOf(profile)
	if c == nil {
		return ""
	}
	return string(c.Status) + "/" + c.Reason
}

// unready returns an error unless a profile is ready.
func unready(profile client.Object) error {
	GinkgoHelper()
	if c := readyOf(profile); c == nil || c.Status != metav1.ConditionTrue {
		return fmt.Errorf("%s/%s: Ready is %+v at generation %d", profile.GetNamespace(), profile.GetName(), c, profile.GetGeneration())
	}
	return nil
}

// readiness reads a profile anew and returns its condition Ready as reasonOf does.
func readiness(ctx context.Context, profile client.Object) string {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(profile), profile)).To(Succeed())
	return reasonOf(profile)
}
