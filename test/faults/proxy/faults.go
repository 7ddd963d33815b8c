package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Note changes nothing: the requests are counted and go on.
func Note() Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			exchangeOf(r).acted()
			next.ServeHTTP(w, r)
		})
	}
}

// Before runs a hook, and lets the request go on when that has returned: what the hook does has happened before what the
// client asks for, and after what the client knew when it asked.
func Before(hook func(Act)) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			hook(exchangeOf(r).acted())
			next.ServeHTTP(w, r)
		})
	}
}

// Answer answers with a code and a metav1.Status, and the API server never sees the request. A Retry-After is sent when
// retryAfter is a second or more.
func Answer(code int, retryAfter time.Duration) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := exchangeOf(r)
			x.acted()
			seconds := int(retryAfter / time.Second)
			resource := schema.GroupResource{Group: x.info.APIGroup, Resource: x.info.Resource}
			status := apierrors.NewGenericServerResponse(code, x.info.Verb, resource, x.info.Name, "made by the fault proxy", seconds, false).Status()
			status.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}
			if seconds > 0 {
				w.Header().Set("Retry-After", strconv.Itoa(seconds))
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			if err := json.NewEncoder(w).Encode(status); err != nil {
				abort()
			}
		})
	}
}

// Give answers with this JSON, such as a list as it was before, and the API server never sees the request.
func Give(text []byte) Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			exchangeOf(r).acted()
			w.Header().Set("Content-Type", "application/json")
			if _, err := w.Write(text); err != nil {
				abort()
			}
		})
	}
}

// Delay passes requests on later; those that the client has given up by then it does not.
func Delay(by time.Duration) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			exchangeOf(r).acted()
			read(r)
			timer := time.NewTimer(by)
			defer timer.Stop()
			select {
			case <-timer.C:
				next.ServeHTTP(w, r)
			case <-r.Context().Done():
				abort()
			}
		})
	}
}

// BlackHole neither passes requests on nor answers them, until the client gives up.
func BlackHole() Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			exchangeOf(r).acted()
			read(r)
			<-r.Context().Done()
			abort()
		})
	}
}

// Abort breaks requests off before anything is sent to the API server.
func Abort() Fault {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			exchangeOf(r).acted()
			abort()
		})
	}
}

// LoseReply lets the API server do what is asked and keeps its answer back: the client sees a broken stream. It is for
// requests that end, not for watches.
func LoseReply() Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			exchangeOf(r).acted()
			commit(next, r)
			abort()
		})
	}
}

// Late passes requests on when the hook returns, even if the client is gone by then, as a network does that holds packets
// back. The other hook gets the code that the API server answers with; the client gets no answer.
func Late(until func(Act), answered func(code int)) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			act := exchangeOf(r).acted()
			read(r)
			until(act)
			answer := httptest.NewRecorder()
			next.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context())))
			answered(answer.Code)
			abort()
		})
	}
}

// commit lets the API server do what is asked, even if the client is gone meanwhile, and drops the answer.
func commit(next http.Handler, r *http.Request) {
	read(r)
	next.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
}

// read reads the whole body of a request. Only then does HTTP/1 notice that a client has gone.
func read(r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		abort()
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
}
