package scrapeauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
)

func TestAnAnswerCountsForItsTimeAndNoLonger(t *testing.T) {
	for name, c := range map[string]struct {
		authenticated, allowed bool
		lasts                  time.Duration
		code                   int
		// asks tells the number of reviews in question.
		asks func(tokens, access int) int
	}{
		"who somebody is, for a minute":          {true, true, time.Minute, 200, func(tokens, _ int) int { return tokens }},
		"that nobody is known, for a minute":     {false, true, time.Minute, 401, func(tokens, _ int) int { return tokens }},
		"that something is allowed, for five":    {true, true, 5 * time.Minute, 200, func(_, access int) int { return access }},
		"that something is not, for half of one": {true, false, 30 * time.Second, 403, func(_, access int) int { return access }},
	} {
		t.Run(name, func(t *testing.T) {
			server := &apiServer{
				authenticate: func(context.Context, authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error) {
					return authenticationv1.TokenReviewStatus{Authenticated: c.authenticated}, nil
				},
				authorize: func(context.Context, authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
					return authorizationv1.SubjectAccessReviewStatus{Allowed: c.allowed}, nil
				},
			}
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			s := newSite(t, server, func() time.Time { return now })
			for i, step := range []struct {
				after time.Duration
				want  int
			}{{0, 1}, {c.lasts / 2, 1}, {c.lasts / 2, 1}, {time.Nanosecond, 2}, {c.lasts, 2}} {
				now = now.Add(step.after)
				if code := s.scrape(t, "x"); code != c.code {
					t.Errorf("scrape %d is answered %d", i, code)
				}
				if got := c.asks(server.asked()); got != step.want {
					t.Errorf("after scrape %d, the API server was asked %d times, want %d", i, got, step.want)
				}
			}
		})
	}
}

func TestWhatIsNotKnownIsAskedAgainAtOnce(t *testing.T) {
	down := errors.New("no route to host")
	var tokenErr, accessErr error
	token, access := known(), allowed()
	server := &apiServer{
		authenticate: func(context.Context, authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error) {
			return token, tokenErr
		},
		authorize: func(context.Context, authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
			return access, accessErr
		},
	}
	for name, spoil := range map[string]func(){
		"the API server is away for token reviews":          func() { tokenErr = down },
		"a token could not be checked":                      func() { token = authenticationv1.TokenReviewStatus{Error: "no keys"} },
		"the API server is away for subject access reviews": func() { accessErr = down },
		"it both allows and denies":                         func() { access.Denied = true },
	} {
		t.Run(name, func(t *testing.T) {
			// No time passes: what counted for no time at all would still count.
			s := newSite(t, server, func() time.Time { return time.Time{} })
			spoil()
			if code := s.scrape(t, "x"); code != http.StatusInternalServerError {
				t.Errorf("answered %d", code)
			}
			tokenErr, accessErr, token, access = nil, nil, known(), allowed()
			if code := s.scrape(t, "x"); code != http.StatusOK {
				t.Errorf("then answered %d", code)
			}
		})
	}
}

func TestAnAnswerIsForItsTokenItsVerbAndItsPathAlone(t *testing.T) {
	server := generous()
	server.authorize = func(_ context.Context, spec authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
		what := *spec.NonResourceAttributes
		return authorizationv1.SubjectAccessReviewStatus{Allowed: spec.User == "user of x" && what.Verb == "get" && what.Path == "/metrics"}, nil
	}
	s := newSite(t, server, time.Now)
	for range 2 {
		for _, c := range []struct {
			method, path, token string
			code                int
		}{
			{http.MethodGet, "/metrics", "x", http.StatusOK},
			{http.MethodGet, "/metrics", "y", http.StatusForbidden},
			{http.MethodPost, "/metrics", "x", http.StatusForbidden},
			{http.MethodGet, "/metrics/", "x", http.StatusForbidden},
			{http.MethodGet, "/debug", "x", http.StatusForbidden},
		} {
			request := metrics(t)
			request.Method, request.URL.Path = c.method, c.path
			if answer := s.ask(request, "Bearer "+c.token); answer.Code != c.code {
				t.Errorf("%s %s with %s is answered %d", c.method, c.path, c.token, answer.Code)
			}
		}
	}
	if tokens, access := server.asked(); tokens != 2 || access != 5 {
		t.Errorf("it took %d token reviews and %d subject access reviews", tokens, access)
	}
}

