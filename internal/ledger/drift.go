package ledger

import (
	"time"

	"firebreak.dev/firebreak/internal/report"
	"firebreak.dev/firebreak/internal/snapshot"
)

// driftCount counts the corrections of one profile in this process.
type driftCount struct {
	made, reported int64
	last           report.Drift
}

// RecordDrift counts a correction of a policy, given as namespace/name.
func (l *Ledger) RecordDrift(profile snapshot.ProfileKey, at time.Time, policy, change string) {
	l.mu.Lock()
	count, ok := l.drift[profile]
	if !ok {
		count = &driftCount{}
		l.drift[profile] = count
	}
	count.made++
	count.last = report.Drift{LastTime: at, LastPolicy: policy, LastChange: change}
	l.mu.Unlock()
	l.notify(profile)
}

// PendingDrift returns the corrections that were not yet reported. They stay pending until DriftReported.
func (l *Ledger) PendingDrift(profile snapshot.ProfileKey) report.Drift {
	l.mu.Lock()
	defer l.mu.Unlock()
	count, ok := l.drift[profile]
	if !ok {
		return report.Drift{}
	}
	pending := count.last
	pending.Corrections = count.made - count.reported
	return pending
}

// DriftReported says that a status with these corrections was written. Only the one status controller of a profile
// calls it, so corrections made since stay pending.
func (l *Ledger) DriftReported(profile snapshot.ProfileKey, pending report.Drift) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if count, ok := l.drift[profile]; ok {
		count.reported += pending.Corrections
	}
}
