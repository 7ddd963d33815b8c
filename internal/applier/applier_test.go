package applier

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

func profile(name string) snapshot.ProfileKey { return snapshot.ProfileKey{Name: name} }

// create returns a change that creates a policy for a profile.
func create(of, policy string) plan.Change {
	return plan.Change{Profile: profile(of), Desired: &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: policy}}}
}

func TestWhatADoubtAboutAProfileHoldsBack(t *testing.T) {
	var set plan.ChangeSet
	urgent := create("b", "b-urgent")
	urgent.Urgent = true
	set.Steps[plan.StepExtend] = []plan.Change{create("a", "a-first"), create("b", "b-first")}
	set.Steps[plan.StepIsolate] = []plan.Change{create("a", "a-then"), create("b", "b-then"), urgent}
	for name, c := range map[string]struct {
		doubt   error
		written []string
	}{
		"none":                                {nil, []string{"a-first", "b-first", "a-then", "b-then", "b-urgent"}},
		"it is gone":                          {fmt.Errorf("read it: %w", plan.ErrUnconfirmed), []string{"b-first", "b-then", "b-urgent"}},
		"it must not be read":                 {apierrors.NewForbidden(schema.GroupResource{}, "a", nil), []string{"b-first", "b-then", "b-urgent"}},
		"it could not be read, for this once": {errors.New("timeout"), []string{"b-first", "b-urgent"}},
	} {
		t.Run(name, func(t *testing.T) {
			result := Apply(t.Context(), fake.NewClientBuilder().Build(), set, map[snapshot.ProfileKey]error{profile("a"): c.doubt})
			var written []string
			for _, w := range result.Written {
				written = append(written, w.Change.Name())
			}
			if !slices.Equal(written, c.written) {
				t.Errorf("written are %v, want %v", written, c.written)
			}
			if len(result.Written)+len(result.Open()) != set.Len() {
				t.Errorf("%d written and %d open of %d", len(result.Written), len(result.Open()), set.Len())
			}
			for _, f := range result.Failures {
				if !errors.Is(f.Err, c.doubt) {
					t.Errorf("%s failed: %v", f.Change.Name(), f.Err)
				}
			}
		})
	}
}
