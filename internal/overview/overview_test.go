package overview

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/inventory"
	"firebreak.dev/firebreak/internal/outlook"
	"firebreak.dev/firebreak/internal/snapshot"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// good is the status of a profile of generation 1 with which nothing is wrong.
func good() v1alpha1.ProfileStatus {
	status := v1alpha1.ProfileStatus{ObservedGeneration: 1}
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionAccepted, v1alpha1.ConditionResolvedRefs, v1alpha1.ConditionCovered, v1alpha1.ConditionIsolated} {
		status.Conditions = append(status.Conditions, metav1.Condition{Type: kind, Status: metav1.ConditionTrue, Reason: "Good"})
	}
	return status
}

// with returns a good status in which a condition says something else.
func with(kind string, status metav1.ConditionStatus, reason string) func(*v1alpha1.ProfileStatus) {
	return func(s *v1alpha1.ProfileStatus) {
		for i := range s.Conditions {
			if c := &s.Conditions[i]; c.Type == kind {
				c.Status, c.Reason, c.Message = status, reason, "Because of "+reason+"."
			}
		}
	}
}

func metadata(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("uid-" + namespace + "-" + name), Generation: 1, CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))}
}

// denyAll is a profile that denies everything in a namespace.
func denyAll(namespace, name string, changes ...func(*v1alpha1.ProfileStatus)) *v1alpha1.SegmentationProfile {
	p := &v1alpha1.SegmentationProfile{ObjectMeta: metadata(namespace, name), Status: good()}
	for _, change := range changes {
		change(&p.Status)
	}
	return p
}

func clusterProfile(name string, labels map[string]v1alpha1.LabelValue) *v1alpha1.ClusterSegmentationProfile {
	return &v1alpha1.ClusterSegmentationProfile{
		ObjectMeta: metadata("", name), Status: good(),
		Spec: v1alpha1.ClusterSegmentationProfileSpec{NamespaceSelector: &v1alpha1.LabelSelector{MatchLabels: labels}},
	}
}

func namespace(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

// settled returns an input of objects with the policies that the profiles want.
func settled(t *testing.T, objects ...inventory.Object) Input {
	t.Helper()
	in := Input{Inventory: inventory.New(), Options: snapshot.DefaultOptions("firebreak-system"), Operator: Operator{State: OperatorRunning}, Now: now}
	in.Inventory.Add(objects...)
	o, err := outlook.Settled(in.Inventory.Cluster(in.Options))
	if err != nil {
		t.Fatal(err)
	}
	for _, ns := range o.Namespaces {
		for _, policy := range ns.Policies {
			in.Inventory.Add(policy)
		}
	}
	return in
}

func policiesOf(in Input) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, o := range in.Inventory.Objects() {
		if policy, ok := o.(*networkingv1.NetworkPolicy); ok {
			out = append(out, policy)
		}
	}
	return out
}

func kindsOf(p Profile) []ProblemKind {
	var out []ProblemKind
	for _, problem := range p.Problems {
		out = append(out, problem.Kind)
	}
	return out
}

func namesOf(o *Overview) string {
	var names []string
	for _, p := range o.Profiles {
		names = append(names, p.ShortName())
	}
	return strings.Join(names, " ")
}

