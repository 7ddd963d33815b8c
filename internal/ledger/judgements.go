package ledger

import (
	"reflect"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/snapshot"
)

// Judge replaces what was found about profiles in one namespace. Profiles that are not among the judgements have nothing to do
// with it any more.
func (l *Ledger) Judge(namespace string, judgements []analyzer.Judgement) {
	var concerned []snapshot.ProfileKey
	judged := map[snapshot.ProfileKey]bool{}
	l.mu.Lock()
	for _, j := range judgements {
		judged[j.Profile] = true
		byNamespace, ok := l.judgements[j.Profile]
		if !ok {
			byNamespace = map[string]*analyzer.Judgement{}
			l.judgements[j.Profile] = byNamespace
		}
		if before, had := byNamespace[namespace]; !had || !reflect.DeepEqual(*before, j) {
			byNamespace[namespace] = &j
			concerned = append(concerned, j.Profile)
		}
	}
	for profile, byNamespace := range l.judgements {
		if _, had := byNamespace[namespace]; had && !judged[profile] {
			delete(byNamespace, namespace)
			concerned = append(concerned, profile)
		}
	}
	l.mu.Unlock()
	for _, profile := range concerned {
		l.notify(profile)
	}
}
