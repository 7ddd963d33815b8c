// Package scrapeauth lets those get the metrics whom the API server knows by a bearer token, and allows to. It asks with a
// TokenReview who somebody is, and with a SubjectAccessReview whether they may.
//
// It does what WithAuthenticationAndAuthorization in sigs.k8s.io/controller-runtime/pkg/metrics/filters does, without
// k8s.io/apiserver, whose authenticators and authorizers that puts together. Sources of a rule that are named in this package
// are files of k8s.io/apiserver.
//
//	server := metricsserver.Options{SecureServing: true, FilterProvider: scrapeauth.Provider(time.Now)}
//
// It knows nothing of what it guards: what is asked is the verb and the path of the request. Nobody is let through, and nothing
// is remembered, because of an error.
package scrapeauth

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// Provider returns a FilterProvider for the metrics server of controller-runtime, by this clock. Its client must have the right to
// create tokenreviews of authentication.k8s.io and subjectaccessreviews of authorization.k8s.io; who gets /metrics, the right to get
// that nonResourceURL.
func Provider(now func() time.Time) func(*rest.Config, *http.Client) (metricsserver.Filter, error) {
	return func(config *rest.Config, httpClient *http.Client) (metricsserver.Filter, error) {
		// Whoever shows ever new tokens must not have the operator ask without end.
		config = rest.CopyConfig(config)
		config.QPS, config.Burst = reviewsPerSecond, 2*reviewsPerSecond
		authentication, err := authenticationclient.NewForConfigAndClient(config, httpClient)
		if err != nil {
			return nil, fmt.Errorf("make a client for token reviews: %w", err)
		}
		authorization, err := authorizationclient.NewForConfigAndClient(config, httpClient)
		if err != nil {
			return nil, fmt.Errorf("make a client for subject access reviews: %w", err)
		}
		g := &guard{
			tokens: authentication.TokenReviews(),
			access: authorization.SubjectAccessReviews(),
			users:  newMemory[*authenticationv1.UserInfo](now),
			rights: newMemory[authorizationv1.SubjectAccessReviewStatus](now),
		}
		return g.filter, nil
	}
}

// reviewsPerSecond is how often the API server is asked at most who scrapes, and in how far they may.
const reviewsPerSecond = 100

// guard stands before a handler. It is safe for concurrent use.
type guard struct {
	tokens authenticationclient.TokenReviewInterface
	access authorizationclient.SubjectAccessReviewInterface
	// users says who is behind a token: nil is nobody whom the API server knows.
	users *memory[*authenticationv1.UserInfo]
	// rights says what the API server answered to a SubjectAccessReview.
	rights *memory[authorizationv1.SubjectAccessReviewStatus]
}

// filter implements metricsserver.Filter. The answer is 401 without a bearer token and with one of nobody, 403 without the right, and
// 500 if either is not known. Who is refused is not told why, but the log is.
func (g *guard) filter(log logr.Logger, next http.Handler) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := g.authenticate(r.Context(), bearerToken(r.Header))
		if err != nil {
			log.Error(err, "Authentication failed")
			http.Error(w, "Authentication failed", http.StatusInternalServerError)
			return
		}
		if user == nil {
			log.V(4).Info("Authentication failed")
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		status, err := g.authorize(r.Context(), user, strings.ToLower(r.Method), r.URL.Path)
		if err != nil {
			log.Error(err, "Authorization failed", "user", user.Username)
			http.Error(w, fmt.Sprintf("Authorization for user %s failed", user.Username), http.StatusInternalServerError)
			return
		}
		if !status.Allowed {
			log.V(4).Info("Authorization denied", "user", user.Username, "reason", status.Reason, "evaluationError", status.EvaluationError)
			http.Error(w, fmt.Sprintf("Authorization denied for user %s", user.Username), http.StatusForbidden)
			return
		}
		// Nobody behind this has a use for the token (pkg/authentication/request/bearertoken).
		r.Header.Del("Authorization")
		next.ServeHTTP(w, r)
	}), nil
}

// bearerToken returns the token of a header `Authorization: Bearer TOKEN` (RFC 6750, section 2.1), and nothing if there is none or
// it is malformed. The scheme may be written in capitals or not (RFC 9110, section 11.1).
func bearerToken(header http.Header) string {
	scheme, token, _ := strings.Cut(strings.TrimSpace(header.Get("Authorization")), " ")
	if !strings.EqualFold(scheme, "Bearer") || strings.ContainsAny(token, " \t") {
		return ""
	}
	return token
}
