package plan

import (
	"errors"
	"slices"
	"testing"

	"firebreak.dev/firebreak/internal/snapshot"
)

func TestASetWithoutSomeProfiles(t *testing.T) {
	set := New(Input{Outputs: compile(shop("a", "client"), shop("b", "client"))})
	key := shop("b").Key
	why := errors.New("it cannot be read")
	rest, failures := set.Without(map[snapshot.ProfileKey]error{key: why})
	if len(failures) == 0 || rest.Len() == 0 || rest.Len()+len(failures) != set.Len() {
		t.Fatalf("%d and %d of %d", rest.Len(), len(failures), set.Len())
	}
	for _, f := range failures {
		if f.Change.Profile != key || !errors.Is(f.Err, why) {
			t.Errorf("%s of %s: %v", f.Change.Name(), f.Change.Profile, f.Err)
		}
	}
	for _, step := range rest.Steps {
		if slices.ContainsFunc(step, func(c Change) bool { return c.Profile == key }) {
			t.Errorf("a write is left for it: %v", told(rest))
		}
	}
	if same, none := set.Without(nil); !slices.Equal(told(same), told(set)) || none != nil {
		t.Errorf("without nothing left out: %v, %v", told(same), none)
	}
}
