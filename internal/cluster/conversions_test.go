package cluster

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
)

func TestAClusterProfileIsConvertedAgainWhenItIsAnother(t *testing.T) {
	object := func(change func(*v1alpha1.ClusterSegmentationProfile)) v1alpha1.ClusterSegmentationProfile {
		p := v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{
			Name: "base", UID: "u", Generation: 2, ResourceVersion: "7", Finalizers: []string{v1alpha1.Finalizer},
		}}
		p.Spec.Tiers = []v1alpha1.ClusterTier{{Tier: v1alpha1.Tier{Name: "web"}}}
		change(&p)
		return p
	}
	now := metav1.NewTime(time.Unix(1, 0))
	for name, c := range map[string]struct {
		change func(*v1alpha1.ClusterSegmentationProfile)
		again  bool
	}{
		"nothing":        {func(*v1alpha1.ClusterSegmentationProfile) {}, false},
		"its status":     {func(p *v1alpha1.ClusterSegmentationProfile) { p.ResourceVersion, p.Status.Policies = "8", 9 }, false},
		"its generation": {func(p *v1alpha1.ClusterSegmentationProfile) { p.Generation = 3 }, true},
		"its UID":        {func(p *v1alpha1.ClusterSegmentationProfile) { p.UID = "v" }, true},
		"its finalizer":  {func(p *v1alpha1.ClusterSegmentationProfile) { p.Finalizers = nil }, true},
		"its deletion":   {func(p *v1alpha1.ClusterSegmentationProfile) { p.DeletionTimestamp = &now }, true},
		"that its policies are to stay": {func(p *v1alpha1.ClusterSegmentationProfile) {
			p.DeletionTimestamp, p.Finalizers = &now, append(p.Finalizers, metav1.FinalizerOrphanDependents)
		}, true},
		"that it has no generation": {func(p *v1alpha1.ClusterSegmentationProfile) { p.Generation = 0 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			var known conversions
			first := object(func(*v1alpha1.ClusterSegmentationProfile) {})
			second := object(c.change)
			if second.Generation == 0 {
				first.Generation = 0
			}
			one := known.all([]v1alpha1.ClusterSegmentationProfile{first})[0]
			other := known.all([]v1alpha1.ClusterSegmentationProfile{second})[0]
			if again := &one.Tiers[0] != &other.Tiers[0]; again != c.again {
				t.Errorf("converted again: %v, want %v", again, c.again)
			}
			fresh := fromCluster(&second)
			if other.UID != fresh.UID || other.Generation != fresh.Generation || other.Deleting != fresh.Deleting ||
				other.Orphaning != fresh.Orphaning || other.Unguarded != fresh.Unguarded {
				t.Errorf("it is %+v, want %+v", other, fresh)
			}
		})
	}
}

func TestProfilesThatAreGoneAreNotKept(t *testing.T) {
	var known conversions
	one := v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "one", Generation: 1}}
	two := v1alpha1.ClusterSegmentationProfile{ObjectMeta: metav1.ObjectMeta{Name: "two", Generation: 1}}
	known.all([]v1alpha1.ClusterSegmentationProfile{one, two})
	if all := known.all([]v1alpha1.ClusterSegmentationProfile{two}); len(all) != 1 || len(known.profiles) != 1 {
		t.Errorf("%d are returned, and %d kept", len(all), len(known.profiles))
	}
}
