package proxy_test

import (
	"context"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"firebreak.dev/firebreak/test/faults/proxy"
)

const policies = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies"

// bed is a server that stands for the API server, a proxy before it, and a client of the proxy.
type bed struct {
	t      *testing.T
	proxy  *proxy.Proxy
	client *http.Client
	// events are what the server delivers on every watch, a line each.
	events chan string
	// ended gets a word for every watch that the server sees end.
	ended chan struct{}

	mu   sync.Mutex
	seen []*http.Request
}

func newBed(t *testing.T, rules ...*proxy.Rule) *bed {
	t.Helper()
	b := &bed{t: t, events: make(chan string), ended: make(chan struct{}, 10)}
	server := httptest.NewUnstartedServer(b)
	server.EnableHTTP2 = true
	server.StartTLS()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	p, err := proxy.Start(t.Context(), proxy.Target{URL: server.URL, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	p.SetRules(rules...)
	trust, err := rest.TLSConfigFor(&rest.Config{TLSClientConfig: rest.TLSClientConfig{CAData: p.CA()}})
	if err != nil {
		t.Fatal(err)
	}
	b.proxy = p
	b.client = &http.Client{Transport: &http.Transport{TLSClientConfig: trust, ForceAttemptHTTP2: true}}
	t.Cleanup(func() {
		b.client.CloseIdleConnections()
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return b
}

// ServeHTTP notes a request and echoes its body; a watch it gives what comes from events.
func (b *bed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.seen = append(b.seen, r)
	b.mu.Unlock()
	if r.URL.Query().Get("watch") == "" {
		w.WriteHeader(http.StatusCreated)
		if _, err := io.Copy(w, r.Body); err != nil {
			b.t.Error(err)
		}
		return
	}
	defer func() { b.ended <- struct{}{} }()
	w.WriteHeader(http.StatusOK)
	for http.NewResponseController(w).Flush() == nil {
		select {
		case event := <-b.events:
			if _, err := io.WriteString(w, event+"\n"); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

// requests returns what the server has seen.
func (b *bed) requests() []*http.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.seen)
}

func (b *bed) request(ctx context.Context, method, path, body string) (*http.Response, error) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, b.proxy.URL()+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	// Without it, the client itself sends some requests a second time.
	r.GetBody = nil
	r.Header.Set("Authorization", "Bearer secret")
	return b.client.Do(r)
}

// do makes a request and returns the code and the body of the answer.
func (b *bed) do(method, path, body string) (int, string, error) {
	b.t.Helper()
	response, err := b.request(b.t.Context(), method, path, body)
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(response.Body)
	if closing := response.Body.Close(); closing != nil {
		b.t.Error(closing)
	}
	return response.StatusCode, string(text), err
}

// mustCreate makes a request that nothing may happen to.
func (b *bed) mustCreate() {
	b.t.Helper()
	if code, text, err := b.do(http.MethodPost, policies, "a policy"); err != nil || code != http.StatusCreated || text != "a policy" {
		b.t.Fatalf("got %d, %q, %v", code, text, err)
	}
}

// mustSee fails unless the server has seen this number of requests.
func (b *bed) mustSee(want int) {
	b.t.Helper()
	if got := len(b.requests()); got != want {
		b.t.Errorf("the server has seen %d requests, want %d; %v", got, want, b.proxy.Acts())
	}
}

// mustCount fails unless a rule has acted this often.
func (b *bed) mustCount(rule string, want int) {
	b.t.Helper()
	if got := b.proxy.Counts()[rule]; got != want {
		b.t.Errorf("%q acted %d times, want %d: %v", rule, got, want, b.proxy.Acts())
	}
}

// soon bounds everything that must happen.
func soon() <-chan time.Time { return time.After(30 * time.Second) }
