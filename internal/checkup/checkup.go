package checkup

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/evaluator"
	"firebreak.dev/firebreak/internal/finding"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Position is where an object stands.
type Position struct {
	File string
	// LineOf returns the line of a field, or of the innermost one around it; that of the object for an empty field, and 0 where
	// lines mean nothing.
	LineOf func(field string) int
}

// Subject is a profile as it stands in a file.
type Subject struct {
	Key      snapshot.ProfileKey
	Position Position
	// Undecodable is why it is no profile at all; nil when it is one. Nothing else is known then.
	Undecodable error
	// Unknown are the fields that there are not.
	Unknown []Unknown
	// Invalid is what the API server says after that, in its words.
	Invalid field.ErrorList
	// Profile is what could be read of it; nil when nothing could.
	Profile *snapshot.Profile
}

// Unknown is what the API server says of a field that there is not, or that is given twice.
type Unknown struct {
	// Field is empty when it is not known.
	Field, Message string
}

// Unreadable is a document that is no API object.
type Unreadable struct {
	File    string
	Line    int
	Message string
}

// Held is a kind of objects in a namespace of which the files hold at least one. Namespace is empty for objects that are in
// none.
type Held struct{ Kind, Namespace string }

// Input is what a checkup is made of.
type Input struct {
	// Files are all that were read.
	Files []string
	// Subjects are the profiles of the files, in their order.
	Subjects   []Subject
	Unreadable []Unreadable
	// OtherObjects is the number of objects in the files besides profiles.
	OtherObjects int
	// Cluster is all that is known: the files, or the files over a cluster.
	Cluster *snapshot.Cluster
	// Policies says where the NetworkPolicies of the files stand.
	Policies map[types.NamespacedName]Position
	// Held is what the files hold. Nil when the whole cluster is known.
	Held map[Held]bool
}

// checkup is the work on one report.
type checkup struct {
	Input
	report *Report
}

// Examine returns what is to be said of the profiles of files. An error is about what is in the cluster.
func Examine(in Input) (*Report, error) {
	c := &checkup{Input: in, report: &Report{Files: in.Files, OtherObjects: in.OtherObjects, Profiles: []Profile{}, Results: []Result{}}}
	for _, u := range in.Unreadable {
		c.report.Results = append(c.report.Results, Result{
			Severity: v1alpha1.SeverityError, Code: CodeUnreadable, Message: u.Message, File: u.File, Line: u.Line,
		})
	}
	c.leaveOutUnreadablePolicies()
	accepted := c.refuse()
	if err := c.judge(accepted); err != nil {
		return nil, err
	}
	c.report.finish()
	return c.report, nil
}

// refuse reports why profiles would be refused, and returns the others. Of several with one name it is the last, which would
// win.
func (c *checkup) refuse() []*Subject {
	var accepted []*Subject
	given := map[snapshot.ProfileKey][]*Subject{}
	for i := range c.Subjects {
		s := &c.Subjects[i]
		given[s.Key] = append(given[s.Key], s)
	}
	for i := range c.Subjects {
		s := &c.Subjects[i]
		c.report.Profiles = append(c.report.Profiles, Profile{Object: objectOf(s.Key), File: s.Position.File, Line: s.Position.LineOf("")})
		refusals := s.refusals()
		for _, r := range refusals {
			c.add(s, r.Field, finding.New(r.code, "", "", "%s", r.Message))
		}
		first, last := given[s.Key][0], given[s.Key][len(given[s.Key])-1]
		if s != first {
			c.add(s, "", v1alpha1.Finding{Code: CodeGivenTwice, Severity: v1alpha1.SeverityWarning, Message: fmt.Sprintf(
				"%s is in these files already, in %s, and the last one applied would win; delete one, or check one environment at a time.", s.Key, describe(first.Position))})
		}
		if s == last && len(refusals) == 0 {
			accepted = append(accepted, s)
		}
	}
	return accepted
}

func describe(p Position) string {
	if line := p.LineOf(""); line > 0 {
		return fmt.Sprintf("%s:%d", p.File, line)
	}
	return p.File
}

// add adds a finding about a profile. It stands at a field of the profile, or at the policy that it is about.
func (c *checkup) add(s *Subject, path string, f v1alpha1.Finding) {
	object := objectOf(s.Key)
	result := Result{
		Severity: f.Severity, Code: f.Code, Message: f.Message, Object: &object, Namespace: f.Namespace,
		Field: path, File: s.Position.File, Line: s.Position.LineOf(path),
	}
	if policy, ok := policyOf(f); ok {
		if at, inFiles := c.Policies[policy]; inFiles {
			result.Object = &Object{Kind: "NetworkPolicy", Namespace: policy.Namespace, Name: policy.Name}
			result.Field, result.File, result.Line = "", at.File, at.LineOf("")
		}
	}
	if result.Namespace == result.Object.Namespace {
		result.Namespace = ""
	}
	c.report.Results = append(c.report.Results, result)
}

// leaveOutUnreadablePolicies reports the NetworkPolicies of the files that cannot be read, and goes on without them.
func (c *checkup) leaveOutUnreadablePolicies() {
	cluster := *c.Cluster
	cluster.Policies = slices.DeleteFunc(slices.Clone(cluster.Policies), func(policy *networkingv1.NetworkPolicy) bool {
		name := types.NamespacedName{Namespace: policy.Namespace, Name: policy.Name}
		at, ok := c.Policies[name]
		if !ok {
			return false
		}
		_, err := evaluator.Read(snapshot.Namespace{Name: policy.Namespace}, []*networkingv1.NetworkPolicy{policy})
		if err == nil {
			return false
		}
		c.report.Results = append(c.report.Results, Result{
			Severity: v1alpha1.SeverityError, Code: CodeUnreadable, Message: err.Error(),
			Object: &Object{Kind: "NetworkPolicy", Namespace: name.Namespace, Name: name.Name}, File: at.File, Line: at.LineOf(""),
		})
		return true
	})
	c.Cluster = &cluster
}
