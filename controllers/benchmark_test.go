package controllers

import (
	"testing"

	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/report"
)

// BenchmarkLook looks at a cluster profile of 5,000 namespaces after a correction in one of them, which changed nothing that its
// status says.
func BenchmarkLook(b *testing.B) {
	const size = 5000
	profile := baseProfile("base", "bench")
	key := asProfile(profile).Key
	r := newLooked(b, namespacesOf(size, "bench"), profile)
	outcome := func(state report.State) report.Outcome {
		return report.Outcome{UID: profile.UID, Generation: 1, State: state, Policies: 4}
	}
	for i := range size {
		r.ledger.Record(key, nameOf(i), outcome(report.Applied))
		r.ledger.Judge(nameOf(i), []analyzer.Judgement{{Profile: key, UID: profile.UID, Generation: 1}})
	}
	if got := statusAfter(b, r, profile); got.Policies != 4*size {
		b.Fatalf("the status is %+v", got)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.ledger.Begin(key, nameOf(i%size), outcome(report.Applying))
		r.ledger.Record(key, nameOf(i%size), outcome(report.Applied))
		if _, err := r.Reconcile(b.Context(), requestOf(key)); err != nil {
			b.Fatal(err)
		}
	}
}