func TestWhatIsAskedAtLengthIsNotRemembered(t *testing.T) {
	server := generous()
	s := newSite(t, server, func() time.Time { return time.Time{} })
	for i, c := range []struct{ length, asked int }{{maxAsked - 1, 1}, {maxAsked - 1, 1}, {maxAsked, 2}, {maxAsked, 3}} {
		request := metrics(t)
		request.Method = strings.Repeat("X", c.length-len("/metrics"))
		if answer := s.ask(request, "Bearer x"); answer.Code != http.StatusOK {
			t.Errorf("%d: answered %d", i, answer.Code)
		}
		if _, access := server.asked(); access != c.asked {
			t.Errorf("%d: asked %d times", i, access)
		}
	}
}

func TestTheAnswerThatWasNotAskedForTheLongestTimeIsForgottenWhenThereAreTooMany(t *testing.T) {
	server := generous()
	s := newSite(t, server, time.Now)
	scrape := func(i, asked int) {
		t.Helper()
		if code := s.scrape(t, fmt.Sprint("t", i)); code != http.StatusOK {
			t.Fatalf("answered %d", code)
		}
		if tokens, access := server.asked(); tokens != asked || access != asked {
			t.Errorf("token %d: asked %d and %d times, want %d", i, tokens, access, asked)
		}
	}
	for i := range size {
		scrape(i, i+1)
	}
	scrape(0, size)
	scrape(size, size+1)
	scrape(0, size+1)
	scrape(1, size+2)
}

func TestATokenIsNotKeptInClear(t *testing.T) {
	const token = "hunter2"
	m := newMemory[string](time.Now)
	answer := func(context.Context) (string, time.Duration, error) { return "jane", time.Minute, nil }
	if got, err := m.get(t.Context(), []byte(token), answer); got != "jane" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	keys := m.answers.Keys()
	if len(keys) != 1 || len(fmt.Sprint(keys[0])) != 32 || strings.Contains(fmt.Sprint(keys[0]), token) {
		t.Errorf("remembered as %q", keys)
	}
	if newMemory[string](time.Now).hash([]byte(token)) == m.hash([]byte(token)) {
		t.Error("two programs remember it as the same, so that a table of hashes would tell it")
	}
}

// hanging is an API server that says who somebody is only when it is told to.
func hanging() (server *apiServer, answer chan struct{}) {
	server, answer = generous(), make(chan struct{})
	server.authenticate = func(ctx context.Context, spec authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error) {
		select {
		case <-answer:
			return knowsEverybody(ctx, spec)
		case <-ctx.Done():
			return authenticationv1.TokenReviewStatus{}, ctx.Err()
		}
	}
	return server, answer
}

func TestManyWhoAskWithTheSameTokenAtOnceAskTheAPIServerOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, answer := hanging()
		s := newSite(t, server, time.Now)
		codes := make(chan int)
		for i := range 20 {
			go func() { codes <- s.scrape(t, fmt.Sprint("t", i%2)) }()
		}
		synctest.Wait()
		if tokens, _ := server.asked(); tokens != 2 {
			t.Errorf("asked about 2 tokens %d times", tokens)
		}
		close(answer)
		for range 20 {
			if code := <-codes; code != http.StatusOK {
				t.Errorf("answered %d", code)
			}
		}
		if tokens, access := server.asked(); tokens != 2 || access != 2 {
			t.Errorf("it took %d token reviews and %d subject access reviews", tokens, access)
		}
	})
}

func TestWhoGoesAwayDoesNotSpoilTheAnswerForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, answer := hanging()
		s := newSite(t, server, time.Now)
		ctx, leave := context.WithCancel(t.Context())
		gone, waits := make(chan int, 1), make(chan int, 1)
		go func() { gone <- s.ask(metrics(t).WithContext(ctx), "Bearer x").Code }()
		synctest.Wait()
		go func() { waits <- s.scrape(t, "x") }()
		synctest.Wait()
		leave()
		if code := <-gone; code != http.StatusInternalServerError {
			t.Errorf("who went away is answered %d", code)
		}
		synctest.Wait()
		close(answer)
		if code := <-waits; code != http.StatusOK {
			t.Errorf("who stayed is answered %d", code)
		}
		if tokens, access := server.asked(); tokens != 1 || access != 1 {
			t.Errorf("it took %d token reviews and %d subject access reviews", tokens, access)
		}
	})
}
