package report

import (
	"errors"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/compiler"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

func TestWhatBecameOfAProfileInANamespace(t *testing.T) {
	profile := shop()
	policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "segp.shop.db-1", Namespace: profile.Key.Namespace, OwnerReferences: []metav1.OwnerReference{{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: string(profile.Key.Kind), Name: profile.Key.Name, UID: profile.UID, Controller: new(true),
	}}}}
	create := plan.Change{Profile: profile.Key, Desired: policy}
	remove := plan.Change{Profile: profile.Key, Live: policy}
	other := plan.Failure{Change: plan.Change{Profile: snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "other"}, Desired: policy}, Err: errors.New("no answer")}
	for name, c := range map[string]struct {
		disposition compiler.Disposition
		live        []*networkingv1.NetworkPolicy
		set         plan.ChangeSet
		result      plan.Result
		want        State
		policies    int
		says        string
		nothing     bool
	}{
		"created":                       {disposition: compiler.Enforce, result: plan.Result{Written: []plan.Written{{Change: create}}}, want: Applied, policies: 1},
		"there already":                 {disposition: compiler.Enforce, live: []*networkingv1.NetworkPolicy{policy}, want: Applied, policies: 1},
		"refused":                       {disposition: compiler.Enforce, result: plan.Result{Failures: []plan.Failure{{Change: create, Err: errors.New("quota")}}}, want: Failed, says: "quota"},
		"skipped for another's failure": {disposition: compiler.Enforce, result: plan.Result{Failures: []plan.Failure{other}, Skipped: []plan.Change{create}}, want: Failed, says: "waiting for SegmentationProfile shop/other: no answer"},
		"in conflict":                   {disposition: compiler.Enforce, set: plan.ChangeSet{Conflicts: []plan.Conflict{{Profile: profile.Key, Policy: "p"}}}, want: Conflicted, says: "is not Firebreak's"},
		"frozen":                        {disposition: compiler.Freeze, live: []*networkingv1.NetworkPolicy{policy}, want: Frozen, policies: 1},
		"removed":                       {disposition: compiler.Remove, live: []*networkingv1.NetworkPolicy{policy}, result: plan.Result{Written: []plan.Written{{Change: remove}}}, nothing: true},
		"not yet removed":               {disposition: compiler.Remove, live: []*networkingv1.NetworkPolicy{policy}, result: plan.Result{Skipped: []plan.Change{remove}, Failures: []plan.Failure{other}}, want: Failed, policies: 1, says: "waiting for"},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: profile.Key.Namespace}, Policies: c.live}
			outputs := []compiler.Output{{Profile: profile, Disposition: c.disposition, Selected: c.disposition == compiler.Enforce}}
			got := Ended(s, outputs, c.set, c.result)[profile.Key]
			if c.nothing {
				if got != nil {
					t.Errorf("%+v is known, want nothing", *got)
				}
				return
			}
			if got == nil || got.State != c.want || got.Policies != c.policies || !strings.Contains(got.Error, c.says) || got.Generation != profile.Generation {
				t.Errorf("got %+v", got)
			}
		})
	}
}
