package controllers

import (
	"errors"
	"testing"

	"firebreak.dev/firebreak/internal/cluster"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

func TestHowWhatIsOpenIsTriedAgain(t *testing.T) {
	hot, key := errors.New("too hot"), snapshot.ProfileKey{Name: "a"}
	for name, c := range map[string]struct {
		failures []error
		doubts   cluster.Doubts
		poll     bool
		err      bool
	}{
		"nothing":                        {nil, cluster.Doubts{key: nil}, false, false},
		"a write that failed":            {[]error{hot}, nil, false, true},
		"a profile that is gone":         {[]error{plan.ErrUnconfirmed}, cluster.Doubts{key: plan.ErrUnconfirmed}, true, false},
		"both":                           {[]error{plan.ErrUnconfirmed, hot}, nil, false, true},
		"a doubt where nothing is to do": {nil, cluster.Doubts{key: hot}, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			var result plan.Result
			for _, err := range c.failures {
				result.Failures = append(result.Failures, plan.Failure{Err: err})
			}
			again, err := retryFailed(result, c.doubts)
			if (again.RequeueAfter == unhurriedPoll) != c.poll || (err != nil) != c.err {
				t.Errorf("got %+v, %v", again, err)
			}
		})
	}
}
