package scrapeauth

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

func TestOnlyWhoIsKnownAndAllowedGetsThrough(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "reviews"}, "", errors.New("not the operator"))
	for name, c := range map[string]struct {
		header string
		token  authenticationv1.TokenReviewStatus
		// tokenErr and accessErr are what the API server answers instead.
		tokenErr  error
		access    authorizationv1.SubjectAccessReviewStatus
		accessErr error
		code      int
		body      string
		// asked is how many reviews it takes.
		asked int
	}{
		"somebody who is allowed":                             {header: "Bearer x", token: known(), access: allowed(), code: 200, body: "metrics", asked: 2},
		"the scheme in small letters":                         {header: "bearer x", token: known(), access: allowed(), code: 200, body: "metrics", asked: 2},
		"the scheme in capitals, and blanks around all of it": {header: "  BEARER x ", token: known(), access: allowed(), code: 200, body: "metrics", asked: 2},
		"no token":                                  {header: "", token: known(), access: allowed(), code: 401, body: "Unauthorized\n"},
		"a scheme without a token":                  {header: "Bearer", token: known(), access: allowed(), code: 401, body: "Unauthorized\n"},
		"a scheme and a blank":                      {header: "Bearer ", token: known(), access: allowed(), code: 401, body: "Unauthorized\n"},
		"a token without a scheme":                  {header: "x", token: known(), access: allowed(), code: 401, body: "Unauthorized\n"},
		"two blanks before the token":               {header: "Bearer  x", token: known(), access: allowed(), code: 401, body: "Unauthorized\n"},
		"two tokens":                                {header: "Bearer x y", token: known(), access: allowed(), code: 401, body: "Unauthorized\n"},
		"a tab in the token":                        {header: "Bearer x\ty", token: known(), access: allowed(), code: 401, body: "Unauthorized\n"},
		"another scheme":                            {header: "Basic eDp5", token: known(), access: allowed(), code: 401, body: "Unauthorized\n"},
		"a scheme that begins like it":              {header: "BearerX x", token: known(), access: allowed(), code: 401, body: "Unauthorized\n"},
		"somebody who is not known":                 {header: "Bearer x", access: allowed(), code: 401, body: "Unauthorized\n", asked: 1},
		"a user who is named and not authenticated": {header: "Bearer x", token: authenticationv1.TokenReviewStatus{User: known().User}, access: allowed(), code: 401, body: "Unauthorized\n", asked: 1},
		"a token that could not be checked":         {header: "Bearer x", token: authenticationv1.TokenReviewStatus{Error: "no keys"}, access: allowed(), code: 500, body: "Authentication failed\n", asked: 1},
		"a token that one authenticator knows while another has none": {header: "Bearer x", token: authenticationv1.TokenReviewStatus{Authenticated: true, User: known().User, Error: "no keys"}, access: allowed(), code: 200, body: "metrics", asked: 2},
		"an API server that forbids token reviews":                    {header: "Bearer x", token: known(), tokenErr: forbidden, access: allowed(), code: 500, body: "Authentication failed\n", asked: 1},
		"an API server that is not there for token reviews":           {header: "Bearer x", token: known(), tokenErr: errors.New("no route to host"), access: allowed(), code: 500, body: "Authentication failed\n", asked: 1},
		"an authenticator that panics":                                {header: "Bearer x", token: known(), tokenErr: errPanic, access: allowed(), code: 500, body: "Authentication failed\n", asked: 1},
		"somebody who is not allowed":                                 {header: "Bearer x", token: known(), code: 403, body: "Authorization denied for user jane\n", asked: 2},
		"somebody who is denied":                                      {header: "Bearer x", token: known(), access: authorizationv1.SubjectAccessReviewStatus{Denied: true}, code: 403, body: "Authorization denied for user jane\n", asked: 2},
		"somebody who is allowed and denied":                          {header: "Bearer x", token: known(), access: authorizationv1.SubjectAccessReviewStatus{Allowed: true, Denied: true}, code: 500, body: "Authorization for user jane failed\n", asked: 2},
		"somebody who is allowed though a role does not exist":        {header: "Bearer x", token: known(), access: authorizationv1.SubjectAccessReviewStatus{Allowed: true, EvaluationError: "no such role"}, code: 200, body: "metrics", asked: 2},
		"somebody who is not allowed while a role does not exist":     {header: "Bearer x", token: known(), access: authorizationv1.SubjectAccessReviewStatus{EvaluationError: "no such role"}, code: 403, body: "Authorization denied for user jane\n", asked: 2},
		"an API server that forbids subject access reviews":           {header: "Bearer x", token: known(), access: allowed(), accessErr: forbidden, code: 500, body: "Authorization for user jane failed\n", asked: 2},
		"an API server that is not there for subject access reviews":  {header: "Bearer x", token: known(), access: allowed(), accessErr: errors.New("no route to host"), code: 500, body: "Authorization for user jane failed\n", asked: 2},
		"an authorizer that panics":                                   {header: "Bearer x", token: known(), access: allowed(), accessErr: errPanic, code: 500, body: "Authorization for user jane failed\n", asked: 2},
	} {
		t.Run(name, func(t *testing.T) {
			server := &apiServer{
				authenticate: func(context.Context, authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error) {
					return c.token, orPanic(c.tokenErr)
				},
				authorize: func(context.Context, authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
					return c.access, orPanic(c.accessErr)
				},
			}
			s := newSite(t, server, time.Now)
			answer := s.ask(metrics(t), c.header)
			if answer.Code != c.code || answer.Body.String() != c.body {
				t.Errorf("answered %d %q, want %d %q", answer.Code, answer.Body, c.code, c.body)
			}
			if (len(s.got) == 1) != (c.code == http.StatusOK) {
				t.Errorf("%d requests came through", len(s.got))
			}
			if (len(s.errors) == 1) != (c.code == http.StatusInternalServerError) {
				t.Errorf("the log tells of %q", s.errors)
			}
			if tokens, access := server.asked(); tokens+access != c.asked {
				t.Errorf("it took %d token reviews and %d subject access reviews", tokens, access)
			}
		})
	}
}

