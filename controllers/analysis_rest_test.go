package controllers

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTheAnalysisRestsLongerWhileNamespacesAreReconciled(t *testing.T) {
	for name, c := range map[string]struct {
		worked time.Duration
		// until is for how long namespaces are reconciled.
		until time.Duration
		want  time.Duration
	}{
		"none is":                      {10 * time.Millisecond, 0, 40 * time.Millisecond},
		"all the time":                 {10 * time.Millisecond, time.Hour, 490 * time.Millisecond},
		"for a while":                  {10 * time.Millisecond, 90 * time.Millisecond, 100 * time.Millisecond},
		"after work that took long":    {time.Second, time.Hour, longestRest},
		"after work that took longest": {time.Minute, 0, longestRest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				rest(t.Context(), c.worked, func() bool { return time.Since(began) < c.until })
				if got := time.Since(began); got != c.want {
					t.Errorf("it rests for %s, want %s", got, c.want)
				}
			})
		})
	}
}
