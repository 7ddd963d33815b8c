package cluster

import (
	"sync"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// conversions keeps the cluster profiles that were read from the cache, each as long as its object says the same, whatever becomes of
// its status: every namespace looks at all of them, again and again. The zero value is ready to use, by several goroutines.
type conversions struct {
	mu       sync.Mutex
	profiles map[string]snapshot.Profile
}

// all returns the profiles in all objects of the cache, and drops those that are not among them. They are shared and must not be
// changed.
func (c *conversions) all(objects []v1alpha1.ClusterSegmentationProfile) []snapshot.Profile {
	c.mu.Lock()
	defer c.mu.Unlock()
	profiles := make(map[string]snapshot.Profile, len(objects))
	out := make([]snapshot.Profile, 0, len(objects))
	for i := range objects {
		profile, ok := c.profiles[objects[i].Name]
		if !ok || !isOf(profile, &objects[i]) {
			profile = fromCluster(&objects[i])
		}
		profiles[objects[i].Name] = profile
		out = append(out, profile)
	}
	c.profiles = profiles
	return out
}

// isOf says whether a profile is what is read from an object. Its spec does not change without its generation
// (https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#status-subresource).
func isOf(p snapshot.Profile, obj *v1alpha1.ClusterSegmentationProfile) bool {
	// All but the spec, which takes the time.
	bare := fromCluster(&v1alpha1.ClusterSegmentationProfile{ObjectMeta: obj.ObjectMeta})
	return obj.Generation > 0 && p.Key == bare.Key && p.UID == bare.UID && p.Generation == bare.Generation &&
		p.Deleting == bare.Deleting && p.Orphaning == bare.Orphaning && p.Unguarded == bare.Unguarded
}