func TestAProfileIsWellOnlyWhenEverythingIsKnownToBe(t *testing.T) {
	const unknown, no = metav1.ConditionUnknown, metav1.ConditionFalse
	finding := func(severity v1alpha1.Severity) func(*v1alpha1.ProfileStatus) {
		return func(s *v1alpha1.ProfileStatus) {
			s.Findings = []v1alpha1.Finding{{Code: "Code", Severity: severity, Message: "A finding."}}
		}
	}
	for name, c := range map[string]struct {
		changes []func(*v1alpha1.ProfileStatus)
		want    []ProblemKind
	}{
		"all conditions are true":           {nil, nil},
		"only warnings were found":          {[]func(*v1alpha1.ProfileStatus){finding(v1alpha1.SeverityWarning)}, nil},
		"a preview isolates nothing":        {[]func(*v1alpha1.ProfileStatus){with("Isolated", unknown, v1alpha1.ReasonPreviewed)}, nil},
		"an error was found":                {[]func(*v1alpha1.ProfileStatus){finding(v1alpha1.SeverityError)}, []ProblemKind{ErrorFindings}},
		"it is not ready":                   {[]func(*v1alpha1.ProfileStatus){with("Ready", no, "ApplyFailed")}, []ProblemKind{NotReady}},
		"it is not known whether it is":     {[]func(*v1alpha1.ProfileStatus){with("Ready", unknown, "Pending")}, []ProblemKind{NotReady}},
		"what is refused is not ready":      {[]func(*v1alpha1.ProfileStatus){with("Ready", no, "Invalid"), with("Accepted", no, "Invalid")}, []ProblemKind{NotAccepted}},
		"it is widened":                     {[]func(*v1alpha1.ProfileStatus){with("Isolated", no, "ForeignPolicyWidens")}, []ProblemKind{NotIsolated}},
		"nobody knows whether it is":        {[]func(*v1alpha1.ProfileStatus){with("Isolated", unknown, "Undecidable")}, []ProblemKind{IsolationUnknown}},
		"pending because it is not ready":   {[]func(*v1alpha1.ProfileStatus){with("Isolated", unknown, "Pending"), with("Ready", no, "Contested")}, []ProblemKind{NotReady}},
		"pending for no reason":             {[]func(*v1alpha1.ProfileStatus){with("Isolated", unknown, "Pending")}, []ProblemKind{IsolationUnknown}},
		"a reference leads nowhere":         {[]func(*v1alpha1.ProfileStatus){with("ResolvedRefs", no, "UnresolvedPeer")}, []ProblemKind{Unresolved}},
		"a tier selects nothing":            {[]func(*v1alpha1.ProfileStatus){with("Covered", no, "TierSelectsNothing")}, []ProblemKind{NotCovered}},
		"the gravest comes first":           {[]func(*v1alpha1.ProfileStatus){with("Covered", no, "X"), with("Isolated", no, "Y"), with("Ready", no, "Z")}, []ProblemKind{NotReady, NotIsolated, NotCovered}},
		"no status was written":             {[]func(*v1alpha1.ProfileStatus){func(s *v1alpha1.ProfileStatus) { *s = v1alpha1.ProfileStatus{ObservedGeneration: -1} }}, []ProblemKind{NeverSeen}},
		"an older CRD knows no -1":          {[]func(*v1alpha1.ProfileStatus){func(s *v1alpha1.ProfileStatus) { *s = v1alpha1.ProfileStatus{} }}, []ProblemKind{NeverSeen}},
		"no condition was written but this": {[]func(*v1alpha1.ProfileStatus){func(s *v1alpha1.ProfileStatus) { s.Conditions = s.Conditions[:1] }}, []ProblemKind{IsolationUnknown}},
	} {
		t.Run(name, func(t *testing.T) {
			o := Of(settled(t, namespace("shop", nil), denyAll("shop", "web", c.changes...)))
			if got := kindsOf(o.Profiles[0]); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if well := len(c.want) == 0; o.Profiles[0].Well != well || o.Well() != well {
				t.Errorf("well: profile %v, overview %v, want %v", o.Profiles[0].Well, o.Well(), well)
			}
		})
	}
}

func TestAStatusOfAnEarlierGenerationIsSaidToBeOne(t *testing.T) {
	p := denyAll("shop", "web")
	p.Generation = 3
	got := Of(settled(t, namespace("shop", nil), p)).Profiles[0]
	if got.Look != LookOutdated || !slices.Equal(kindsOf(got), []ProblemKind{Outdated}) || !strings.Contains(got.Problems[0].Message, "generation 3") {
		t.Errorf("got %s, %v", got.Look, got.Problems)
	}
}

func TestPoliciesThatDifferAtThisMomentAreNamed(t *testing.T) {
	web := func() Input { return settled(t, namespace("shop", nil), denyAll("shop", "web")) }
	for name, c := range map[string]struct {
		change func(in Input) Input
		want   string
	}{
		"all are there": {func(in Input) Input { return in }, "[]"},
		"one was opened": {func(in Input) Input {
			policiesOf(in)[0].Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
			return in
		}, "[shop/segp.web.default-deny-44136fa3 was changed: 1 egress rule added]"},
		"one is missing": {func(in Input) Input {
			without := Input{Inventory: inventory.New(), Options: in.Options, Now: now, Operator: in.Operator}
			without.Inventory.Add(namespace("shop", nil), denyAll("shop", "web"))
			return without
		}, "[shop/segp.web.default-deny-44136fa3 is missing]"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Of(c.change(web())).Profiles[0]
			if words := fmt.Sprint(got.Now.Differences); words != c.want || !got.Now.Known {
				t.Errorf("got %s, known %v, want %s", words, got.Now.Known, c.want)
			}
			if differs := slices.Contains(kindsOf(got), PoliciesDiffer); differs != (c.want != "[]") {
				t.Errorf("said to differ: %v", differs)
			}
		})
	}
}

