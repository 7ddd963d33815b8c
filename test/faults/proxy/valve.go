package proxy

import (
	"context"
	"net/http"
	"sync"
)

// Valve holds back what watches deliver, or cuts them off. Its Fault makes a rule's requests watches that pass through it,
// and counts those that it holds back or cuts, each once for every time. The zero value is open.
type Valve struct {
	mu sync.Mutex
	// frozen is there while nothing passes, and closed by the thaw.
	frozen chan struct{}
	// flows are the watches under way, with what cuts them.
	flows map[*flow]context.CancelFunc
}

// Freeze lets nothing pass, neither of watches under way nor of new ones, until Thaw. Connections stay.
func (v *Valve) Freeze() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.frozen == nil {
		v.frozen = make(chan struct{})
	}
}

// Thaw lets everything pass that was held back, in order, and all that follows.
func (v *Valve) Thaw() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.frozen != nil {
		close(v.frozen)
		v.frozen = nil
	}
}

// Cut breaks every watch under way.
func (v *Valve) Cut() {
	v.mu.Lock()
	defer v.mu.Unlock()
	for f, cut := range v.flows {
		f.exchange.acted()
		cut()
	}
}

// Fault lets watches pass through the valve.
func (v *Valve) Fault() Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, cut := context.WithCancel(r.Context())
			defer cut()
			f := &flow{ResponseWriter: w, valve: v, exchange: exchangeOf(r), done: ctx.Done()}
			v.begin(f, cut)
			defer v.end(f)
			next.ServeHTTP(f, r.WithContext(ctx))
		})
	}
}

func (v *Valve) begin(f *flow, cut context.CancelFunc) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.flows == nil {
		v.flows = map[*flow]context.CancelFunc{}
	}
	v.flows[f] = cut
}

func (v *Valve) end(f *flow) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.flows, f)
}

func (v *Valve) frozenUntil() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.frozen
}

// flow is the answer to one watch.
type flow struct {
	http.ResponseWriter
	valve    *Valve
	exchange *exchange
	done     <-chan struct{}
}

// Unwrap is for http.ResponseController.
func (f *flow) Unwrap() http.ResponseWriter { return f.ResponseWriter }

// WriteHeader is held back like everything else.
func (f *flow) WriteHeader(code int) {
	f.pass()
	f.ResponseWriter.WriteHeader(code)
}

func (f *flow) Write(data []byte) (int, error) {
	f.pass()
	return f.ResponseWriter.Write(data)
}

// pass waits until the valve is open. A watch that is cut, or that the client has given up, ends here.
func (f *flow) pass() {
	frozen := f.valve.frozenUntil()
	if frozen == nil {
		return
	}
	f.exchange.acted()
	for ; frozen != nil; frozen = f.valve.frozenUntil() {
		select {
		case <-frozen:
		case <-f.done:
			abort()
		}
	}
}
