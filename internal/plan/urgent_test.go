package plan

import (
	"testing"

	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/snapshot"
)

func TestWhatIsUrgent(t *testing.T) {
	profile := func(namespace string, deleting bool) snapshot.Profile {
		p := snapshot.Profile{Key: snapshot.ProfileKey{Kind: "ClusterSegmentationProfile", Name: "p"}, Deleting: deleting}
		if namespace != "" {
			p.Key.Kind, p.Key.Namespace = "SegmentationProfile", namespace
		}
		return p
	}
	drift := ChangeSet{}
	drift.Steps[StepExtend] = []Change{{}, {Drift: "deleted"}}
	for name, c := range map[string]struct {
		set  ChangeSet
		out  compiler.Output
		want bool
	}{
		"a roll-out":                           {ChangeSet{}, compiler.Output{Profile: profile("shop", false), Disposition: compiler.Enforce}, false},
		"drift":                                {drift, compiler.Output{Profile: profile("shop", false), Disposition: compiler.Enforce}, true},
		"a namespaced profile that goes":       {ChangeSet{}, compiler.Output{Profile: profile("shop", true), Disposition: compiler.Remove}, true},
		"a cluster profile has its finalizer":  {ChangeSet{}, compiler.Output{Profile: profile("", true), Disposition: compiler.Remove}, false},
		"policies that are to stay without it": {ChangeSet{}, compiler.Output{Profile: profile("", true), Disposition: compiler.Release}, true},
	} {
		if got := c.set.IsUrgent([]compiler.Output{c.out}); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
