// Package metrics holds Firebreak's own Prometheus metrics. Gauges are made from what the status controllers last said of
// each profile, when they are asked for, and only by the replica that leads: another knows nothing of profiles. No label
// bears the name of anything that users create, so the number of series does not grow with the cluster.
package metrics

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/report"
)

// The names of the metrics.
const (
	namePolicies     = "firebreak_policies"
	nameProfiles     = "firebreak_profiles"
	nameIsolated     = "firebreak_isolated_profiles"
	nameNamespaces   = "firebreak_namespaces"
	nameFindings     = "firebreak_findings"
	nameNotConverged = "firebreak_not_converged_seconds"
	nameDrift        = "firebreak_drift_corrections_total"
	nameWrites       = "firebreak_policy_writes_total"
	nameBuildInfo    = "firebreak_build_info"
)

// Metric is what is known of a metric without asking for it.
type Metric struct {
	Name string
	// Type is gauge or counter.
	Type string
	Help string
	// Labels are in the order of the metric's description.
	Labels []Label
}

// Label is a label of a metric.
type Label struct {
	Name string
	// Values are all that the label can have; nil when others declare them: the codes of findings, and versions.
	Values []string
}

// Catalogue lists every metric of Firebreak.
func Catalogue() []Metric {
	kind := Label{Name: "kind", Values: texts(kinds())}
	return []Metric{
		{namePolicies, "gauge", "NetworkPolicies that profiles have in the cluster.", []Label{kind}},
		{nameProfiles, "gauge", "Profiles, by whether they are ready for the generation they have.",
			[]Label{kind, {"ready", texts(readinesses())}}},
		{nameIsolated, "gauge", "Profiles, by whether they are isolated: false when a NetworkPolicy that is not Firebreak's admits what no profile declares.",
			[]Label{kind, {"isolated", isolations()}}},
		{nameNamespaces, "gauge", "Namespaces that profiles select, by how far a profile has come there; one that several profiles select counts for each.",
			[]Label{kind, {"state", namespaceStates()}}},
		{nameFindings, "gauge", "Findings about profiles.",
			[]Label{{"code", nil}, {"severity", texts(severities())}}},
		{nameNotConverged, "gauge", "How long the profile that has been unready the longest has been so; 0 when every profile is ready for the generation it has.",
			[]Label{kind}},
		{nameDrift, "counter", "Corrections of policies that somebody else changed or deleted, by what they changed.",
			[]Label{{"change", texts(plan.DriftKinds())}}},
		{nameWrites, "counter", "Writes of NetworkPolicies.",
			[]Label{{"action", texts(plan.Actions())}, {"result", texts(results())}}},
		{nameBuildInfo, "gauge", "Always 1; the labels say what is running.",
			[]Label{{"version", nil}, {"goversion", nil}}},
	}
}

// describe returns the description of a metric of the catalogue.
func describe(name string) *prometheus.Desc {
	m := lookUp(name)
	return prometheus.NewDesc(m.Name, m.Help, m.labelNames(), nil)
}

// counter returns a counter of the catalogue with every series that it can have, each at 0: an increase from nothing to 1
// would not be seen as one.
func counter(name string) *prometheus.CounterVec {
	m := lookUp(name)
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.labelNames())
	all := [][]string{nil}
	for _, label := range m.Labels {
		var longer [][]string
		for _, values := range all {
			for _, value := range label.Values {
				longer = append(longer, append(values[:len(values):len(values)], value))
			}
		}
		all = longer
	}
	for _, values := range all {
		vec.WithLabelValues(values...)
	}
	return vec
}

func lookUp(name string) Metric {
	for _, m := range Catalogue() {
		if m.Name == name {
			return m
		}
	}
	panic(fmt.Sprintf("metric %s is not in the catalogue", name))
}

func (m Metric) labelNames() []string {
	var out []string
	for _, label := range m.Labels {
		out = append(out, label.Name)
	}
	return out
}

func kinds() []v1alpha1.Kind {
	return []v1alpha1.Kind{v1alpha1.KindSegmentationProfile, v1alpha1.KindClusterSegmentationProfile}
}

func severities() []v1alpha1.Severity {
	return []v1alpha1.Severity{v1alpha1.SeverityError, v1alpha1.SeverityWarning, v1alpha1.SeverityInfo}
}

// readiness is what the condition Ready says of the generation that a profile has.
type readiness string

const (
	ready    readiness = "true"
	notReady readiness = "false"
	// unknown: nothing was said of that generation yet.
	unknown readiness = "unknown"
)

func readinesses() []readiness { return []readiness{ready, notReady, unknown} }

// isolations lists what the condition Isolated can say.
func isolations() []string {
	var out []string
	for _, status := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown} {
		out = append(out, isolationLabel(status))
	}
	return out
}

func isolationLabel(status metav1.ConditionStatus) string { return strings.ToLower(string(status)) }

// The states of a namespace that are not among those of an outcome.
const (
	// statePending: the namespace was not examined for the generation that the profile has.
	statePending = "pending"
	// stateRefused: the namespace is protected, so nothing is written there.
	stateRefused = "refused"
)

func namespaceStates() []string {
	out := []string{statePending, stateRefused}
	for _, state := range report.States() {
		out = append(out, stateLabel(state))
	}
	return out
}

func stateLabel(state report.State) string { return strings.ToLower(string(state)) }

func texts[T ~string](values []T) []string {
	var out []string
	for _, value := range values {
		out = append(out, string(value))
	}
	return out
}
