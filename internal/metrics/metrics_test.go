package metrics

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

// start is when every test begins.
func start() time.Time { return time.Unix(1_700_000_000, 0) }

// leading returns metrics of a replica that leads, and its clock.
func leading() (*Metrics, *time.Time) {
	elected := make(chan struct{})
	close(elected)
	now := start()
	return New(elected, func() time.Time { return now }), &now
}

func shop() snapshot.ProfileKey {
	return snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "production", Name: "shop"}
}

func platform() snapshot.ProfileKey {
	return snapshot.ProfileKey{Kind: v1alpha1.KindClusterSegmentationProfile, Name: "platform"}
}

// input is what is known of generation 2 of a profile, with these outcomes of it.
func input(key snapshot.ProfileKey, outcomes ...*report.Outcome) report.Input {
	in := report.Input{Profile: snapshot.Profile{Key: key, UID: "u", Generation: 2}}
	for _, o := range outcomes {
		in.Namespaces = append(in.Namespaces, report.NamespaceFacts{Outcome: o})
	}
	return in
}

func came(state report.State) *report.Outcome {
	return &report.Outcome{UID: "u", Generation: 2, State: state}
}

// said is a status of generation 2 whose Ready has been so since a time.
func said(ready metav1.ConditionStatus, since time.Time, policies int32) v1alpha1.ProfileStatus {
	return v1alpha1.ProfileStatus{ObservedGeneration: 2, Policies: policies, Conditions: []metav1.Condition{
		{Type: v1alpha1.ConditionReady, Status: ready, LastTransitionTime: metav1.NewTime(since)},
	}}
}

// expect compares the series of some metrics, without their heads and without those that are 0.
func expect(t *testing.T, m prometheus.Collector, want string, names ...string) {
	t.Helper()
	text, err := testutil.CollectAndFormat(m, expfmt.TypeTextPlain, names...)
	if err != nil {
		t.Fatal(err)
	}
	got := "\n"
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") && !strings.HasSuffix(line, " 0\n") {
			got += line
		}
	}
	if got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

func TestNamesFollowTheConventions(t *testing.T) {
	m, _ := leading()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m, NewBuildInfo("v1"))
	m.Reported(input(shop(), came(report.Applied)), said(metav1.ConditionTrue, start(), 1), []v1alpha1.Finding{{Code: "x", Severity: "Info"}})
	problems, err := testutil.GatherAndLint(registry)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) != len(Catalogue()) {
		t.Errorf("%d metrics are served, the catalogue has %d", len(families), len(Catalogue()))
	}
	for _, family := range families {
		m := lookUp(family.GetName())
		if kind := strings.ToLower(family.GetType().String()); kind != m.Type || family.GetHelp() != m.Help {
			t.Errorf("%s is a %s: %s", m.Name, kind, family.GetHelp())
		}
	}
}

func TestGaugesSumUpWhatIsSaidOfProfiles(t *testing.T) {
	m, _ := leading()
	findings := []v1alpha1.Finding{
		{Code: v1alpha1.CodeNameConflict, Severity: v1alpha1.SeverityError, Namespace: "a"},
		{Code: v1alpha1.CodeNameConflict, Severity: v1alpha1.SeverityError, Namespace: "b"},
		{Code: v1alpha1.CodeDNSNotFound, Severity: v1alpha1.SeverityWarning},
	}
	m.Reported(input(shop(), came(report.Applied)), said(metav1.ConditionTrue, start(), 4), findings[2:])
	other := shop()
	other.Name = "other"
	m.Reported(input(other, came(report.Failed)), said(metav1.ConditionFalse, start(), 1), nil)
	old := came(report.Applied)
	old.Generation = 1
	former := came(report.Applied)
	former.UID = "former"
	in := input(platform(), came(report.Applied), came(report.Applied), came(report.Conflicted), nil, old, former, nil)
	in.Namespaces[6].Protected = true
	m.Reported(in, said(metav1.ConditionFalse, start(), 20), findings)
	expect(t, m, `
firebreak_policies{kind="ClusterSegmentationProfile"} 20
firebreak_policies{kind="SegmentationProfile"} 5
`, namePolicies)
	expect(t, m, `
firebreak_profiles{kind="ClusterSegmentationProfile",ready="false"} 1
firebreak_profiles{kind="SegmentationProfile",ready="false"} 1
firebreak_profiles{kind="SegmentationProfile",ready="true"} 1
`, nameProfiles)
	expect(t, m, `
firebreak_namespaces{kind="ClusterSegmentationProfile",state="applied"} 2
firebreak_namespaces{kind="ClusterSegmentationProfile",state="conflicted"} 1
firebreak_namespaces{kind="ClusterSegmentationProfile",state="pending"} 3
firebreak_namespaces{kind="ClusterSegmentationProfile",state="refused"} 1
firebreak_namespaces{kind="SegmentationProfile",state="applied"} 1
firebreak_namespaces{kind="SegmentationProfile",state="failed"} 1
`, nameNamespaces)
	expect(t, m, `
firebreak_findings{code="DNSNotFound",severity="Warning"} 2
firebreak_findings{code="NameConflict",severity="Error"} 2
`, nameFindings)
}

