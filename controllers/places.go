package controllers

import (
	"context"
	"sync"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/snapshot"
)

// maxPlaces bounds how many namespaces are kept read. Where previews look at more, they are read anew.
const maxPlaces = 10000

// placeCache keeps namespaces as the judgement of others needs them, until they change.
type placeCache struct {
	reader *cluster.Reader
	mu     sync.Mutex
	places map[string]*analyzer.Place
	// changes counts what was dropped, so that what was read before a change is not kept after it.
	changes uint64
}

func newPlaceCache(reader *cluster.Reader) *placeCache {
	return &placeCache{reader: reader, places: map[string]*analyzer.Place{}}
}

func (c *placeCache) get(ctx context.Context, ns snapshot.Namespace) (*analyzer.Place, error) {
	c.mu.Lock()
	place, changes := c.places[ns.Name], c.changes
	c.mu.Unlock()
	if place != nil {
		return place, nil
	}
	// What it was when those were listed who are looked at, it need not be any more.
	now, err := c.reader.Namespace(ctx, ns.Name)
	if err != nil {
		return nil, err
	}
	if now == nil {
		return c.reader.Place(ctx, ns)
	}
	if place, err = c.reader.Place(ctx, *now); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		if len(c.places) >= maxPlaces {
			clear(c.places)
		}
		c.places[ns.Name] = place
	}
	return place, nil
}

// drop forgets a namespace that changed.
func (c *placeCache) drop(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	delete(c.places, namespace)
}
