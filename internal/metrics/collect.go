package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"firebreak.dev/firebreak/api/v1alpha1"
)

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{m.policies, m.profiles, m.isolated, m.namespaces, m.findings, m.notConverged} {
		out <- desc
	}
	m.drift.Describe(out)
	m.writes.Describe(out)
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.drift.Collect(out)
	m.writes.Collect(out)
	select {
	case <-m.elected:
	default:
		return
	}
	sums := m.sumUp()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, kind := range kinds() {
		s := sums.byKind[kind]
		gauge(m.policies, float64(s.policies), string(kind))
		gauge(m.notConverged, s.notConverged.Seconds(), string(kind))
		for _, r := range readinesses() {
			gauge(m.profiles, float64(s.ready[r]), string(kind), string(r))
		}
		for _, isolated := range isolations() {
			gauge(m.isolated, float64(s.isolated[isolated]), string(kind), isolated)
		}
		for _, state := range namespaceStates() {
			gauge(m.namespaces, float64(s.states[state]), string(kind), state)
		}
	}
	for f, n := range sums.findings {
		gauge(m.findings, float64(n), string(f.code), string(f.severity))
	}
}

// sums is what all profiles come to together.
type sums struct {
	byKind   map[v1alpha1.Kind]*kindSums
	findings map[findingKey]int
}

// kindSums is what the profiles of one kind come to.
type kindSums struct {
	policies     int
	ready        map[readiness]int
	isolated     map[string]int
	states       map[string]int
	notConverged time.Duration
}

func (m *Metrics) sumUp() sums {
	out := sums{byKind: map[v1alpha1.Kind]*kindSums{}, findings: map[findingKey]int{}}
	for _, kind := range kinds() {
		out.byKind[kind] = &kindSums{ready: map[readiness]int{}, isolated: map[string]int{}, states: map[string]int{}}
	}
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, p := range m.known {
		s := out.byKind[key.Kind]
		s.policies += int(p.policies)
		s.ready[p.ready]++
		s.isolated[isolationLabel(p.isolated)]++
		for state, n := range p.states {
			s.states[state] += n
		}
		if p.ready != ready {
			s.notConverged = max(s.notConverged, now.Sub(p.since))
		}
		for f, n := range p.findings {
			out.findings[f] += n
		}
	}
	return out
}
