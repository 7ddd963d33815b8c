package cluster

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/framer"
	"k8s.io/client-go/rest"
)

// patience is how long a test waits for what must come; client-go tries again within two seconds.
const patience = 20 * time.Second

// followed is a store that follows an API server of which a test says what it answers.
type followed struct {
	*Pods
	t       *testing.T
	changed chan string
	synced  chan struct{}
	// over is closed when all answers have been given.
	over chan struct{}
}

// answer is what the API server says to one request. It may take its time: the answer ends when it returns, but for the last
// one, which goes on for as long as the test does.
type answer func(*followed, *reply)

// reply writes one answer.
type reply struct {
	http.ResponseWriter
	t     *testing.T
	asked url.Values
}

// follow lets a store follow an API server that gives these answers, one to each request, and waits until they are given.
func follow(t *testing.T, answers ...answer) *followed {
	t.Helper()
	f := &followed{t: t, changed: make(chan string, 100), synced: make(chan struct{}, 1), over: make(chan struct{})}
	f.Pods = NewPods(PodEvents{Counts: func(namespace string) { f.changed <- namespace }, Synced: func() { close(f.synced) }})
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if accept := r.Header.Get("Accept"); r.URL.Path != "/api/v1/pods" || accept != runtime.ContentTypeProtobuf && accept != watchOfProtobuf {
			t.Errorf("asked for %s as %s", r.URL, accept)
		}
		n := int(requests.Add(1))
		if n > len(answers) {
			t.Errorf("asked once more: %s", r.URL)
			return
		}
		answers[n-1](f, &reply{w, t, r.URL.Query()})
		if n == len(answers) {
			close(f.over)
			<-r.Context().Done()
		}
	}))
	client, err := NewPodClient(&rest.Config{Host: server.URL, QPS: -1}, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		f.Run(t.Context(), client)
	}()
	t.Cleanup(func() {
		<-stopped
		server.CloseClientConnections()
		server.Close()
	})
	await(t, f.over, "the last request")
	return f
}

// await waits until something comes.
func await[T any](t *testing.T, from <-chan T, what string) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(patience):
		t.Errorf("waited in vain for %s", what)
	}
}

const watchOfProtobuf = runtime.ContentTypeProtobuf + ";stream=watch"

// whole answers a request at once.
func (r *reply) whole(status int, contentType string, body []byte) {
	r.Header().Set("Content-Type", contentType)
	r.WriteHeader(status)
	if _, err := r.Write(body); err != nil {
		r.t.Errorf("answer: %v", err)
	}
}

// object answers a request with an object.
func (r *reply) object(obj runtime.Object) {
	r.whole(http.StatusOK, runtime.ContentTypeProtobuf, encoded(r.t, obj))
}

// event sends one event of a watch.
func (r *reply) event(kind string, obj runtime.Object) { r.eventOf(kind, encoded(r.t, obj)) }

func (r *reply) eventOf(kind string, object []byte) {
	data, err := (&metav1.WatchEvent{Type: kind, Object: runtime.RawExtension{Raw: object}}).Marshal()
	if err != nil {
		r.t.Errorf("encode an event: %v", err)
	}
	r.Header().Set("Content-Type", watchOfProtobuf)
	if _, err := framer.NewLengthDelimitedFrameWriter(r).Write(data); err != nil {
		r.t.Errorf("send an event: %v", err)
	}
	if err := http.NewResponseController(r).Flush(); err != nil {
		r.t.Errorf("send an event: %v", err)
	}
}

// Unwrap lets http.ResponseController find what can flush.
func (r *reply) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// asks compares what the request asks for.
func (r *reply) asks(want map[string]string) {
	for key, value := range want {
		if got := r.asked.Get(key); got != value {
			r.t.Errorf("asked for %s=%q, want %q", key, got, value)
		}
	}
}
