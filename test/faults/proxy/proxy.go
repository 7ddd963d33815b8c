package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
)

// Target is the API server that a proxy stands before: its URL, and the certificates that its own is checked against, in
// PEM; none with plain HTTP.
type Target struct {
	URL string
	CA  []byte
}

// Proxy is a running proxy. Its methods may be used side by side.
type Proxy struct {
	address   string
	ca        []byte
	server    *http.Server
	transport *http.Transport
	forward   http.Handler
	requests  request.RequestInfoFactory
	served    chan error

	mu    sync.Mutex
	rules []*Rule
	acts  []Act
	// halted is there while nothing may begin, and closed when that ends.
	halted chan struct{}
}

// Start starts a proxy on a free port of the loopback address, without rules. It outlives ctx: whoever starts it calls
// Close.
func Start(ctx context.Context, target Target) (*Proxy, error) {
	p := &Proxy{
		requests: request.RequestInfoFactory{APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api")},
		served:   make(chan error, 1),
	}
	if err := p.forwardTo(target); err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	p.address = listener.Addr().String()
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", nil, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a certificate for the proxy: %w", err), listener.Close())
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the proxy's certificate: %w", err), listener.Close())
	}
	p.ca = certificate
	p.server = &http.Server{
		Handler:           p,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: time.Minute,
		// Connections that break are what this is for.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() { p.served <- p.server.ServeTLS(listener, "", "") }()
	return p, nil
}

func (p *Proxy) forwardTo(target Target) error {
	to, err := url.Parse(target.URL)
	if err != nil {
		return fmt.Errorf("read the URL of the API server: %w", err)
	}
	trust, err := rest.TLSConfigFor(&rest.Config{Host: target.URL, TLSClientConfig: rest.TLSClientConfig{CAData: target.CA}})
	if err != nil {
		return fmt.Errorf("read the certificates of the API server: %w", err)
	}
	p.transport = &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true, DisableCompression: true}
	p.forward = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header["User-Agent"] = r.In.Header["User-Agent"]
		},
		Transport: p.transport,
		// What a watch delivers is passed on at once.
		FlushInterval: -1,
		ErrorLog:      log.New(io.Discard, "", 0),
		// An API server that cannot be reached gives no answer, not even a bad one.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { abort() },
	}
	return nil
}

// URL returns where the proxy is reached, as https://127.0.0.1:PORT.
func (p *Proxy) URL() string { return "https://" + p.address }

// CA returns the certificates to check the proxy's against, in PEM.
func (p *Proxy) CA() []byte { return slices.Clone(p.ca) }

// SetRules replaces the rules. For each request they are asked in order, and the first that acts is the last that is asked.
// Requests under way go on as they began.
func (p *Proxy) SetRules(rules ...*Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = slices.Clone(rules)
}

// Acts returns every fault that has acted, in order.
func (p *Proxy) Acts() []Act {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.acts)
}

// Counts returns how often each rule has acted, by name. Rules that have not are not in it.
func (p *Proxy) Counts() map[string]int {
	counts := map[string]int{}
	for _, act := range p.Acts() {
		counts[act.Rule]++
	}
	return counts
}

// Close ends the proxy and every request under way.
func (p *Proxy) Close() error {
	err := p.server.Close()
	p.transport.CloseIdleConnections()
	if served := <-p.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("close the proxy: %w", err)
	}
	return nil
}

// ServeHTTP passes a request on, or lets a fault have it.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if halted := p.haltedUntil(); halted != nil {
		<-halted
		abort()
	}
	info, err := p.requests.NewRequestInfo(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	rule := p.ruleFor(info, r.URL.Query())
	if rule == nil {
		p.forward.ServeHTTP(w, r)
		return
	}
	x := &exchange{proxy: p, rule: rule.Name, info: info}
	rule.Fault(p.forward).ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
}

func (p *Proxy) ruleFor(info *request.RequestInfo, parameters url.Values) *Rule {
	p.mu.Lock()
	rules := p.rules
	p.mu.Unlock()
	for _, rule := range rules {
		if rule.acts(info, parameters) {
			return rule
		}
	}
	return nil
}

// halt lets no request begin until the function that it returns is called. Those that come until then are aborted.
func (p *Proxy) halt() (end func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.halted != nil {
		// Another hook is at work, and ends it.
		return func() {}
	}
	halted := make(chan struct{})
	p.halted = halted
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.halted = nil
		close(halted)
	}
}

func (p *Proxy) haltedUntil() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.halted
}

// exchange is a request that a rule acts on.
type exchange struct {
	proxy *Proxy
	rule  string
	info  *request.RequestInfo
}

type exchangeKey struct{}

// exchangeOf returns the exchange of a request. The proxy puts it there for every fault.
func exchangeOf(r *http.Request) *exchange {
	x, ok := r.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		panic("a fault acts outside a proxy")
	}
	return x
}

// acted counts that the fault of the rule acted on the request.
func (x *exchange) acted() Act {
	resource := x.info.Resource
	if x.info.Subresource != "" {
		resource += "/" + x.info.Subresource
	}
	x.proxy.mu.Lock()
	defer x.proxy.mu.Unlock()
	act := Act{time.Now(), x.rule, x.info.Verb, resource, x.info.Namespace, x.info.Name}
	x.proxy.acts = append(x.proxy.acts, act)
	return act
}

// abort ends a request without an answer: the client sees its stream, or with HTTP/1 its connection, break.
func abort() { panic(http.ErrAbortHandler) }