// errPanic stands for no error, but a panic.
var errPanic = errors.New("panic")

func orPanic(err error) error {
	if errors.Is(err, errPanic) {
		panic("out of order")
	}
	return err
}

func known() authenticationv1.TokenReviewStatus {
	return authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{
		Username: "jane", UID: "1234", Groups: []string{"system:authenticated", "sre"},
		Extra: map[string]authenticationv1.ExtraValue{"scopes": {"a", "b"}},
	}}
}

func allowed() authorizationv1.SubjectAccessReviewStatus {
	return authorizationv1.SubjectAccessReviewStatus{Allowed: true}
}

func TestTheAPIServerIsAskedAboutTheTokenAndThenAboutAllItSaidOfTheUser(t *testing.T) {
	server := generous()
	server.authenticate = func(context.Context, authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error) {
		return known(), nil
	}
	s := newSite(t, server, time.Now)
	request := metrics(t)
	request.Method, request.URL.Path, request.URL.RawQuery = "HEAD", "/Metrics/Else", "a=b"
	if answer := s.ask(request, "Bearer Secret"); answer.Code != http.StatusOK {
		t.Fatalf("answered %d", answer.Code)
	}
	if want := []authenticationv1.TokenReviewSpec{{Token: "Secret"}}; !reflect.DeepEqual(server.tokens, want) {
		t.Errorf("asked about %+v", server.tokens)
	}
	want := []authorizationv1.SubjectAccessReviewSpec{{
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Verb: "head", Path: "/Metrics/Else"},
		User:                  "jane", UID: "1234", Groups: []string{"system:authenticated", "sre"},
		Extra: map[string]authorizationv1.ExtraValue{"scopes": {"a", "b"}},
	}}
	if !reflect.DeepEqual(server.access, want) {
		t.Errorf("asked about %+v", server.access)
	}
}

func TestNobodyBehindTheFilterSeesTheToken(t *testing.T) {
	s := newSite(t, generous(), time.Now)
	request := metrics(t)
	request.Header.Set("Accept", "text/plain")
	request.Header["Authorization"] = []string{"Bearer x", "Bearer y"}
	if answer := s.ask(request, ""); answer.Code != http.StatusOK {
		t.Fatalf("answered %d", answer.Code)
	}
	if got := s.got[0].Header; got.Get("Accept") != "text/plain" || len(got) != 1 {
		t.Errorf("the handler has %v", got)
	}
}

func TestWhoIsRefusedIsNotToldWhyAndNoLogTellsTheToken(t *testing.T) {
	server := generous()
	server.authorize = func(context.Context, authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
		return authorizationv1.SubjectAccessReviewStatus{}, errors.New("the secret plan")
	}
	server.authenticate = func(_ context.Context, spec authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error) {
		if spec.Token == "hunter2" {
			return authenticationv1.TokenReviewStatus{}, errors.New("the secret plan")
		}
		return known(), nil
	}
	s := newSite(t, server, time.Now)
	for _, token := range []string{"hunter2", "hunter3"} {
		if answer := s.ask(metrics(t), "Bearer "+token); strings.Contains(answer.Body.String(), "plan") {
			t.Errorf("answered %q", answer.Body)
		}
	}
	if log := strings.Join(s.errors, "\n"); strings.Count(log, "the secret plan") != 2 || strings.Contains(log, "hunter") {
		t.Errorf("the log says %s", log)
	}
}

func TestAClientThatCannotBeMadeIsAnError(t *testing.T) {
	filter, err := Provider(time.Now)(&rest.Config{Host: "http://%"}, http.DefaultClient)
	if err == nil || filter != nil || !strings.Contains(err.Error(), "make a client for token reviews: ") {
		t.Errorf("made %v, %v", filter != nil, err)
	}
}
