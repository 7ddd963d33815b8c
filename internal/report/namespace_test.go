package report

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

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
		contests    []Contest
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
		"in a fight":                    {disposition: compiler.Enforce, live: []*networkingv1.NetworkPolicy{policy}, contests: fight(profile.Key), want: Contested, policies: 1, says: "NetworkPolicy shop/p is changed by somebody else (kubectl-edit) again and again: put right 12 times since 2026-01-02T03:04:05Z, the last time: 1 egress rule added. It is now put right about once a second; stop whoever changes it."},
		"in a fight of another profile": {disposition: compiler.Enforce, live: []*networkingv1.NetworkPolicy{policy}, contests: fight(snapshot.ProfileKey{Name: "other"}), want: Applied, policies: 1},
		"in a fight and in conflict":    {disposition: compiler.Enforce, contests: fight(profile.Key), set: plan.ChangeSet{Conflicts: []plan.Conflict{{Profile: profile.Key, Policy: "p"}}}, want: Conflicted, says: "is not Firebreak's"},
		"in a fight and refused":        {disposition: compiler.Enforce, contests: fight(profile.Key), result: plan.Result{Failures: []plan.Failure{{Change: create, Err: errors.New("quota")}}}, want: Failed, says: "quota"},
		"waiting":                       {disposition: compiler.Enforce, live: []*networkingv1.NetworkPolicy{policy}, set: plan.ChangeSet{Waiting: []plan.Change{create}}, want: Applying, policies: 1},
		"another's policy waits":        {disposition: compiler.Enforce, live: []*networkingv1.NetworkPolicy{policy}, set: plan.ChangeSet{Waiting: []plan.Change{other.Change}}, want: Applied, policies: 1},
		"waiting in a fight":            {disposition: compiler.Enforce, live: []*networkingv1.NetworkPolicy{policy}, contests: fight(profile.Key), set: plan.ChangeSet{Waiting: []plan.Change{create}}, want: Contested, policies: 1, says: "again and again"},
		"waiting and refused":           {disposition: compiler.Enforce, set: plan.ChangeSet{Waiting: []plan.Change{create}}, result: plan.Result{Failures: []plan.Failure{{Change: create, Err: errors.New("quota")}}}, want: Failed, says: "quota"},
		"in a fight that it never won":  {disposition: compiler.Enforce, contests: []Contest{{Profile: profile.Key, Policy: "p", Since: time.Unix(0, 0), LastChange: "deleted"}}, want: Contested, says: "NetworkPolicy shop/p is changed by somebody else again and again: each attempt since 1970-01-01T00:00:00Z to put it right came too late, the last time: deleted. It is"},
		"in a fight that it gave up":    {disposition: compiler.Preview, live: []*networkingv1.NetworkPolicy{policy}, contests: fight(profile.Key), want: Applied, policies: 1},
		"frozen in a fight":             {disposition: compiler.Freeze, live: []*networkingv1.NetworkPolicy{policy}, contests: fight(profile.Key), want: Frozen, policies: 1},
		"released":                      {disposition: compiler.Release, live: []*networkingv1.NetworkPolicy{policy}, nothing: true},
		"frozen":                        {disposition: compiler.Freeze, live: []*networkingv1.NetworkPolicy{policy}, want: Frozen, policies: 1},
		"removed":                       {disposition: compiler.Remove, live: []*networkingv1.NetworkPolicy{policy}, result: plan.Result{Written: []plan.Written{{Change: remove}}}, nothing: true},
		"not yet removed":               {disposition: compiler.Remove, live: []*networkingv1.NetworkPolicy{policy}, result: plan.Result{Skipped: []plan.Change{remove}, Failures: []plan.Failure{other}}, want: Failed, policies: 1, says: "waiting for"},
	} {
		t.Run(name, func(t *testing.T) {
			s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: profile.Key.Namespace}, Policies: c.live}
			outputs := []compiler.Output{{Profile: profile, Disposition: c.disposition, Selected: c.disposition == compiler.Enforce}}
			got := Ended(s, outputs, c.set, c.result, c.contests)[profile.Key]
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

func TestFrozenPoliciesAreSpokenOf(t *testing.T) {
	const stay = "The policies applied before stay as they are until the profile "
	const unkept = ": changes to them are not put right, and what they were made from is not followed when it changes, such as the addresses of DNS."
	policy := func(p snapshot.Profile, namespace, name string) *networkingv1.NetworkPolicy {
		return &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, OwnerReferences: []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: string(p.Key.Kind), Name: p.Key.Name, UID: p.UID, Controller: new(true),
		}}}}
	}
	for name, c := range map[string]struct {
		disposition compiler.Disposition
		profile     func(*snapshot.Profile)
		noPolicies  bool
		changed     []string
		want        []string
	}{
		"a preview":                           {disposition: compiler.Preview, want: []string{stay + "is in mode Enforce again or deleted" + unkept}},
		"a preview of a profile without any":  {disposition: compiler.Preview, noPolicies: true},
		"a spec that cannot be carried out":   {disposition: compiler.Freeze, want: []string{stay + "has a spec that can be carried out or is deleted" + unkept}},
		"a profile that acts":                 {disposition: compiler.Enforce},
		"one that leaves its policies behind": {disposition: compiler.Freeze, profile: func(p *snapshot.Profile) { p.Orphaning = true }},
		"one that will act in a moment":       {disposition: compiler.Freeze, profile: func(p *snapshot.Profile) { p.Unguarded = true }},
		"policies that somebody changed, each": {disposition: compiler.Preview, changed: []string{"one", "two"}, want: []string{
			stay + "is in mode Enforce again or deleted" + unkept,
			"NetworkPolicy <ns>/one was changed by somebody else and is not put right while its profile does not act.",
			"NetworkPolicy <ns>/two was changed by somebody else and is not put right while its profile does not act.",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := baseline()
			if c.profile != nil {
				c.profile(&p)
			}
			input := in(p)
			var want []string
			for _, ns := range []string{"a", "b"} {
				s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: ns}}
				if !c.noPolicies {
					s.Policies = []*networkingv1.NetworkPolicy{policy(p, ns, "one"), policy(p, ns, "two")}
				}
				var set plan.ChangeSet
				for _, name := range c.changed {
					set.Frozen = append(set.Frozen, plan.Drift{Profile: p.Key, Policy: name})
				}
				outputs := []compiler.Output{{Profile: p, Disposition: c.disposition, Selected: true}}
				input.Namespaces = append(input.Namespaces, NamespaceFacts{Namespace: s.Namespace, Outcome: Ended(s, outputs, set, plan.Result{}, nil)[p.Key]})
				for _, text := range c.want[min(len(want), 1, len(c.want)):] {
					want = append(want, strings.ReplaceAll(text, "<ns>", ns))
				}
			}
			var got []string
			for _, f := range Status(input).Findings {
				if f.Code == v1alpha1.CodeFrozenPolicies {
					got = append(got, f.Message)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q\nwant %q", got, want)
			}
		})
	}
}

