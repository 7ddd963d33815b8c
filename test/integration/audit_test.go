package integration_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/internal/enforcement"
	"firebreak.dev/firebreak/test/harness"
)

// request is what the audit log says of one request of the operator.
type request struct {
	Verb string    `json:"verb"`
	Time time.Time `json:"requestReceivedTimestamp"`
	URI  string    `json:"requestURI"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
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

func (r request) String() string {
	return fmt.Sprintf("%s %s: %d", r.Verb, r.URI, r.Response.Code)
}

// denied says whether RBAC refused the request. Admission, such as that of a terminating namespace, answers 403 too.
func (r request) denied() bool { return r.Annotations["authorization.k8s.io/decision"] == "forbid" }

func (r request) grant() grant {
	return grant{Group: r.Object.Group, Resource: joinSubresource(r.Object.Resource, r.Object.Subresource), Verb: r.Verb}
}

// requests lists what the operator asked the API server for so far, in order.
func requests() []request {
	GinkgoHelper()
	text, err := os.ReadFile(auditLog)
	Expect(err).NotTo(HaveOccurred())
	var out []request
	for line := range bytes.Lines(text) {
		// The last line may be half written.
		if !bytes.HasSuffix(line, []byte("\n")) {
			continue
		}
		var r request
		Expect(json.Unmarshal(line, &r)).To(Succeed())
		if r.User.Username == "system:serviceaccount:"+harness.ManagerNamespace+":"+harness.ManagerServiceAccount {
			out = append(out, r)
		}
	}
	return out
}

// policyWrites lists the operator's writes of policies in a namespace, in order.
func policyWrites(namespace string) []request {
	GinkgoHelper()
	return slices.DeleteFunc(requests(), func(r request) bool {
		return r.Object.Resource != "networkpolicies" || r.Object.Namespace != namespace ||
			!slices.Contains([]string{"create", "update", "patch", "delete"}, r.Verb)
	})
}

// refusedWrites lists those of policyWrites that the API server did not allow.
func refusedWrites(namespace string) []request {
	GinkgoHelper()
	return slices.DeleteFunc(policyWrites(namespace), func(r request) bool { return r.Response.Code != http.StatusForbidden })
}

// grant is one thing that RBAC allows.
type grant struct {
	Group, Resource, Verb string
}

func (g grant) compare(h grant) int {
	return cmp.Or(cmp.Compare(g.Group, h.Group), cmp.Compare(g.Resource, h.Resource), cmp.Compare(g.Verb, h.Verb))
}

func joinSubresource(resource, subresource string) string {
	if subresource == "" {
		return resource
	}
	return resource + "/" + subresource
}

// shippedGrants lists all that the shipped roles allow the operator.
func shippedGrants() []grant {
	GinkgoHelper()
	var out []grant
	for _, file := range []string{"role.yaml", "leader_election_role.yaml"} {
		text, err := os.ReadFile(filepath.Join(plane.Root(), "config", "rbac", file))
		Expect(err).NotTo(HaveOccurred())
		var role rbacv1.ClusterRole
		text, err = utilyaml.ToJSON(text)
		Expect(err).NotTo(HaveOccurred())
		Expect(yaml.Unmarshal(text, &role)).To(Succeed())
		for _, rule := range role.Rules {
			Expect(slices.Concat(rule.NonResourceURLs, rule.ResourceNames)).To(BeEmpty(), "this test does not know of these")
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						out = append(out, grant{group, resource, verb})
					}
				}
			}
		}
	}
	slices.SortFunc(out, grant.compare)
	return slices.Compact(out)
}

// unseen are grants that no request shows, each with the reason why it is needed.
func unseen() map[grant]string {
	const (
		admission = "asked for by the admission plugin OwnerReferencesPermissionEnforcement, which runs in this suite: without it no policy could be created"
		streamed  = "an API server that does not stream lists (KEP-3157) is asked for them; this one streams them"
	)
	out := map[grant]string{
		{"firebreak.dev", "segmentationprofiles/finalizers", "update"}:        admission,
		{"firebreak.dev", "clustersegmentationprofiles/finalizers", "update"}: admission,
		{"", "namespaces", "list"}:                                    streamed,
		{"", "pods", "list"}:                                          streamed,
		{"", "services", "list"}:                                      streamed,
		{"", "nodes", "list"}:                                         streamed,
		{"discovery.k8s.io", "endpointslices", "list"}:                streamed,
		{"networking.k8s.io", "servicecidrs", "list"}:                 streamed,
		{"apps", "daemonsets", "list"}:                                streamed,
		{"firebreak.dev", "segmentationprofiles", "list"}:             streamed,
		{"firebreak.dev", "clustersegmentationprofiles", "list"}:      streamed,
		{"apiextensions.k8s.io", "customresourcedefinitions", "list"}: streamed,
	}
	for _, kind := range enforcement.OtherPolicyKinds() {
		out[grant{kind.Resource.Group, kind.Resource.Resource, "list"}] = streamed
	}
	return out
}

// What the operator asked for is known when all specs have run; whether it needs all that it may only when all have.
var _ = AfterSuite(func() {
	if plane == nil || auditLog == "" {
		return
	}
	used := map[grant]bool{}
	for _, r := range requests() {
		Expect(r.denied()).To(BeFalse(), "RBAC denied the operator: %s", r)
		// A list of what is not there yet shows nothing.
		if r.Response.Code != http.StatusNotFound {
			used[r.grant()] = true
		}
	}
	config, _ := GinkgoConfiguration()
	if len(config.FocusStrings)+len(config.SkipStrings)+len(config.FocusFiles)+len(config.SkipFiles) > 0 || config.LabelFilter != "" {
		return
	}
	var unused []grant
	for _, g := range shippedGrants() {
		_, excused := unseen()[g]
		if !used[g] && !excused {
			unused = append(unused, g)
		}
		Expect(used[g] && excused).To(BeFalse(), "%v is listed as unseen, but is used", g)
	}
	Expect(unused).To(BeEmpty(), "granted, but never used by this suite")
})