func TestNothingIsSaidOfPoliciesFromWhatCannotBeSeen(t *testing.T) {
	dns := denyAll("shop", "web")
	dns.Spec.Tiers = []v1alpha1.Tier{{Name: "web", PodSelector: &v1alpha1.LabelSelector{}}}
	in := settled(t, namespace("shop", nil), dns, denyAll("shop", "plain"), clusterProfile("baseline", nil))
	for _, policy := range policiesOf(in) {
		// As an operator leaves it that knows more.
		policy.Annotations["firebreak.dev/spec-hash"] = "other"
		policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	}
	services := func(f snapshot.Fact) string {
		if f.Kind == snapshot.FactDNS {
			return "you may not list services in namespace kube-system"
		}
		return ""
	}
	for name, c := range map[string]struct {
		gaps Gaps
		want map[string]bool
	}{
		"all is seen":                  {Gaps{}, map[string]bool{"segp/web": true, "segp/plain": true, "csegp/baseline": true}},
		"where DNS is is not":          {Gaps{Fact: services}, map[string]bool{"segp/web": false, "segp/plain": true, "csegp/baseline": true}},
		"policies are not":             {Gaps{Policies: "you may not"}, map[string]bool{"segp/web": false, "segp/plain": false, "csegp/baseline": false}},
		"labels of namespaces are not": {Gaps{Namespaces: "you may not"}, map[string]bool{"segp/web": true, "segp/plain": true, "csegp/baseline": false}},
	} {
		t.Run(name, func(t *testing.T) {
			in.Gaps = c.gaps
			for _, p := range Of(in).Profiles {
				if p.Now.Known != c.want[p.ShortName()] || (len(p.Now.Differences) > 0) != p.Now.Known {
					t.Errorf("%s: known %v (%s), differences %v", p.ShortName(), p.Now.Known, p.Now.Unknown, p.Now.Differences)
				}
			}
		})
	}
}

