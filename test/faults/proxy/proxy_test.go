package proxy_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"firebreak.dev/firebreak/test/faults/proxy"
)

func TestARequestGoesThroughAsItIs(t *testing.T) {
	b := newBed(t)
	code, text, err := b.do(http.MethodPost, policies+"?fieldManager=me", "a policy")
	if err != nil || code != http.StatusCreated || text != "a policy" {
		t.Fatalf("got %d, %q, %v", code, text, err)
	}
	r := b.requests()[0]
	if r.ProtoMajor != 2 || r.URL.RequestURI() != policies+"?fieldManager=me" || r.Header.Get("Authorization") != "Bearer secret" {
		t.Errorf("the server sees HTTP/%d %s, headers %v", r.ProtoMajor, r.URL, r.Header)
	}
	for header := range r.Header {
		if strings.HasPrefix(header, "X-") {
			t.Errorf("the proxy adds %s", header)
		}
	}
}

func TestTheFirstRuleThatActsIsTheOnlyOne(t *testing.T) {
	status := proxy.Requests{Subresources: []string{"status"}}
	b := newBed(
		t,
		&proxy.Rule{Name: "second", Requests: proxy.Requests{Verbs: proxy.Writes()}, When: proxy.Nth(2), Fault: proxy.Answer(http.StatusConflict, 0)},
		&proxy.Rule{Name: "status", Requests: status, Fault: proxy.Answer(http.StatusForbidden, 0)},
		&proxy.Rule{Name: "named", Requests: proxy.Requests{Namespaces: []string{"shop"}, Names: []string{"web"}, Subresources: []string{""}}, Fault: proxy.Note()},
	)
	codes := []int{}
	for _, step := range []struct{ method, path string }{
		{http.MethodGet, policies},
		{http.MethodPut, policies + "/web"},
		{http.MethodPut, policies + "/web/status"},
		{http.MethodPut, policies + "/web/status"},
		{http.MethodGet, strings.Replace(policies, "shop", "other", 1) + "/web"},
		{http.MethodDelete, policies + "/web"},
	} {
		code, _, err := b.do(step.method, step.path, "")
		if err != nil {
			t.Fatal(err)
		}
		codes = append(codes, code)
	}
	if want := []int{201, 201, 409, 403, 201, 201}; !slices.Equal(codes, want) {
		t.Errorf("codes %v, want %v", codes, want)
	}
	b.mustCount("second", 1)
	b.mustCount("status", 1)
	b.mustCount("named", 2)
	b.mustSee(4)
	for i, want := range []string{
		" named: update networkpolicies shop/web",
		" second: update networkpolicies/status shop/web",
		" status: update networkpolicies/status shop/web",
		" named: delete networkpolicies shop/web",
	} {
		if acts := b.proxy.Acts(); !strings.HasSuffix(acts[i].String(), want) {
			t.Errorf("act %d is %q, want the end %q", i, acts[i], want)
		}
	}
}

func TestAShareIsTheSameWithTheSameSeed(t *testing.T) {
	draw := func(seed uint64) (numbers []int) {
		when := proxy.Share(seed, 0.3)
		for n := range 1000 {
			if when(n + 1) {
				numbers = append(numbers, n)
			}
		}
		return numbers
	}
	first := draw(7)
	if !slices.Equal(first, draw(7)) || slices.Equal(first, draw(8)) {
		t.Error("a seed does not decide which matches a rule acts on")
	}
	if len(first) < 250 || len(first) > 350 {
		t.Errorf("acted on %d of 1000 matches, want about 300", len(first))
	}
}

func TestARuleCanBeTakenAway(t *testing.T) {
	b := newBed(t, &proxy.Rule{Name: "down", Fault: proxy.Answer(http.StatusServiceUnavailable, 0)})
	if code, _, err := b.do(http.MethodGet, policies, ""); err != nil || code != http.StatusServiceUnavailable {
		t.Errorf("got %d, %v", code, err)
	}
	b.proxy.SetRules()
	b.mustCreate()
	b.mustCount("down", 1)
}
