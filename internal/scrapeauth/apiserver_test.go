package scrapeauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

// apiServer stands for one, beneath a client's transport, so that it can be in a bubble. It answers to reviews as it is told, and
// keeps what it was asked.
type apiServer struct {
	authenticate func(context.Context, authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error)
	authorize    func(context.Context, authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error)

	mu     sync.Mutex
	tokens []authenticationv1.TokenReviewSpec
	access []authorizationv1.SubjectAccessReviewSpec
}

// RoundTrip implements http.RoundTripper. An error that is an APIStatus is answered as an API server does, any other is one of
// the network.
func (s *apiServer) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var answer any
	switch asked := r.Method + " " + r.URL.Path; asked {
	case "POST /apis/authentication.k8s.io/v1/tokenreviews":
		answer, err = s.reviewToken(r.Context(), body)
	case "POST /apis/authorization.k8s.io/v1/subjectaccessreviews":
		answer, err = s.reviewAccess(r.Context(), body)
	default:
		return nil, fmt.Errorf("asked to %s", asked)
	}
	code := http.StatusCreated
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		refused := status.Status()
		refused.Kind, refused.APIVersion = "Status", "v1"
		answer, code = refused, int(refused.Code)
	} else if err != nil {
		return nil, err
	}
	text, err := json.Marshal(answer)
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(text)), Request: r}, err
}

func (s *apiServer) reviewToken(ctx context.Context, body []byte) (any, error) {
	var review authenticationv1.TokenReview
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.tokens = append(s.tokens, review.Spec)
	s.mu.Unlock()
	var err error
	review.Status, err = s.authenticate(ctx, review.Spec)
	return review, err
}

func (s *apiServer) reviewAccess(ctx context.Context, body []byte) (any, error) {
	var review authorizationv1.SubjectAccessReview
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.access = append(s.access, review.Spec)
	s.mu.Unlock()
	var err error
	review.Status, err = s.authorize(ctx, review.Spec)
	return review, err
}

// asked returns how many reviews of each kind there were.
func (s *apiServer) asked() (tokens, access int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tokens), len(s.access)
}

// knowsEverybody authenticates any token, as a user of its name.
func knowsEverybody(_ context.Context, spec authenticationv1.TokenReviewSpec) (authenticationv1.TokenReviewStatus, error) {
	return authenticationv1.TokenReviewStatus{Authenticated: true, User: authenticationv1.UserInfo{Username: "user of " + spec.Token}}, nil
}

func allowsEverything(context.Context, authorizationv1.SubjectAccessReviewSpec) (authorizationv1.SubjectAccessReviewStatus, error) {
	return authorizationv1.SubjectAccessReviewStatus{Allowed: true}, nil
}

func generous() *apiServer {
	return &apiServer{authenticate: knowsEverybody, authorize: allowsEverything}
}

// site is metrics behind a filter, which has this API server.
type site struct {
	handler http.Handler
	// got has the requests that came through.
	got []*http.Request
	// errors are the lines of the log that tell of one.
	errors []string
	mu     sync.Mutex
}

func newSite(t *testing.T, server *apiServer, now func() time.Time) *site {
	t.Helper()
	config := &rest.Config{Host: "https://api.example", QPS: -1}
	config.ContentType = "application/json"
	filter, err := Provider(now)(config, &http.Client{Transport: server})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{}
	s.handler, err = filter(s.log(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, r)
		fmt.Fprint(w, "metrics")
	}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) log() logr.Logger {
	return funcr.New(func(_, line string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if strings.Contains(line, `"error"=`) {
			s.errors = append(s.errors, line)
		}
	}, funcr.Options{})
}

// ask sends a request with a header Authorization, unless that is empty, and returns the answer.
func (s *site) ask(request *http.Request, authorization string) *httptest.ResponseRecorder {
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer := httptest.NewRecorder()
	s.handler.ServeHTTP(answer, request)
	return answer
}

// scrape gets /metrics with a bearer token, and returns the code of the answer.
func (s *site) scrape(t *testing.T, token string) int {
	t.Helper()
	return s.ask(metrics(t), "Bearer "+token).Code
}

func metrics(t *testing.T) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://firebreak.example:8443/metrics", http.NoBody)
}
