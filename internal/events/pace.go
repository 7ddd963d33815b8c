package events

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// mostAtOnce is how many events of one kind a profile has at once: as many as client-go's older recorder lets pass for an object
	// (k8s.io/client-go/tools/record). The one that is used here has no such limit.
	mostAtOnce = 25
	// pauseBetween is how long it takes until there may be one more.
	pauseBetween = 10 * time.Second
)

// pace limits how often something is told of each object.
type pace struct {
	now func() time.Time

	mu sync.Mutex
	// left has the objects of which something was told lately.
	left map[types.UID]*rate.Limiter
}

// take says whether one more event may be told of an object, and whether it is the last for now.
func (p *pace) take(uid types.UID) (ok, last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	limiter := p.left[uid]
	if limiter == nil {
		p.forgetRested(now)
		limiter = rate.NewLimiter(rate.Every(pauseBetween), mostAtOnce)
		p.left[uid] = limiter
	}
	ok = limiter.AllowN(now, 1)
	return ok, ok && limiter.TokensAt(now) < 1
}

// forgetRested drops the objects that may have as many events again as one that is new.
func (p *pace) forgetRested(now time.Time) {
	if p.left == nil {
		p.left = map[types.UID]*rate.Limiter{}
	}
	for uid, limiter := range p.left {
		if limiter.TokensAt(now) >= mostAtOnce {
			delete(p.left, uid)
		}
	}
}