func TestWhatSomebodyDidToAPolicyIsSaidWhateverCannotBeSeen(t *testing.T) {
	profile := denyAll("shop", "web")
	profile.Spec.Tiers = []v1alpha1.Tier{{Name: "web", PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": "web"}}}}
	in := settled(t, namespace("shop", nil), profile)
	in.Gaps.Fact = func(snapshot.Fact) string { return "you may not list services in namespace kube-system" }
	for _, policy := range policiesOf(in) {
		if policy.Labels[v1alpha1.LabelTier] != "web" {
			policy.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
		}
	}
	got := Of(in).Profiles[0]
	if words := fmt.Sprint(got.Now.Differences); got.Now.Known || words != "[shop/segp.web.default-deny-44136fa3 was changed: 1 egress rule added]" || got.Well {
		t.Errorf("known %v, well %v, differences %s", got.Now.Known, got.Well, words)
	}
}

func TestAFrozenProfileWantsNothingThatIsKnown(t *testing.T) {
	valid := denyAll("shop", "web")
	in := settled(t, namespace("shop", nil), valid)
	invalid := denyAll("shop", "web", with("Accepted", metav1.ConditionFalse, "Invalid"))
	invalid.Spec.Allow = []v1alpha1.AllowEntry{{Name: "x"}}
	in.Inventory.Add(invalid)
	if got := Of(in).Profiles[0].Now; !got.Frozen || len(got.Differences) != 0 {
		t.Errorf("got %+v", got)
	}
	policiesOf(in)[0].Spec.Egress = []networkingv1.NetworkPolicyEgressRule{{}}
	if got := Of(in).Profiles[0].Now; !got.Frozen || len(got.Differences) != 1 || got.Differences[0].Action != "" {
		t.Errorf("somebody changed a policy: got %+v", got)
	}
}

func TestAnOperatorThatOnlyLooksIsNotExpectedToWrite(t *testing.T) {
	in := Input{Inventory: inventory.New(), Options: snapshot.DefaultOptions("firebreak-system"), Now: now}
	p := denyAll("shop", "web")
	in.Inventory.Add(namespace("shop", nil), p)
	if got := Of(in).Profiles[0].Now.Differences; len(got) != 1 {
		t.Fatalf("the policy is missing, got %v", got)
	}
	p.Status.Findings = []v1alpha1.Finding{{Code: v1alpha1.CodeOperatorPreview, Severity: v1alpha1.SeverityWarning}}
	if got := Of(in).Profiles[0].Now.Differences; len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestProfilesAreThoseThatConcernTheNamespace(t *testing.T) {
	former := clusterProfile("former", map[string]v1alpha1.LabelValue{"team": "shop"})
	in := settled(t, namespace("shop", map[string]string{"team": "shop"}), namespace("blog", nil), namespace("kube-system", nil),
		denyAll("shop", "web"), denyAll("blog", "notes"), clusterProfile("baseline", nil), clusterProfile("blogs", map[string]v1alpha1.LabelValue{"team": "blog"}), former)
	former.Spec.NamespaceSelector.MatchLabels["team"] = "nobody"
	for name, c := range map[string]struct {
		namespace string
		names     []Name
		want      string
		missing   int
	}{
		"all of them":                        {"", nil, "segp/notes segp/web csegp/baseline csegp/blogs csegp/former", 0},
		"with its own policies, too":         {"shop", nil, "segp/web csegp/baseline csegp/former", 0},
		"selected":                           {"blog", nil, "segp/notes csegp/baseline", 0},
		"protected":                          {"kube-system", nil, "", 0},
		"there is no such namespace":         {"nowhere", nil, "", 0},
		"a name":                             {"shop", []Name{{Name: "web"}}, "segp/web", 0},
		"a name of another namespace":        {"blog", []Name{{Name: "web"}}, "", 1},
		"a name of a profile of the cluster": {"blog", []Name{{Name: "blogs"}}, "csegp/blogs", 0},
		"the wrong kind":                     {"blog", []Name{{Kind: v1alpha1.KindSegmentationProfile, Name: "blogs"}}, "", 1},
		"two names and a wrong one":          {"shop", []Name{{Name: "web"}, {Name: "baseline"}, {Name: "x"}}, "segp/web csegp/baseline", 1},
	} {
		t.Run(name, func(t *testing.T) {
			in := in
			in.Namespace, in.Names = c.namespace, c.names
			o := Of(in)
			if got := namesOf(o); got != c.want || len(o.Missing) != c.missing {
				t.Errorf("got %q, missing %v; want %q", got, o.Missing, c.want)
			}
		})
	}
}

func lease(holder string, age time.Duration) *coordinationv1.Lease {
	seconds, at := int32(15), metav1.NewMicroTime(now.Add(-age))
	return &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, RenewTime: &at, LeaseDurationSeconds: &seconds}}
}

func TestNoOperatorIsSaidToRunWithoutALeaseThatIsRenewed(t *testing.T) {
	never := denyAll("shop", "web", func(s *v1alpha1.ProfileStatus) { *s = v1alpha1.ProfileStatus{ObservedGeneration: -1} })
	for name, c := range map[string]struct {
		operator Operator
		profile  *v1alpha1.SegmentationProfile
		want     OperatorState
		message  string
	}{
		"renewed just now":                  {OperatorOf(lease("a", 2*time.Second), "system", now), denyAll("shop", "web"), OperatorRunning, ""},
		"a clock that is ahead":             {OperatorOf(lease("a", -time.Hour), "system", now), denyAll("shop", "web"), OperatorRunning, ""},
		"late, as clocks may be":            {OperatorOf(lease("a", 70*time.Second), "system", now), denyAll("shop", "web"), OperatorRunning, ""},
		"not renewed":                       {OperatorOf(lease("a", 80*time.Second), "system", now), denyAll("shop", "web"), OperatorNotSeen, "nobody has renewed its lease in namespace system for 80s"},
		"given back":                        {OperatorOf(lease("", 5*time.Second), "system", now), denyAll("shop", "web"), OperatorNotSeen, "gave back its lease in namespace system 5s ago"},
		"no lease":                          {OperatorOf(nil, "system", now), denyAll("shop", "web"), OperatorNotSeen, "namespace system has no lease of it"},
		"not to be seen":                    {OperatorUnseen("you may not"), denyAll("shop", "web"), OperatorUnknown, "cannot be seen: you may not"},
		"not to be seen, and nobody looked": {OperatorUnseen("you may not"), never, OperatorNotSeen, "segp/web was created 60m ago, and none has looked at it"},
		"the lease knows better than that":  {OperatorOf(lease("a", 2*time.Second), "system", now), never, OperatorRunning, ""},
	} {
		t.Run(name, func(t *testing.T) {
			in := settled(t, namespace("shop", nil), c.profile)
			in.Operator = c.operator
			got := Of(in).Operator
			if got.State != c.want || !strings.Contains(got.Message, c.message) || (c.message == "") != (got.Message == "") {
				t.Errorf("got %+v", got)
			}
		})
	}
}
