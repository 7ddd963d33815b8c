package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/internal/snapshot"
)

// confirmations are the versions of profiles that the API server itself was last seen to have. The zero value is ready to
// use, by several goroutines.
type confirmations struct {
	mu       sync.Mutex
	profiles map[snapshot.ProfileKey]profileVersion
}

type profileVersion struct {
	uid        types.UID
	generation int64
}

func versionOf(p snapshot.Profile) profileVersion { return profileVersion{p.UID, p.Generation} }

func (c *confirmations) of(key snapshot.ProfileKey) profileVersion {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.profiles[key]
}

func (c *confirmations) note(p snapshot.Profile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.profiles == nil {
		c.profiles = map[snapshot.ProfileKey]profileVersion{}
	}
	c.profiles[p.Key] = versionOf(p)
}

// isOutdated says whether the API server was seen to have a later generation of the same profile.
func (c *confirmations) isOutdated(p snapshot.Profile) bool {
	last := c.of(p.Key)
	return last.uid == p.UID && last.generation > p.Generation
}

// ErrUnconfirmed says that the API server has not got a profile that the cache shows: it is gone, or another one bears its
// name. Nothing may be done for it; the cache will catch up.
var ErrUnconfirmed = errors.New("it is gone, which the cache does not show yet")

// Confirm asks the API server itself whether a profile is still of the version that the cache shows, once for each version,
// or again: what an earlier leader did for a later one must not be taken back, and need not have left a policy that tells of
// it. ErrStale when the profile is of a later version, which Load returns from then on; ErrUnconfirmed when it is not there.
func (r *Reader) Confirm(ctx context.Context, p snapshot.Profile, again bool) error {
	if !again && r.confirmed.of(p.Key) == versionOf(p) {
		return nil
	}
	live, ok, err := Profile(ctx, r.Live, p.Key)
	if err != nil {
		return err
	}
	if ok {
		r.confirmed.note(live)
	}
	switch {
	case ok && versionOf(live) == versionOf(p):
		return nil
	case ok && r.confirmed.isOutdated(p):
		return fmt.Errorf("%s: %w", p.Key, ErrStale)
	}
	return fmt.Errorf("%s: %w", p.Key, ErrUnconfirmed)
}

// Forget drops a profile that is gone.
func (r *Reader) Forget(profile snapshot.ProfileKey) {
	r.confirmed.mu.Lock()
	defer r.confirmed.mu.Unlock()
	delete(r.confirmed.profiles, profile)
}
