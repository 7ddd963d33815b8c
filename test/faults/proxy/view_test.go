package proxy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"firebreak.dev/firebreak/test/faults/proxy"
)

// lister answers lists and watches with two objects, in JSON if that is asked for, and a bookmark.
func lister(t *testing.T) *httptest.Server {
	const one, two = `{"apiVersion":"v1","kind":"Service","metadata":{"name":"one"}}`, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"two"}}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accept := r.Header.Get("Accept")
		if strings.Contains(accept, "protobuf") || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("asked for %s, %s", accept, r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("watch") == "" {
			fmt.Fprintf(w, `{"apiVersion":"v1","kind":"ServiceList","metadata":{"resourceVersion":"7"},"items":[%s,%s]}`, one, two)
			return
		}
		event := fmt.Sprintf("{\"type\":\"ADDED\",\"object\":%s}\n", one)
		// An event need not come in one piece.
		for _, piece := range []string{event[:10], event[10:], fmt.Sprintf("{\"type\":\"MODIFIED\",\"object\":%s}\n", two), `{"type":"BOOKMARK","object":{"kind":"Service"}}` + "\n"} {
			fmt.Fprint(w, piece)
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// see asks a proxy with a rule for a path of the lister, and returns the answer, as far as it came.
func see(t *testing.T, path string, rule *proxy.Rule) (string, error) {
	t.Helper()
	p, err := proxy.Start(t.Context(), proxy.Target{URL: lister(t).URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	p.SetRules(rule)
	request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, path, http.NoBody)
	request.Header.Set("Accept", "application/vnd.kubernetes.protobuf, application/json")
	request.Header.Set("Accept-Encoding", "gzip")
	answer := httptest.NewRecorder()
	func() {
		defer func() {
			if cause := recover(); cause != nil {
				err = http.ErrAbortHandler
			}
		}()
		p.ServeHTTP(answer, request)
	}()
	if p.Counts()[rule.Name] != 1 {
		t.Errorf("the rule has acted so: %v", p.Acts())
	}
	text, _ := io.ReadAll(answer.Body)
	return string(text), err
}

func isTwo(object *unstructured.Unstructured) bool { return object.GetName() == "two" }

func TestAHiddenObjectIsInNoList(t *testing.T) {
	text, err := see(t, "/api/v1/services", &proxy.Rule{Name: "hide", Fault: proxy.Hide(isTwo)})
	if err != nil {
		t.Fatal(err)
	}
	var list unstructured.UnstructuredList
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].GetName() != "one" || list.GetResourceVersion() != "7" {
		t.Errorf("got %s", text)
	}
}

func TestAHiddenObjectIsInNoEventOfAWatch(t *testing.T) {
	text, err := see(t, "/api/v1/services?watch=true", &proxy.Rule{Name: "hide", Fault: proxy.Hide(isTwo)})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"one"`) || !strings.Contains(lines[1], "BOOKMARK") {
		t.Errorf("got %s", text)
	}
}

func TestAWatchIsCutAfterSoManyObjects(t *testing.T) {
	text, err := see(t, "/api/v1/services?watch=true&sendInitialEvents=true", &proxy.Rule{
		Name: "cut", Requests: proxy.Requests{Parameters: proxy.InitialEvents()}, Fault: proxy.CutAfter(1),
	})
	if err == nil {
		t.Error("the watch was not broken off")
	}
	if !strings.Contains(text, `"one"`) || strings.Contains(text, `"two"`) {
		t.Errorf("got %s", text)
	}
}

func TestARuleIsForRequestsWithItsParameters(t *testing.T) {
	b := newBed(t, &proxy.Rule{Name: "initial events", Requests: proxy.Requests{Parameters: proxy.InitialEvents()}, Fault: proxy.Note()})
	for _, parameters := range []string{"", "?sendInitialEvents=false"} {
		if _, _, err := b.do(http.MethodPost, policies+parameters, "a policy"); err != nil {
			t.Fatal(err)
		}
	}
	b.mustCount("initial events", 0)
	if _, _, err := b.do(http.MethodPost, policies+"?sendInitialEvents=true", "a policy"); err != nil {
		t.Fatal(err)
	}
	b.mustCount("initial events", 1)
}

func TestAHookRunsBeforeTheRequestArrives(t *testing.T) {
	var b *bed
	var seen []string
	b = newBed(t, &proxy.Rule{Name: "first", Requests: proxy.Requests{Verbs: []string{"delete"}}, When: proxy.Nth(1), Fault: proxy.Before(func(act proxy.Act) {
		seen = append(seen, act.Resource+" "+act.Name)
		b.mustSee(0)
	})})
	if _, _, err := b.do(http.MethodDelete, policies+"/web", ""); err != nil {
		t.Fatal(err)
	}
	b.mustSee(1)
	if !slices.Equal(seen, []string{"networkpolicies web"}) {
		t.Errorf("the hook was told of %v", seen)
	}
}