func TestAProfileThatIsGoneCountsNoMore(t *testing.T) {
	m, now := leading()
	m.Reported(input(shop(), came(report.Applied)), said(metav1.ConditionFalse, start(), 4), []v1alpha1.Finding{{Code: "x", Severity: "Info"}})
	*now = start().Add(time.Minute)
	m.Forget(shop())
	expect(t, m, "\n")
	if n := testutil.CollectAndCount(m, nameFindings); n != 0 {
		t.Errorf("%d series of findings are left", n)
	}
}

func TestHowLongAProfileHasNotBeenReady(t *testing.T) {
	minute := func(n int) time.Time { return start().Add(time.Duration(n) * time.Minute) }
	for name, c := range map[string]struct {
		do   func(m *Metrics, at func(minute int))
		want float64
		// ready is what the profile counts as after that.
		ready readiness
	}{
		"it is ready": {func(m *Metrics, _ func(int)) { m.Reported(input(shop()), said(metav1.ConditionTrue, start(), 0), nil) }, 0, ready},
		"it was seen and nothing is said of it": {func(m *Metrics, at func(int)) {
			at(1)
			m.Seen(shop(), "u", 2)
			at(3)
			m.Seen(shop(), "u", 2)
		}, 9, unknown},
		"its condition says since when": {func(m *Metrics, at func(int)) {
			at(5)
			m.Reported(input(shop()), said(metav1.ConditionFalse, minute(4), 0), nil)
		}, 6, notReady},
		"also from before this process": {func(m *Metrics, _ func(int)) {
			m.Reported(input(shop()), said(metav1.ConditionFalse, minute(-5), 0), nil)
		}, 15, notReady},
		"its status cannot be written, so it always began just now": {func(m *Metrics, at func(int)) {
			for i := range 10 {
				at(i)
				m.Reported(input(shop()), said(metav1.ConditionFalse, minute(i), 0), nil)
			}
		}, 10, notReady},
		"it became ready": {func(m *Metrics, _ func(int)) {
			m.Reported(input(shop()), said(metav1.ConditionFalse, minute(-5), 0), nil)
			m.Reported(input(shop()), said(metav1.ConditionTrue, minute(1), 0), nil)
		}, 0, ready},
		"it was ready, and has a new generation of which nothing is said": {func(m *Metrics, at func(int)) {
			m.Reported(input(shop()), said(metav1.ConditionTrue, minute(-5), 0), nil)
			at(8)
			m.Seen(shop(), "u", 3)
		}, 2, unknown},
		"it was ready, and the status is of the generation before": {func(m *Metrics, at func(int)) {
			in := input(shop())
			in.Profile.Generation = 3
			m.Reported(input(shop()), said(metav1.ConditionTrue, minute(-5), 0), nil)
			at(8)
			m.Reported(in, said(metav1.ConditionTrue, minute(-5), 0), nil)
		}, 2, unknown},
		"it was not ready in the generation before either": {func(m *Metrics, at func(int)) {
			m.Reported(input(shop()), said(metav1.ConditionFalse, minute(-5), 0), nil)
			at(8)
			m.Seen(shop(), "u", 3)
		}, 15, unknown},
		"a former one of its name was not ready": {func(m *Metrics, at func(int)) {
			m.Reported(input(shop()), said(metav1.ConditionFalse, minute(-5), 0), nil)
			at(8)
			m.Seen(shop(), "another", 2)
		}, 2, unknown},
		"another one longer": {func(m *Metrics, at func(int)) {
			at(5)
			longer := shop()
			longer.Name = "longer"
			m.Reported(input(longer), said(metav1.ConditionFalse, minute(1), 0), nil)
			m.Reported(input(shop()), said(metav1.ConditionFalse, minute(4), 0), nil)
		}, 9, notReady},
	} {
		t.Run(name, func(t *testing.T) {
			m, now := leading()
			c.do(m, func(n int) { *now = minute(n) })
			*now = minute(10)
			sums := m.sumUp().byKind[v1alpha1.KindSegmentationProfile]
			if got := sums.notConverged.Minutes(); got != c.want {
				t.Errorf("%v minutes, want %v", got, c.want)
			}
			if sums.ready[c.ready] == 0 {
				t.Errorf("counts as %v, want %s", sums.ready, c.ready)
			}
		})
	}
}

