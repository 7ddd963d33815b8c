package cluster

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/snapshot"
)

// conversions keeps the cluster profiles that were read from the cache, each as long as its object is of the same version: every
// namespace looks at all of them, again and again. The zero value is ready to use, by several goroutines.
type conversions struct {
	mu       sync.Mutex
	profiles map[string]conversion
}

type conversion struct {
	uid             types.UID
	resourceVersion string
	profile         snapshot.Profile
}

// of returns the profile in an object of the cache. It is shared and must not be changed.
func (c *conversions) of(obj *v1alpha1.ClusterSegmentationProfile) snapshot.Profile {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.profiles[obj.Name]
	if ok && obj.ResourceVersion != "" && known.resourceVersion == obj.ResourceVersion && known.uid == obj.UID {
		return known.profile
	}
	if c.profiles == nil {
		c.profiles = map[string]conversion{}
	}
	profile := fromCluster(obj)
	c.profiles[obj.Name] = conversion{obj.UID, obj.ResourceVersion, profile}
	return profile
}

// forget drops a profile that is gone.
func (c *conversions) forget(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.profiles, name)
}
