package proxy

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
)

// Hide keeps some objects out of the answers to lists and watches, which look complete all the same. Of an object that is
// hidden, a watch delivers no event. The answers come as JSON, whatever the client prefers.
func Hide(hidden func(*unstructured.Unstructured) bool) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			x := exchangeOf(r)
			x.acted()
			askForJSON(r)
			if x.info.Verb != "watch" {
				answerWithout(w, r, next, hidden)
				return
			}
			next.ServeHTTP(&events{ResponseWriter: w, deliver: func(kind watch.EventType, object *unstructured.Unstructured) delivery {
				if isObject(kind) && hidden(object) {
					return withhold
				}
				return pass
			}}, r)
		})
	}
}

// CutAfter breaks watches off after so many objects, before whatever comes next.
func CutAfter(objects int) Fault {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			exchangeOf(r).acted()
			askForJSON(r)
			delivered := 0
			next.ServeHTTP(&events{ResponseWriter: w, deliver: func(watch.EventType, *unstructured.Unstructured) delivery {
				if delivered == objects {
					return cut
				}
				delivered++
				return pass
			}}, r)
		})
	}
}

// askForJSON makes a request one for plain JSON of the same content: of whole objects, or of their metadata.
func askForJSON(r *http.Request) {
	accept := strings.ReplaceAll(r.Header.Get("Accept"), "application/vnd.kubernetes.protobuf", "application/json")
	r.Header.Set("Accept", strings.ReplaceAll(accept, "application/cbor", "application/json"))
	r.Header.Del("Accept-Encoding")
}

// answerWithout answers a list without the objects that are hidden. An answer that is no list stays as it is.
func answerWithout(w http.ResponseWriter, r *http.Request, next http.Handler, hidden func(*unstructured.Unstructured) bool) {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	var list unstructured.UnstructuredList
	if answer.Code == http.StatusOK {
		if err := json.Unmarshal(body, &list); err != nil {
			abort()
		}
		kept := list.Items[:0]
		for i := range list.Items {
			if !hidden(&list.Items[i]) {
				kept = append(kept, list.Items[i])
			}
		}
		list.Items = kept
		var err error
		if body, err = json.Marshal(&list); err != nil {
			abort()
		}
	}
	for name, values := range answer.Header() {
		if name != "Content-Length" {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(answer.Code)
	if _, err := w.Write(body); err != nil {
		abort()
	}
}

// delivery is what becomes of an event.
type delivery int

const (
	pass delivery = iota
	withhold
	cut
)

// events is the answer to a watch, in JSON, of which each event is looked at.
type events struct {
	http.ResponseWriter
	deliver func(watch.EventType, *unstructured.Unstructured) delivery
	// begun is the part of an event that has come so far.
	begun []byte
}

// Unwrap is for http.ResponseController.
func (e *events) Unwrap() http.ResponseWriter { return e.ResponseWriter }

func (e *events) Write(data []byte) (int, error) {
	e.begun = append(e.begun, data...)
	for {
		end := bytes.IndexByte(e.begun, '\n')
		if end < 0 {
			return len(data), nil
		}
		line := e.begun[:end+1]
		switch e.judge(line) {
		case pass:
			if _, err := e.ResponseWriter.Write(line); err != nil {
				return 0, err
			}
		case withhold:
		case cut:
			abort()
		}
		e.begun = e.begun[end+1:]
	}
}

func (e *events) judge(line []byte) delivery {
	var event struct {
		Type   watch.EventType `json:"type"`
		Object map[string]any  `json:"object"`
	}
	if err := json.Unmarshal(line, &event); err != nil {
		abort()
	}
	return e.deliver(event.Type, &unstructured.Unstructured{Object: event.Object})
}

// isObject says whether an event is about an object, and not a bookmark or an error.
func isObject(kind watch.EventType) bool {
	return kind == watch.Added || kind == watch.Modified || kind == watch.Deleted
}
