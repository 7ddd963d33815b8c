package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"firebreak.dev/firebreak/test/harness"
)

// Request is what the audit log says of one request, at one stage: a watch is there when it begins and when it ends, everything
// else once.
type Request struct {
	// Verb is that of RBAC, such as "watch", and URI what was asked for.
	Verb string `json:"verb"`
	URI  string `json:"requestURI"`
	// Time is when the API server got it.
	Time time.Time `json:"requestReceivedTimestamp"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	// Object is empty for a request that is about no object.
	Object struct {
		Group       string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	Response struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	Annotations map[string]string `json:"annotations"`
}

// String returns what was asked for and the code of the answer.
func (r Request) String() string {
	return fmt.Sprintf("%s %s: %d", r.Verb, r.URI, r.Response.Code)
}

// GomegaString is String: how Gomega shows requests that are not as they should be.
func (r Request) GomegaString() string { return r.String() }

// Denied says whether RBAC refused the request. Admission, such as that of a terminating namespace, answers 403, too.
func (r Request) Denied() bool { return r.Annotations["authorization.k8s.io/decision"] == "forbid" }

// Grant returns the right that the request needed.
func (r Request) Grant() Grant {
	g := Grant{Group: r.Object.Group, Resource: r.Object.Resource, Verb: r.Verb}
	if r.Object.Subresource != "" {
		g.Resource += "/" + r.Object.Subresource
	}
	return g
}

// Requests lists what the operator has asked a control plane for so far, in the log's order. What was asked for by means of
// its token by anybody else is among it.
func Requests(plane *harness.ControlPlane) ([]Request, error) {
	text, err := os.ReadFile(plane.AuditLog())
	if err != nil {
		return nil, fmt.Errorf("read the audit log: %w", err)
	}
	return parse(text)
}

func parse(log []byte) ([]Request, error) {
	const operator = "system:serviceaccount:" + harness.ManagerNamespace + ":" + harness.ManagerServiceAccount
	var out []Request
	for line := range bytes.Lines(log) {
		// The last line may be half written.
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		var r Request
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, fmt.Errorf("read the audit log: %w in %q", err, line)
		}
		if r.User.Username == operator {
			out = append(out, r)
		}
	}
	return out, nil
}

// Denied lists the requests that RBAC refused, but for those that are excused. No excuses are nil.
func Denied(requests []Request, excuses *Excuses) []Request {
	return slices.DeleteFunc(slices.Clone(requests), func(r Request) bool { return !r.Denied() || excuses.cover(r) })
}

// Unused lists the grants that no request made use of, in their order. A request for what was not there shows nothing.
func Unused(grants []Grant, requests []Request) []Grant {
	used := map[Grant]bool{}
	for _, r := range requests {
		if !r.Denied() && r.Response.Code != 404 {
			used[r.Grant()] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(grants), func(g Grant) bool { return used[g] })
}