func TestAReplicaThatStandsBySaysNothingOfProfiles(t *testing.T) {
	elected := make(chan struct{})
	m := New(elected, start)
	gauges := []string{namePolicies, nameProfiles, nameNamespaces, nameFindings, nameNotConverged}
	if n := testutil.CollectAndCount(m, gauges...); n != 0 {
		t.Errorf("it has %d series", n)
	}
	if n := testutil.CollectAndCount(m, nameDrift, nameWrites); n != 3+3*4 {
		t.Errorf("it has %d series of counters", n)
	}
	close(elected)
	if n := testutil.CollectAndCount(m, gauges...); n == 0 {
		t.Error("it has none when it leads")
	}
}

func policy(port string) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "x"}}
	p.Spec.PodSelector.MatchLabels = map[string]string{"port": port}
	return p
}

func TestWritesAndCorrectionsAreCounted(t *testing.T) {
	m, _ := leading()
	networkPolicies := schema.GroupResource{Resource: "networkpolicies"}
	terminating := apierrors.NewForbidden(networkPolicies, "x", errors.New("going"))
	terminating.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: "NamespaceTerminating"}}
	update := plan.Change{Live: policy("1"), Desired: policy("2")}
	m.Wrote(plan.Result{
		Written: []plan.Written{
			{Change: plan.Change{Desired: policy("1")}},
			{Change: plan.Change{Desired: policy("1"), Drift: "deleted"}},
			{Change: plan.Change{Live: policy("1")}},
			{Change: update},
			{Change: plan.Change{Live: policy("1"), Desired: policy("2"), Drift: "podSelector changed"}},
			{Change: plan.Change{Live: policy("1"), Desired: policy("1"), Drift: "labels, annotations or owner changed"}},
		},
		Failures: []plan.Failure{
			{Change: update, Err: apierrors.NewConflict(networkPolicies, "x", errors.New("changed"))},
			{Change: plan.Change{Desired: policy("1")}, Err: apierrors.NewAlreadyExists(networkPolicies, "x")},
			{Change: plan.Change{Desired: policy("1")}, Err: terminating},
			{Change: update, Err: apierrors.NewForbidden(networkPolicies, "x", errors.New("no"))},
			{Change: plan.Change{Live: policy("1")}, Err: errors.New("connection refused")},
		},
		Skipped: []plan.Change{update},
	})
	expect(t, m, `
firebreak_drift_corrections_total{change="deleted"} 1
firebreak_drift_corrections_total{change="metadata"} 1
firebreak_drift_corrections_total{change="spec"} 1
`, nameDrift)
	expect(t, m, `
firebreak_policy_writes_total{action="create",result="conflict"} 2
firebreak_policy_writes_total{action="create",result="success"} 2
firebreak_policy_writes_total{action="delete",result="error"} 1
firebreak_policy_writes_total{action="delete",result="success"} 1
firebreak_policy_writes_total{action="update",result="conflict"} 1
firebreak_policy_writes_total{action="update",result="refused"} 1
firebreak_policy_writes_total{action="update",result="success"} 3
`, nameWrites)
}

func TestOnlyValuesOfTheCatalogueAreServed(t *testing.T) {
	m, _ := leading()
	states := report.States()
	var outcomes []*report.Outcome
	for _, state := range states {
		outcomes = append(outcomes, came(state))
	}
	m.Reported(input(shop(), outcomes...), said(metav1.ConditionTrue, start(), 1), nil)
	served := 0
	for _, state := range namespaceStates() {
		served += m.sumUp().byKind[v1alpha1.KindSegmentationProfile].states[state]
	}
	if served != len(states) {
		t.Errorf("%d of %d states are served", served, len(states))
	}
}

// many is more profiles than a cluster has.
const many = 5000

func BenchmarkScrape(b *testing.B) {
	m, _ := leading()
	for i := range many {
		key := shop()
		key.Name = strconv.Itoa(i)
		m.Reported(input(key, came(report.Applied)), said(metav1.ConditionTrue, start(), 4), []v1alpha1.Finding{{Code: "x", Severity: "Info"}})
	}
	for b.Loop() {
		testutil.CollectAndCount(m)
	}
}
