package metrics

import (
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Metrics are those of one manager. It is safe for concurrent use.
type Metrics struct {
	elected <-chan struct{}
	now     func() time.Time

	drift, writes                                                    *prometheus.CounterVec
	policies, profiles, isolated, namespaces, findings, notConverged *prometheus.Desc

	mu    sync.Mutex
	known map[snapshot.ProfileKey]profile
}

// profile is what is known of one profile.
type profile struct {
	uid        types.UID
	generation int64
	ready      readiness
	// isolated is what the condition Isolated says of that generation.
	isolated metav1.ConditionStatus
	// since is when it ceased to be ready, or was first seen; zero while it is ready.
	since    time.Time
	policies int32
	states   map[string]int
	findings map[findingKey]int
}

type findingKey struct {
	code     v1alpha1.FindingCode
	severity v1alpha1.Severity
}

var _ prometheus.Collector = (*Metrics)(nil)

// New returns metrics that know of no profile. Elected is closed when this replica leads; now is the clock.
func New(elected <-chan struct{}, now func() time.Time) *Metrics {
	return &Metrics{
		elected: elected, now: now,
		drift: counter(nameDrift), writes: counter(nameWrites),
		policies: describe(namePolicies), profiles: describe(nameProfiles), isolated: describe(nameIsolated), namespaces: describe(nameNamespaces),
		findings: describe(nameFindings), notConverged: describe(nameNotConverged),
		known: map[snapshot.ProfileKey]profile{},
	}
}

// NewBuildInfo returns a metric that says which version runs, leader or not.
func NewBuildInfo(version string) prometheus.Collector {
	m := lookUp(nameBuildInfo)
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.labelNames())
	info.WithLabelValues(version, runtime.Version()).Set(1)
	return info
}

// Seen notes that a profile exists in this generation. Until Reported, nothing is known of that generation.
func (m *Metrics) Seen(key snapshot.ProfileKey, uid types.UID, generation int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.before(key, uid)
	if p.generation == generation {
		return
	}
	p.generation, p.ready, p.isolated = generation, unknown, metav1.ConditionUnknown
	if p.since.IsZero() {
		p.since = m.now()
	}
	m.known[key] = p
}

// before returns what is known of a profile; nothing but its UID when that is of a former one of its name.
func (m *Metrics) before(key snapshot.ProfileKey, uid types.UID) profile {
	if p, ok := m.known[key]; ok && p.uid == uid {
		return p
	}
	return profile{uid: uid}
}

// Reported notes what is said of a profile: its status, and the findings, of which a status lists the first only.
func (m *Metrics) Reported(in report.Input, status v1alpha1.ProfileStatus, findings []v1alpha1.Finding) {
	p := profile{
		uid: in.Profile.UID, generation: in.Profile.Generation, policies: status.Policies,
		states: statesOf(in), findings: map[findingKey]int{},
	}
	p.isolated = isolationOf(p.generation, status)
	for _, f := range findings {
		p.findings[findingKey{f.Code, f.Severity}]++
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p.ready, p.since = m.readinessOf(m.before(in.Profile.Key, p.uid), p.generation, status)
	m.known[in.Profile.Key] = p
}

// readinessOf says whether a profile is ready for the generation that it has and, if not, since when it is not. A
// condition that is not True says so itself, across restarts and changes of leader.
func (m *Metrics) readinessOf(before profile, generation int64, status v1alpha1.ProfileStatus) (readiness, time.Time) {
	condition := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	current := condition != nil && status.ObservedGeneration == generation
	since := before.since
	if since.IsZero() {
		since = m.now()
	}
	switch {
	case current && condition.Status == metav1.ConditionTrue:
		return ready, time.Time{}
	case current && condition.Status == metav1.ConditionFalse:
		// As long as the status cannot be written, its condition is always new.
		if condition.LastTransitionTime.Time.Before(since) {
			since = condition.LastTransitionTime.Time
		}
		return notReady, since
	}
	return unknown, since
}

func isolationOf(generation int64, status v1alpha1.ProfileStatus) metav1.ConditionStatus {
	condition := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionIsolated)
	if condition == nil || status.ObservedGeneration != generation {
		return metav1.ConditionUnknown
	}
	return condition.Status
}

// statesOf counts the namespaces that a profile selects by how far it has come there.
func statesOf(in report.Input) map[string]int {
	out, came := map[string]int{}, map[report.State]int{}
	for i := range in.Namespaces {
		switch o := in.Namespaces[i].Outcome; {
		case in.Namespaces[i].Protected:
			out[stateRefused]++
		case o == nil || o.UID != in.Profile.UID || o.Generation != in.Profile.Generation:
			out[statePending]++
		default:
			came[o.State]++
		}
	}
	for state, n := range came {
		out[stateLabel(state)] = n
	}
	return out
}

// Forget drops a profile that is gone.
func (m *Metrics) Forget(key snapshot.ProfileKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, key)
}
