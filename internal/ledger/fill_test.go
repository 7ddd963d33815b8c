package ledger

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

// model is what a ledger is to know, by profile and namespace, written down as simply as can be.
type model struct {
	outcomes   map[string]map[string]*report.Outcome
	judgements map[string]map[string]*analyzer.Judgement
}

func newModel(profiles []string) model {
	m := model{outcomes: map[string]map[string]*report.Outcome{}, judgements: map[string]map[string]*analyzer.Judgement{}}
	for _, p := range profiles {
		m.forget(p)
	}
	return m
}

func (m model) forget(profile string) {
	m.outcomes[profile], m.judgements[profile] = map[string]*report.Outcome{}, map[string]*analyzer.Judgement{}
}

// fill is Fill by a search through all.
func (m model) fill(profile string, namespaces []report.NamespaceFacts) (elsewhere int, first string) {
	acted := map[string]bool{}
	for i := range namespaces {
		ns := &namespaces[i]
		ns.Outcome, ns.Judgement = m.outcomes[profile][ns.Namespace.Name], m.judgements[profile][ns.Namespace.Name]
		acted[ns.Namespace.Name] = !ns.Protected
	}
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(m.outcomes[profile]))) {
		if o := m.outcomes[profile][name]; !acted[name] && o.Policies > 0 {
			elsewhere, first = elsewhere+o.Policies, name
		}
	}
	return elsewhere, first
}

// change makes the same change to a ledger and to its model.
func (m model) change(random *rand.Rand, l *Ledger, profiles []string, namespace string) {
	profile := profiles[random.IntN(len(profiles))]
	outcome := report.Outcome{Policies: random.IntN(3), State: []report.State{report.Applied, report.Failed}[random.IntN(2)]}
	switch random.IntN(12) {
	case 0:
		l.ForgetNamespace(namespace)
		for _, p := range profiles {
			delete(m.outcomes[p], namespace)
			delete(m.judgements[p], namespace)
		}
	case 1:
		l.Forget(key(profile), namespace)
		delete(m.outcomes[profile], namespace)
	case 2:
		if random.IntN(20) == 0 {
			l.ForgetProfile(key(profile))
			m.forget(profile)
		}
	case 3, 4:
		l.Begin(key(profile), namespace, outcome)
		if before := m.outcomes[profile][namespace]; before == nil || before.State != report.Failed {
			m.outcomes[profile][namespace] = &outcome
		}
	case 5, 6, 7:
		judgement := analyzer.Judgement{Profile: key(profile), Generation: random.Int64N(3)}
		l.Judge(namespace, []analyzer.Judgement{judgement})
		for _, p := range profiles {
			delete(m.judgements[p], namespace)
		}
		m.judgements[profile][namespace] = &judgement
	default:
		l.Record(key(profile), namespace, outcome)
		m.outcomes[profile][namespace] = &outcome
	}
}

func TestWhatIsNotedOfNamespacesIsWhatASearchFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	profiles := []string{"a", "b"}
	l, m := New(func(snapshot.ProfileKey) {}), newModel(profiles)
	elsewhere := 0
	for step := range 20000 {
		m.change(random, l, profiles, fmt.Sprint("ns-", random.IntN(6)))
		var asked []report.NamespaceFacts
		for i := range 6 {
			facts := report.NamespaceFacts{Namespace: snapshot.Namespace{Name: fmt.Sprint("ns-", i)}, Protected: random.IntN(20) == 0}
			if random.IntN(10) > 0 {
				asked = append(asked, facts)
			}
		}
		for _, p := range profiles {
			got, want := slices.Clone(asked), slices.Clone(asked)
			policies, first := l.Fill(key(p), got)
			wantPolicies, wantFirst := m.fill(p, want)
			if policies != wantPolicies || first != wantFirst {
				t.Fatalf("step %d: elsewhere are %d policies, first in %q; want %d, %q", step, policies, first, wantPolicies, wantFirst)
			}
			mustBeSame(t, step, got, want)
			if policies > 0 {
				elsewhere++
			}
		}
	}
	if elsewhere < 1000 {
		t.Errorf("only %d times there were policies elsewhere", elsewhere)
	}
}

func mustBeSame(t *testing.T, step int, got, want []report.NamespaceFacts) {
	t.Helper()
	for i := range want {
		a, b := got[i], want[i]
		if (a.Outcome == nil) != (b.Outcome == nil) || a.Outcome != nil && (a.Outcome.Policies != b.Outcome.Policies || a.Outcome.State != b.Outcome.State) {
			t.Fatalf("step %d: namespace %s came to %+v, want %+v", step, a.Namespace.Name, a.Outcome, b.Outcome)
		}
		if (a.Judgement == nil) != (b.Judgement == nil) || a.Judgement != nil && a.Judgement.Generation != b.Judgement.Generation {
			t.Fatalf("step %d: namespace %s was judged %+v, want %+v", step, a.Namespace.Name, a.Judgement, b.Judgement)
		}
	}
}