func TestAConflictThatAPreviewWouldMeetIsFoundAndThePreviewStands(t *testing.T) {
	p := shop()
	p.Mode = v1alpha1.ModePreview
	s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "shop"}}
	outputs := []compiler.Output{{Profile: p, Disposition: compiler.Preview, Selected: true}}
	set := plan.ChangeSet{Foreseen: []plan.Conflict{{Profile: p.Key, Policy: "one"}, {Profile: baseline().Key, Policy: "other"}}}
	got := Ended(s, outputs, set, plan.Result{}, nil)[p.Key]
	if got.State != Applied || len(got.Findings) != 1 {
		t.Fatalf("got %+v", got)
	}
	f := got.Findings[0]
	if f.Code != v1alpha1.CodeNameConflict || f.Namespace != "shop" || f.Place != "NetworkPolicy one" || !strings.Contains(f.Message, "would need in mode Enforce") {
		t.Errorf("finding %+v", f)
	}
}

// fight is a fight over policy p of a profile.
func fight(profile snapshot.ProfileKey) []Contest {
	return []Contest{{
		Profile: profile, Policy: "p", By: "kubectl-edit", Corrections: 12, LastChange: "1 egress rule added",
		Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}}
}

func TestAFightIsSpokenOfWhileItIsFought(t *testing.T) {
	p := shop()
	s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: p.Key.Namespace}}
	outputs := []compiler.Output{{Profile: p, Disposition: compiler.Enforce, Selected: true}}
	var set plan.ChangeSet
	set.Steps[plan.StepExtend] = []plan.Change{{Profile: p.Key, Desired: &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "p"}}}}
	if got := Began(s, outputs, set, nil)[p.Key]; got.State != Applying || len(got.Findings) > 0 {
		t.Errorf("without a fight: %+v", got)
	}
	got := Began(s, outputs, set, fight(p.Key))[p.Key]
	if got.State != Contested || len(got.Findings) != 1 || got.Findings[0].Code != v1alpha1.CodeContested || got.Findings[0].Severity != v1alpha1.SeverityError {
		t.Errorf("in the midst of a write: %+v", got)
	}
}

func TestAProfileWhosePoliciesAreTooLargeDoesNotSeemToProgress(t *testing.T) {
	p := baseline()
	input := in(p)
	s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "a"}}
	outputs := []compiler.Output{{Profile: p, Disposition: compiler.Freeze, Selected: true, TooLarge: "Too many nodes."}}
	input.Namespaces = append(input.Namespaces, NamespaceFacts{Namespace: s.Namespace, Outcome: Ended(s, outputs, plan.ChangeSet{}, plan.Result{}, nil)[p.Key]})
	status := Status(input)
	if got := said(status, v1alpha1.ConditionReady); got != "False PolicyTooLarge: Namespace a: Too many nodes." {
		t.Errorf("Ready is %s", got)
	}
	if got := said(status, v1alpha1.ConditionResolvedRefs); got != "Unknown Pending: Not examined in every namespace." {
		t.Errorf("ResolvedRefs is %s", got)
	}
	if status.Namespaces.Failed != 1 || status.Namespaces.Applied != 0 {
		t.Errorf("namespaces %+v", status.Namespaces)
	}
}

func TestAProfileWhosePoliciesAreTooLargeDoesNotSeemToProgressInPreview(t *testing.T) {
	p := baseline()
	p.Mode = v1alpha1.ModePreview
	input := in(p)
	s := snapshot.Snapshot{Namespace: snapshot.Namespace{Name: "a"}}
	outputs := []compiler.Output{{Profile: p, Disposition: compiler.Freeze, Selected: true, TooLarge: "Too many nodes."}}
	input.Namespaces = append(input.Namespaces, NamespaceFacts{Namespace: s.Namespace, Outcome: Ended(s, outputs, plan.ChangeSet{}, plan.Result{}, nil)[p.Key]})
	status := Status(input)
	if got := said(status, v1alpha1.ConditionReady); got != "False PolicyTooLarge: Namespace a: Too many nodes." {
		t.Errorf("Ready is %s", got)
	}
	if got := said(status, v1alpha1.ConditionResolvedRefs); got != "Unknown Pending: Not examined in every namespace." {
		t.Errorf("ResolvedRefs is %s", got)
	}
	if status.Namespaces.Failed != 1 || status.Namespaces.Applied != 0 {
		t.Errorf("namespaces %+v", status.Namespaces)
	}
}
