package scrapeauth

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestErrorsThatPassAreWaitedForAndNoOthers(t *testing.T) {
	reviews := schema.GroupResource{Resource: "reviews"}
	for name, c := range map[string]struct {
		err error
		// times is how often it is the answer; then comes a good one.
		times int
		code  int
		asked int
	}{
		"an internal error, once":                   {apierrors.NewInternalError(errors.New("etcd")), 1, 200, 2},
		"a timeout of the API server, four times":   {apierrors.NewTimeoutError("etcd", 0), 4, 200, 5},
		"a timeout of the API server, for ever":     {apierrors.NewTimeoutError("etcd", 0), 100, 500, 5},
		"too many requests":                         {apierrors.NewTooManyRequestsError("later"), 2, 200, 3},
		"an API server that says when to come back": {apierrors.NewServerTimeout(reviews, "create", 0), 2, 200, 3},
		"a connection that is reset":                {syscall.ECONNRESET, 2, 200, 3},
		"a right that is missing":                   {apierrors.NewForbidden(reviews, "", errors.New("no")), 1, 500, 1},
		"an API server that does not know these":    {apierrors.NewNotFound(reviews, ""), 1, 500, 1},
		"an operator whom the API server knows not": {apierrors.NewUnauthorized("who?"), 1, 500, 1},
		"an API server that is not there":           {errors.New("no route to host"), 1, 500, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, about := range []string{"tokens", "access"} {
				synctest.Test(t, func(t *testing.T) {
					failures := c.times
					fail := func() error {
						if failures == 0 {
							return nil
						}
						failures--
						return c.err
					}
					server := generous()
					if about == "tokens" {
						server.authenticate = func(ctx context.Context, spec authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error) {
							status, _ := knowsEverybody(ctx, spec)
							return status, fail()
						}
					} else {
						server.authorize = func(context.Context, authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
							return allowed(), fail()
						}
					}
					began := time.Now()
					s := newSite(t, server, time.Now)
					if code := s.scrape(t, "x"); code != c.code {
						t.Errorf("%s: answered %d, want %d; the log has %q", about, code, c.code, s.errors)
					}
					if c.code != http.StatusOK && (len(s.errors) != 1 || !strings.Contains(strings.ReplaceAll(s.errors[0], `\"`, `"`), c.err.Error())) {
						t.Errorf("%s: the log does not say why: %q", about, s.errors)
					}
					tokens, access := server.asked()
					if asked := map[string]int{"tokens": tokens, "access": access}[about]; asked != c.asked {
						t.Errorf("%s: asked %d times, want %d", about, asked, c.asked)
					}
					// Half a second, times 1.5 each time, and up to a fifth more by chance.
					least := []time.Duration{0, 500 * time.Millisecond, 1250 * time.Millisecond, 2375 * time.Millisecond, 4062 * time.Millisecond}[c.asked-1]
					if took := time.Since(began); took < least || took > least+least/5+10*time.Millisecond {
						t.Errorf("%s: took %s, want %s or a fifth more", about, took, least)
					}
				})
			}
		})
	}
}

func TestAnAPIServerThatHangsIsNotWaitedForLongerThanAScrape(t *testing.T) {
	for name, hang := range map[string]func(*apiServer){
		"about a token": func(server *apiServer) {
			server.authenticate = func(ctx context.Context, _ authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error) {
				<-ctx.Done()
				return authenticationv1.TokenReviewStatus{}, ctx.Err()
			}
		},
		"about a right": func(server *apiServer) {
			server.authorize = func(ctx context.Context, _ authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
				<-ctx.Done()
				return authorizationv1.SubjectAccessReviewStatus{}, ctx.Err()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := generous()
				hang(server)
				s := newSite(t, server, time.Now)
				began := time.Now()
				if code := s.scrape(t, "x"); code != http.StatusInternalServerError {
					t.Errorf("answered %d", code)
				}
				if took := time.Since(began); took != 10*time.Second {
					t.Errorf("after %s", took)
				}
			})
		})
	}
}
