package scrapeauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// For how long an answer counts: what WithAuthenticationAndAuthorization of controller-runtime chose. Somebody who was just given
// the right does not wait for long.
const (
	userLasts    = time.Minute
	allowedLasts = 5 * time.Minute
	deniedLasts  = 30 * time.Second
)

// maxAsked is how many bytes of the requester's choice, verb and path, an answer may be about to be remembered
// (plugin/pkg/authorizer/webhook, maxControlledAttrCacheSize).
const maxAsked = 10_000

// authenticate returns who is behind a token, or nil if the API server knows nobody, or the token is empty. No audience is asked for,
// so the token must be one for the API server itself.
//
// An error in a review's status says that the token could not be checked (TokenReviewStatus), and is one here unless somebody is
// authenticated all the same (plugin/pkg/authenticator/token/webhook). A kube-apiserver says it of every token that it does not know.
func (g *guard) authenticate(ctx context.Context, token string) (*authenticationv1.UserInfo, error) {
	if token == "" {
		return nil, nil
	}
	return g.users.get(ctx, []byte(token), func(ctx context.Context) (*authenticationv1.UserInfo, time.Duration, error) {
		review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
		answer, err := patiently(ctx, func(ctx context.Context) (*authenticationv1.TokenReview, error) {
			return g.tokens.Create(ctx, review, metav1.CreateOptions{})
		})
		switch {
		case err != nil:
			return nil, 0, fmt.Errorf("review a token: %w", err)
		case answer.Status.Authenticated:
			return &answer.Status.User, userLasts, nil
		case answer.Status.Error != "":
			return nil, 0, fmt.Errorf("review a token: %s", answer.Status.Error)
		}
		return nil, userLasts, nil
	})
}

// authorize returns what the API server says of somebody who does this to that path. It allows it if and only if Allowed is set.
//
// An EvaluationError is no error here: it says that something was missing when this was judged, such as a role that is bound and
// does not exist, and what was judged holds all the same (SubjectAccessReviewStatus). An answer that both allows and denies is one
// (plugin/pkg/authorizer/webhook).
func (g *guard) authorize(ctx context.Context, user *authenticationv1.UserInfo, verb, path string) (authorizationv1.SubjectAccessReviewStatus, error) {
	var none authorizationv1.SubjectAccessReviewStatus
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: path, Verb: verb},
		User:                  user.Username,
		UID:                   user.UID,
		Groups:                user.Groups,
		Extra:                 extra(user),
	}}
	asked, err := json.Marshal(review.Spec)
	if err != nil {
		return none, fmt.Errorf("encode a subject access review: %w", err)
	}
	return g.rights.get(ctx, asked, func(ctx context.Context) (authorizationv1.SubjectAccessReviewStatus, time.Duration, error) {
		answer, err := patiently(ctx, func(ctx context.Context) (*authorizationv1.SubjectAccessReview, error) {
			return g.access.Create(ctx, review, metav1.CreateOptions{})
		})
		switch {
		case err != nil:
			return none, 0, fmt.Errorf("review the right to %s %s: %w", verb, path, err)
		case answer.Status.Allowed && answer.Status.Denied:
			return none, 0, errors.New("a subject access review both allows and denies")
		case len(verb)+len(path) >= maxAsked:
			return answer.Status, 0, nil
		case answer.Status.Allowed:
			return answer.Status, allowedLasts, nil
		}
		return answer.Status, deniedLasts, nil
	})
}

// extra returns the same in the words of the other API.
func extra(user *authenticationv1.UserInfo) map[string]authorizationv1.ExtraValue {
	if user.Extra == nil {
		return nil
	}
	out := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for key, values := range user.Extra {
		out[key] = authorizationv1.ExtraValue(values)
	}
	return out
}
