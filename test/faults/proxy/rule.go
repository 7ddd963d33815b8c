package proxy

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"k8s.io/apiserver/pkg/endpoints/request"
)

// Rule says which requests go wrong, and how. A rule counts its matches: it belongs to one proxy, and is not used again.
type Rule struct {
	// Name is what the acts of the rule are counted under. No two rules of a proxy share it.
	Name string
	// Requests are those that match.
	Requests Requests
	// When says on which of the matches the rule acts. Nil means on every one.
	When When
	// Fault is what happens then.
	Fault Fault

	mu      sync.Mutex
	matches int
}

// Fault is what happens to a request; next is the rest of its way to the API server.
type Fault func(next http.Handler) http.Handler

// Requests selects requests by what their URL and method say. An empty list matches everything; "" in a list matches what
// has none, such as requests without a subresource.
type Requests struct {
	// Verbs are those of RBAC, such as list, watch, deletecollection.
	Verbs []string
	// Resources are plural names, such as networkpolicies.
	Resources    []string
	Subresources []string
	Namespaces   []string
	// Names are those in the URL: the name of an object that is created is not there.
	Names []string
	// Parameters are those that the URL must have, with their values.
	Parameters map[string]string
}

// InitialEvents are the parameters of a watch that begins with every object that there is, which clients ask for in place of
// a list (KEP-3157).
func InitialEvents() map[string]string { return map[string]string{"sendInitialEvents": "true"} }

// Writes are the verbs that change something.
func Writes() []string {
	return []string{"create", "update", "patch", "delete", "deletecollection"}
}

func (q Requests) match(info *request.RequestInfo, parameters url.Values) bool {
	for name, value := range q.Parameters {
		if !parameters.Has(name) || parameters.Get(name) != value {
			return false
		}
	}
	for _, part := range []struct {
		wanted []string
		is     string
	}{
		{q.Verbs, info.Verb},
		{q.Resources, info.Resource},
		{q.Subresources, info.Subresource},
		{q.Namespaces, info.Namespace},
		{q.Names, info.Name},
	} {
		if len(part.wanted) > 0 && !slices.Contains(part.wanted, part.is) {
			return false
		}
	}
	return true
}

// When says whether a rule acts on its n-th match, counted from 1. It is asked once for each match, in order.
type When func(n int) bool

// Nth acts on these matches, counted from 1, and on no other.
func Nth(numbers ...int) When {
	return func(n int) bool { return slices.Contains(numbers, n) }
}

// Share acts on a random share of the matches, between 0 and 1. With the same seed, it acts on the same numbers.
func Share(seed uint64, share float64) When {
	random := rand.New(rand.NewPCG(seed, 0))
	return func(int) bool { return random.Float64() < share }
}

// acts says whether the rule acts on a request, and counts the match.
func (r *Rule) acts(info *request.RequestInfo, parameters url.Values) bool {
	if !r.Requests.match(info, parameters) {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.matches++
	return r.When == nil || r.When(r.matches)
}

// Act is one fault that acted on one request.
type Act struct {
	Time time.Time
	// Rule is the name of the rule.
	Rule string
	Verb string
	// Resource is with the subresource, if there is one: segmentationprofiles/status.
	Resource string
	// Namespace and Name are as in the URL, empty where it has none.
	Namespace, Name string
}

// String says it in one line, for the message of a failed test.
func (a Act) String() string {
	return fmt.Sprintf("%s %s: %s %s %s/%s", a.Time.Format("15:04:05.000"), a.Rule, a.Verb, a.Resource, a.Namespace, a.Name)
}
