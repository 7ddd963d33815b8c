package cluster

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/selector"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Doubts say of profiles why nothing may be written for them: the API server may have another version than the cache shows.
type Doubts map[snapshot.ProfileKey]error

// readTimeout bounds the reading of one profile from the API server, so that one that does not answer leaves time for others.
const readTimeout = 5 * time.Second

// confirmations are the versions of profiles that the API server itself was last seen to have. The zero value is ready to
// use, by several goroutines.
type confirmations struct {
	mu       sync.Mutex
	reads    int64
	profiles map[snapshot.ProfileKey]confirmation
}

type confirmation struct {
	profileVersion
	// read is when it was asked for: answers may overtake each other.
	read int64
	// selects is the namespaces that this version selects, in the cluster kind.
	selects *v1alpha1.LabelSelector
}

type profileVersion struct {
	uid        types.UID
	generation int64
}

func versionOf(p snapshot.Profile) profileVersion { return profileVersion{p.UID, p.Generation} }

func (c *confirmations) of(key snapshot.ProfileKey) confirmation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.profiles[key]
}

// begin returns the number of a read that begins.
func (c *confirmations) begin() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reads++
	return c.reads
}

// note takes in what a read showed, unless one that began later has shown something already.
func (c *confirmations) note(read int64, p snapshot.Profile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.profiles == nil {
		c.profiles = map[snapshot.ProfileKey]confirmation{}
	}
	if c.profiles[p.Key].read < read {
		c.profiles[p.Key] = confirmation{versionOf(p), read, p.NamespaceSelector}
	}
}

// noteGone is note for a read that showed no such profile.
func (c *confirmations) noteGone(read int64, key snapshot.ProfileKey) {
	c.note(read, snapshot.Profile{Key: key})
}

// doubt drops what is known of a profile if it is no more than that there is this version.
func (c *confirmations) doubt(p snapshot.Profile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.profiles[p.Key].profileVersion == versionOf(p) {
		delete(c.profiles, p.Key)
	}
}

func (c *confirmations) forget(key snapshot.ProfileKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.profiles, key)
}

// isOutdated says whether the API server was seen to have a later generation of the same profile.
func (c *confirmations) isOutdated(p snapshot.Profile) bool {
	last := c.of(p.Key)
	return last.uid == p.UID && last.generation > p.Generation
}

// selects says whether the version that the API server was last seen to have applies to a namespace. A selector that cannot be
// read may select it.
func (c *confirmations) selects(p snapshot.Profile, ns snapshot.Namespace) bool {
	last := c.of(p.Key)
	if last.selects == nil {
		return false
	}
	selects, err := selector.MatchesAPI(last.selects, ns.Labels)
	return selects || err != nil
}

// askFor is Profile of the API server itself.
func (r *Reader) askFor(ctx context.Context, key snapshot.ProfileKey) (snapshot.Profile, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return Profile(ctx, r.Live, key)
}

// readLive reads a profile from the API server itself. An error that is plan.ErrUnconfirmed when it has not got the one that is
// asked for.
func (r *Reader) readLive(ctx context.Context, p snapshot.Profile) (snapshot.Profile, error) {
	read := r.confirmed.begin()
	live, ok, err := r.askFor(ctx, p.Key)
	if err != nil {
		return live, err
	}
	if !ok {
		r.confirmed.noteGone(read, p.Key)
		return live, fmt.Errorf("%s: %w", p.Key, plan.ErrUnconfirmed)
	}
	r.confirmed.note(read, live)
	if live.UID != p.UID {
		return live, fmt.Errorf("%s: %w", p.Key, plan.ErrUnconfirmed)
	}
	return live, nil
}

// Confirm asks the API server itself whether a profile is still of the version that the cache shows, once for each version,
// or again: what an earlier leader did for a later one must not be taken back, and need not have left a policy that tells of
// it. ErrStale when the profile is of a later version, which Load returns from then on; plan.ErrUnconfirmed when it is gone, or
// of an earlier one.
func (r *Reader) Confirm(ctx context.Context, p snapshot.Profile, again bool) error {
	if !again && r.confirmed.of(p.Key).profileVersion == versionOf(p) {
		return nil
	}
	live, err := r.readLive(ctx, p)
	switch {
	case err != nil:
		// It is asked again, also when nothing is known any more of why.
		r.confirmed.doubt(p)
		return err
	case live.Generation > p.Generation:
		return fmt.Errorf("%s: %w", p.Key, ErrStale)
	case live.Generation < p.Generation:
		return fmt.Errorf("%s: %w", p.Key, plan.ErrUnconfirmed)
	}
	return nil
}

// Forget drops a profile that is gone.
func (r *Reader) Forget(profile snapshot.ProfileKey) { r.confirmed.forget(profile) }
