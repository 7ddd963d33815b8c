package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// logged is a line of an audit log as kube-apiserver writes it, abridged.
func logged(user, verb, resource, namespace, decision string, code int, at time.Time) string {
	return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete","requestURI":"/x","verb":%q,`+
		`"user":{"username":%q},"objectRef":{"resource":%q,"namespace":%q,"apiGroup":"networking.k8s.io","apiVersion":"v1"},`+
		`"responseStatus":{"metadata":{},"code":%d},"requestReceivedTimestamp":%q,"annotations":{"authorization.k8s.io/decision":%q}}`+"\n",
		verb, user, resource, namespace, code, at.UTC().Format("2006-01-02T15:04:05.000000Z"), decision)
}

const (
	operator = "system:serviceaccount:firebreak-system:firebreak-controller-manager"
	policies = "networkpolicies"
)

func TestRequestsAreTheOperatorsInWholeLines(t *testing.T) {
	now := time.Now()
	line := logged(operator, "list", policies, "", "allow", 200, now)
	requests, err := parse([]byte(line + logged("system:admin", "get", "secrets", "default", "allow", 200, now) + line[:len(line)-9]))
	if err != nil || len(requests) != 1 {
		t.Fatalf("%v, %v", requests, err)
	}
	if got, want := requests[0].Grant(), (Grant{"networking.k8s.io", policies, "list"}); got != want || requests[0].Denied() {
		t.Errorf("%v, denied: %v", got, requests[0].Denied())
	}
	if _, err := parse([]byte("{\n" + line)); err == nil || !strings.Contains(err.Error(), "read the audit log") {
		t.Errorf("a broken line: %v", err)
	}
}

func TestADeniedRequestIsSeenUnlessItIsExcused(t *testing.T) {
	const moment = time.Second
	var excuses, unending Excuses
	excuses.Namespace("closed")
	end := excuses.Begin()
	during := excuses.times[0].from
	end()
	ended := excuses.times[0].until
	end() // The first end counts.
	unending.Begin()
	for _, c := range []struct {
		line    string
		excuses *Excuses
		seen    bool
	}{
		{logged(operator, "create", policies, "open", "forbid", 403, during.Add(-moment)), nil, true},
		{logged(operator, "create", policies, "open", "allow", 403, during.Add(-moment)), nil, false}, // Admission did it.
		{logged(operator, "create", policies, "open", "forbid", 403, during.Add(-moment)), &excuses, true},
		{logged(operator, "create", policies, "closed", "forbid", 403, during.Add(-moment)), &excuses, false},
		{logged(operator, "watch", policies, "", "forbid", 403, ended.Add(moment)), &excuses, true},
		{logged(operator, "watch", policies, "", "forbid", 403, ended.Add(moment)), &unending, false},
		{logged(operator, "watch", policies, "", "forbid", 403, ended.Add(-moment)), &unending, true},
	} {
		requests, err := parse([]byte(c.line))
		if err != nil {
			t.Fatal(err)
		}
		if seen := len(Denied(requests, c.excuses)) == 1; seen != c.seen {
			t.Errorf("seen: %v, want %v: %s", seen, c.seen, c.line)
		}
	}
	within := Request{Time: during, Annotations: map[string]string{"authorization.k8s.io/decision": "forbid"}}
	if denied := Denied([]Request{within}, &excuses); len(denied) != 0 {
		t.Errorf("not excused, though in time: %v", denied)
	}
}

func TestAGrantIsUsedByARequestThatFoundWhatItAskedFor(t *testing.T) {
	now := time.Now()
	requests, err := parse([]byte(logged(operator, "list", policies, "", "allow", 200, now) + logged(operator, "watch", policies, "", "allow", 404, now) +
		logged(operator, "delete", policies, "", "forbid", 403, now)))
	if err != nil {
		t.Fatal(err)
	}
	grants := []Grant{{"networking.k8s.io", policies, "delete"}, {"networking.k8s.io", policies, "list"}, {"networking.k8s.io", policies, "watch"}}
	if got := Unused(grants, requests); !slices.Equal(got, []Grant{grants[0], grants[2]}) {
		t.Errorf("unused: %v", got)
	}
}
