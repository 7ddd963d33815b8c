package report

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"firebreak.dev/firebreak/api/v1alpha1"
	"firebreak.dev/firebreak/internal/analyzer"
	"firebreak.dev/firebreak/internal/plan"
	"firebreak.dev/firebreak/internal/snapshot"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// shop is a profile of namespace shop with a tier web.
func shop() snapshot.Profile {
	p := snapshot.Profile{
		Key: snapshot.ProfileKey{Kind: v1alpha1.KindSegmentationProfile, Namespace: "shop", Name: "shop"}, UID: "uid", Generation: 3,
	}
	p.Mode, p.Isolation, p.DNS, p.DeletionPolicy = v1alpha1.ModeEnforce, v1alpha1.IsolationNamespace, v1alpha1.DNSCluster, v1alpha1.DeletionPolicyDelete
	p.Tiers = []v1alpha1.ClusterTier{tier("web", "web")}
	return p
}

// baseline is a cluster profile with the same tier.
func baseline() snapshot.Profile {
	p := shop()
	p.Key = snapshot.ProfileKey{Kind: v1alpha1.KindClusterSegmentationProfile, Name: "baseline"}
	p.NamespaceSelector = &v1alpha1.LabelSelector{}
	return p
}

func tier(name string, app v1alpha1.LabelValue) v1alpha1.ClusterTier {
	return v1alpha1.ClusterTier{Tier: v1alpha1.Tier{Name: name, PodSelector: &v1alpha1.LabelSelector{MatchLabels: map[string]v1alpha1.LabelValue{"app": app}}}}
}

// in is an input in which the namespaces a, b, ... came to these outcomes; nil was not examined.
func in(p snapshot.Profile, outcomes ...*Outcome) Input {
	input := Input{Profile: p, PodsKnown: true, Now: noon}
	for i, o := range outcomes {
		name := string(rune('a' + i))
		if p.Key.Namespace != "" {
			name = p.Key.Namespace
		}
		input.Namespaces = append(input.Namespaces, NamespaceFacts{
			Namespace: snapshot.Namespace{Name: name}, Outcome: o,
			Pods: []snapshot.Pod{{Labels: map[string]string{"app": "web"}, Count: 2}},
		})
	}
	return input
}

func came(to State, policies int) *Outcome {
	return &Outcome{UID: "uid", Generation: 3, State: to, Policies: policies}
}

func because(o *Outcome, text string) *Outcome {
	o.Error = text
	return o
}

// failures is so many namespaces that the API server refuses writes in.
func failures(n int) []*Outcome {
	var out []*Outcome
	for range n {
		out = append(out, because(came(Failed, 0), "forbidden"))
	}
	return out
}

func changed(i Input, change func(*Input)) Input {
	change(&i)
	return i
}

// judged has every namespace judged, with these findings and this reason to be undecided in the first.
func judged(i Input, undecided string, findings ...v1alpha1.Finding) Input {
	for n := range i.Namespaces {
		i.Namespaces[n].OtherPolicies.Known = true
		i.Namespaces[n].Judgement = &analyzer.Judgement{Profile: i.Profile.Key, UID: i.Profile.UID, Generation: i.Profile.Generation}
		if i.Profile.Mode == v1alpha1.ModePreview || i.PreviewOnly {
			i.Namespaces[n].Judgement.Preview = &analyzer.Preview{}
		}
	}
	i.Namespaces[0].Judgement.Findings, i.Namespaces[0].Judgement.Undecided = findings, undecided
	if len(findings) > 0 && findings[0].Code == v1alpha1.CodeForeignPolicyWidens {
		i.Namespaces[0].Judgement.Widened = findings[0].Message
	}
	return i
}

// said is a condition in short: "True Applied: message".
func said(status v1alpha1.ProfileStatus, conditionType string) string {
	c := meta.FindStatusCondition(status.Conditions, conditionType)
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
}

func TestVerdicts(t *testing.T) {
	invalid := func(i *Input) { i.Profile.Tiers[0].PodSelector = nil }
	previewed := func() Input {
		i := in(shop(), &Outcome{UID: "uid", Generation: 3, State: Applied, Preview: plan.PreviewCounts{Create: 1, Update: 2, Delete: 3}})
		i.Profile.Mode = v1alpha1.ModePreview
		return judged(i, "")
	}
	retain := func(i *Input) { i.Profile.DeletionPolicy = v1alpha1.DeletionPolicyRetain }
	for name, c := range map[string]struct {
		in    Input
		ready string
		// with is the condition that goes with Ready while it is not true.
		with     string
		accepted string
	}{
		"applied everywhere":                        {in(shop(), came(Applied, 2)), "True Applied: 2 policies applied in namespace shop.", "", "True"},
		"applied in many":                           {in(baseline(), came(Applied, 1), came(Applied, 1)), "True Applied: 2 policies applied in 2 namespaces.", "", "True"},
		"nothing selected":                          {in(baseline()), "True Applied: No namespace is selected, so there is nothing to apply.", "", "True"},
		"not examined":                              {in(baseline(), came(Applied, 1), nil), "False Progressing: Applied in 1 of 2 namespaces so far.", "Reconciling", "True"},
		"examined for a former generation":          {in(baseline(), &Outcome{UID: "uid", Generation: 2, State: Applied, Policies: 1}), "False Progressing: Applied in 0 of 1 namespace so far.", "Reconciling", "True"},
		"examined for a former profile":             {in(baseline(), &Outcome{UID: "former", Generation: 3, State: Applied, Policies: 1}), "False Progressing: Applied in 0 of 1 namespace so far.", "Reconciling", "True"},
		"writing":                                   {in(baseline(), came(Applied, 1), came(Applying, 0)), "False Progressing: Applied in 1 of 2 namespaces so far.", "Reconciling", "True"},
		"frozen, for want of a finalizer":           {in(baseline(), came(Applied, 1), came(Frozen, 0)), "False Progressing: Applied in 1 of 2 namespaces so far.", "Reconciling", "True"},
		"removed where it is selected again":        {in(baseline(), came(Removed, 0)), "False Progressing: Applied in 0 of 1 namespace so far.", "Reconciling", "True"},
		"failed":                                    {in(baseline(), came(Applied, 1), because(came(Failed, 0), "forbidden")), "False ApplyFailed: Failed in 1 of 2 namespaces and will be tried again. Namespace b: forbidden", "Reconciling", "True"},
		"failed in several":                         {in(baseline(), because(came(Failed, 0), "forbidden"), because(came(Failed, 0), "this too"), came(Applied, 1)), "False ApplyFailed: Failed in 2 of 3 namespaces and will be tried again: a, b. Namespace a: forbidden", "Reconciling", "True"},
		"failed in many":                            {in(baseline(), failures(12)...), "False ApplyFailed: Failed in 12 of 12 namespaces and will be tried again: a, b, c, d, e, f, g, h, i, j and 2 more. Namespace a: forbidden", "Reconciling", "True"},
		"failed and conflicted":                     {in(baseline(), because(came(Conflicted, 0), "name taken"), because(came(Failed, 0), "forbidden")), "False ApplyFailed: Failed in 1 of 2 namespaces and will be tried again. Namespace b: forbidden", "Reconciling", "True"},
		"conflicted":                                {in(baseline(), came(Applied, 1), because(came(Conflicted, 0), "name taken")), "False NameConflict: name taken", "Stalled", "True"},
		"contested":                                 {in(baseline(), came(Applied, 1), because(came(Contested, 1), "a fight")), "False Contested: a fight", "Stalled", "True"},
		"contested in several":                      {in(baseline(), because(came(Contested, 1), "a fight"), because(came(Contested, 1), "this too")), "False Contested: a fight (And the like in 1 more.)", "Stalled", "True"},
		"contested and conflicted":                  {in(baseline(), because(came(Contested, 1), "a fight"), because(came(Conflicted, 1), "name taken")), "False NameConflict: name taken", "Stalled", "True"},
		"too large":                                 {in(baseline(), came(Applied, 1), because(came(Frozen, 2), "too many nodes.")), "False PolicyTooLarge: Namespace b: too many nodes.", "Stalled", "True"},
		"too large in several":                      {in(baseline(), because(came(Frozen, 0), "too many nodes."), because(came(Frozen, 0), "this too")), "False PolicyTooLarge: Namespace a: too many nodes. (And the like in 1 more.)", "Stalled", "True"},
		"too large and not done":                    {in(baseline(), because(came(Frozen, 0), "too many nodes."), nil), "False Progressing: Applied in 0 of 2 namespaces so far.", "Reconciling", "True"},
		"conflicted in several":                     {in(baseline(), because(came(Conflicted, 0), "name taken"), because(came(Conflicted, 0), "this too")), "False NameConflict: name taken (And the like in 1 more.)", "Stalled", "True"},
		"conflicted and not done":                   {in(baseline(), because(came(Conflicted, 0), "name taken"), nil), "False Progressing: Applied in 0 of 2 namespaces so far.", "Reconciling", "True"},
		"left elsewhere":                            {changed(in(baseline(), came(Applied, 1)), func(i *Input) { i.Elsewhere, i.ElsewhereIn = 1, "old" }), "False Progressing: 1 policy still to be removed from namespaces that are no longer selected, such as old.", "Reconciling", "True"},
		"preview":                                   {previewed(), "True Previewed: Preview, nothing is written: would create 1, update 2 and delete 3 policies in namespace shop, cut 0 connections and open 0.", "", "True"},
		"preview, with connections":                 {changed(previewed(), func(i *Input) { *i.Namespaces[0].Judgement = previewing(1, 4) }), "True Previewed: Preview, nothing is written: would create 1, update 2 and delete 3 policies in namespace shop, cut 1 connection and open 4.", "", "True"},
		"preview, not judged yet":                   {changed(previewed(), func(i *Input) { i.Namespaces[0].Judgement = nil }), "False Progressing: Previewed in 0 of 1 namespace so far.", "Reconciling", "True"},
		"invalid":                                   {changed(in(shop(), came(Frozen, 0)), invalid), "False Invalid: spec.tiers[0].podSelector: Required value: use {} to choose all", "Stalled", "False"},
		"invalid with policies":                     {changed(in(shop(), came(Frozen, 2)), invalid), "False Invalid: spec.tiers[0].podSelector: Required value: use {} to choose all. The 2 policies applied before stay as they are.", "Stalled", "False"},
		"an operator that only looks":               {changed(in(baseline(), &Outcome{UID: "uid", Generation: 3, State: Applied, Preview: plan.PreviewCounts{Create: 1}}), func(i *Input) { i.PreviewOnly, i.Elsewhere = true, 2; judged(*i, "") }), "True Previewed: Preview, nothing is written: would create 1, update 0 and delete 2 policies in 1 namespace, cut 0 connections and open 0.", "", "True"},
		"an operator that only looks, at what goes": {changed(in(baseline(), came(Frozen, 1)), func(i *Input) { i.PreviewOnly, i.Profile.Deleting = true, true }), "False Deleting: Being deleted: 1 policy left, which the operator does not touch while it runs with --mode=Preview.", "Reconciling", "True"},
		"invalid twice":                             {changed(in(shop(), came(Frozen, 0)), func(i *Input) { invalid(i); i.Profile.Mode = "x" }), `False Invalid: spec.mode: Unsupported value: "x": supported values: "Enforce", "Preview" (and 1 more)`, "Stalled", "False"},
		"protected":                                 {changed(in(shop(), nil), func(i *Input) { i.Namespaces[0].Protected = true }), "False ProtectedNamespace: Namespace shop is protected, so nothing is written there; move the profile, or change --protected-namespaces.", "Stalled", "False"},
		"protected, passed over":                    {changed(in(baseline(), came(Applied, 1), nil), func(i *Input) { i.Namespaces[1].Protected = true }), "True Applied: 1 policy applied in 1 namespace.", "", "True"},
		"deleting":                                  {changed(in(baseline(), came(Applied, 1)), func(i *Input) { i.Profile.Deleting = true; i.Elsewhere = 2 }), "False Deleting: Being deleted: 3 policies left to remove.", "Reconciling", "True"},
		"retained":                                  {changed(in(shop(), came(Applied, 2)), retain), "True Applied: 2 policies applied in namespace shop.", "", "True"},
		"deleting, and its policies stay":           {changed(in(baseline(), came(Released, 1)), func(i *Input) { i.Profile.Deleting = true; i.Elsewhere = 2; retain(i) }), "False Deleting: Being deleted: 3 policies will stay, because deletionPolicy is Retain.", "Reconciling", "True"},
		"deleted":                                   {changed(in(baseline()), func(i *Input) { i.Profile.Deleting = true }), "False Deleting: Being deleted.", "Reconciling", "True"},
	} {
		t.Run(name, func(t *testing.T) {
			status := Status(c.in)
			if got := said(status, v1alpha1.ConditionReady); got != c.ready {
				t.Errorf("Ready is %q, want %q", got, c.ready)
			}
			for _, conditionType := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
				if got := said(status, conditionType); (got != "") != (conditionType == c.with) {
					t.Errorf("%s is %q", conditionType, got)
				}
			}
			if got := said(status, v1alpha1.ConditionAccepted); !strings.HasPrefix(got, c.accepted+" ") {
				t.Errorf("Accepted is %q, want %s", got, c.accepted)
			}
			for _, condition := range status.Conditions {
				if condition.ObservedGeneration != 3 || condition.Reason == "" || condition.Message == "" {
					t.Errorf("condition %+v", condition)
				}
			}
			if status.ObservedGeneration != 3 {
				t.Errorf("observedGeneration %d", status.ObservedGeneration)
			}
		})
	}
}

func TestCountsOfNamespaces(t *testing.T) {
	input := in(baseline(), came(Applied, 3), because(came(Failed, 1), "x"), because(came(Conflicted, 0), "y"), nil, nil)
	input.Namespaces[4].Protected = true
	input.Elsewhere = 5
	status := Status(input)
	want := v1alpha1.NamespaceCounts{Selected: 4, Applied: 1, Failed: 2, Refused: 1}
	if *status.Namespaces != want || status.Policies != 9 {
		t.Errorf("namespaces %+v, policies %d", *status.Namespaces, status.Policies)
	}
}

func TestARestartSaysNothingNewBeforeItKnowsMore(t *testing.T) {
	before := Status(in(baseline(), came(Applied, 1), came(Applied, 1)))
	restarted := func(outcomes ...*Outcome) Input {
		i := in(baseline(), outcomes...)
		i.Previous, i.Now, i.Inherited = *before.DeepCopy(), noon.Add(time.Hour), true
		return i
	}
	const ready, progressing = "True", "False"
	for name, c := range map[string]struct {
		in   Input
		want string
	}{
		"nothing examined yet":                      {restarted(nil, nil), ready},
		"one of two found right":                    {restarted(came(Applied, 1), nil), ready},
		"one found wrong":                           {restarted(came(Applying, 1), nil), progressing},
		"one failed":                                {restarted(because(came(Failed, 1), "x"), nil), progressing},
		"one contested":                             {restarted(because(came(Contested, 1), "x"), nil), progressing},
		"one conflicted":                            {restarted(because(came(Conflicted, 1), "x"), nil), progressing},
		"one namespace more":                        {restarted(nil, nil, nil), progressing},
		"one namespace less":                        {restarted(nil), progressing},
		"one of them protected now":                 {changed(restarted(nil, nil), func(i *Input) { i.Namespaces[0].Protected = true }), progressing},
		"another generation":                        {changed(restarted(nil, nil), func(i *Input) { i.Profile.Generation = 4 }), progressing},
		"an operator that only looks now":           {changed(restarted(nil, nil), func(i *Input) { i.PreviewOnly = true }), progressing},
		"being deleted":                             {changed(restarted(nil, nil), func(i *Input) { i.Profile.Deleting = true }), progressing},
		"a status that was never ours is no status": {changed(restarted(nil, nil), func(i *Input) { i.Previous = v1alpha1.ProfileStatus{ObservedGeneration: -1} }), progressing},
		"policies left elsewhere":                   {changed(restarted(nil, nil), func(i *Input) { i.Elsewhere = 1 }), progressing},
		"this process has known them all before":    {changed(restarted(came(Applied, 1), nil), func(i *Input) { i.Inherited = false }), progressing},
		"all examined, and right":                   {restarted(came(Applied, 1), came(Applied, 1)), ready},
	} {
		t.Run(name, func(t *testing.T) {
			if got := said(Status(c.in), v1alpha1.ConditionReady); !strings.HasPrefix(got, c.want+" ") {
				t.Errorf("Ready is %q", got)
			}
		})
	}
}

func TestARestartSaysNothingNewOfTroubleThatIsKnown(t *testing.T) {
	conflict := func() *Outcome { return because(came(Conflicted, 1), "name taken") }
	failure := func() *Outcome { return because(came(Failed, 1), "forbidden") }
	tooLarge := func() *Outcome { return because(came(Frozen, 1), "too many nodes.") }
	right := func() *Outcome { return came(Applied, 1) }
	type outcomes []*Outcome
	for name, c := range map[string]struct {
		profile snapshot.Profile
		before  outcomes
		// after a restart, nil was not examined yet, and nothing was judged.
		after  outcomes
		stands bool
	}{
		"the same conflict":                            {shop(), outcomes{conflict()}, outcomes{conflict()}, true},
		"the same failure":                             {shop(), outcomes{failure()}, outcomes{failure()}, true},
		"nothing examined yet":                         {shop(), outcomes{conflict()}, outcomes{nil}, true},
		"a conflict that is over":                      {shop(), outcomes{conflict()}, outcomes{right()}, false},
		"a failure that is over in all namespaces":     {baseline(), outcomes{failure(), right()}, outcomes{right(), right()}, false},
		"a failure that may be over":                   {baseline(), outcomes{failure(), right()}, outcomes{right(), nil}, true},
		"another conflict":                             {shop(), outcomes{conflict()}, outcomes{because(came(Conflicted, 1), "another name taken")}, false},
		"a failure that was a conflict":                {shop(), outcomes{conflict()}, outcomes{failure()}, false},
		"a conflict that was a failure":                {shop(), outcomes{failure()}, outcomes{conflict()}, false},
		"a conflict where all was right":               {shop(), outcomes{right()}, outcomes{conflict()}, false},
		"a conflict that is being written for":         {shop(), outcomes{conflict()}, outcomes{came(Applying, 1)}, false},
		"a failure that is tried again":                {shop(), outcomes{failure()}, outcomes{came(Applying, 1)}, true},
		"a write besides a failure":                    {baseline(), outcomes{failure(), right()}, outcomes{failure(), came(Applying, 1)}, false},
		"one of two examined, the conflict":            {baseline(), outcomes{conflict(), right()}, outcomes{conflict(), nil}, true},
		"one of two examined, the other":               {baseline(), outcomes{conflict(), right()}, outcomes{nil, right()}, true},
		"both examined":                                {baseline(), outcomes{conflict(), right()}, outcomes{conflict(), right()}, true},
		"one of two failed, the other not examined":    {baseline(), outcomes{failure(), right()}, outcomes{failure(), nil}, true},
		"one of two too large, the other not examined": {baseline(), outcomes{tooLarge(), right()}, outcomes{tooLarge(), nil}, true},
		"the lesser of two kinds of trouble so far":    {baseline(), outcomes{failure(), conflict()}, outcomes{nil, conflict()}, true},
		"a worse kind of trouble":                      {baseline(), outcomes{conflict(), right()}, outcomes{failure(), nil}, false},
		"conflicts in more namespaces":                 {baseline(), outcomes{conflict(), right(), right()}, outcomes{conflict(), conflict(), nil}, false},
		"a conflict in fewer namespaces, of all":       {baseline(), outcomes{conflict(), conflict()}, outcomes{conflict(), right()}, false},
		"a conflict where all was right in both":       {baseline(), outcomes{right(), right()}, outcomes{conflict(), nil}, false},
		"a conflict where nothing was known":           {baseline(), outcomes{nil, nil}, outcomes{conflict(), nil}, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := Status(judged(in(c.profile, c.before...), ""))
			input := in(c.profile, c.after...)
			input.Previous, input.Now, input.Inherited = *before.DeepCopy(), noon.Add(time.Hour), true
			if after := Status(input); reflect.DeepEqual(after, before) != c.stands {
				t.Errorf("it was %q, Isolated %q; is %q, Isolated %q", said(before, v1alpha1.ConditionReady), said(before, v1alpha1.ConditionIsolated),
					said(after, v1alpha1.ConditionReady), said(after, v1alpha1.ConditionIsolated))
			}
		})
	}
}

func TestTroubleThatIsKnownDoesNotHideWhatWasJudged(t *testing.T) {
	conflict := because(came(Conflicted, 1), "name taken")
	input := in(baseline(), conflict, came(Applied, 1))
	input.Previous, input.Inherited = Status(judged(in(baseline(), conflict, came(Applied, 1)), "")), true
	input.Namespaces[1].Judgement = &analyzer.Judgement{Profile: input.Profile.Key, UID: input.Profile.UID, Generation: 3, Widened: "a hole"}
	if got := said(Status(input), v1alpha1.ConditionIsolated); !strings.HasPrefix(got, "False ") {
		t.Errorf("Isolated is %q", got)
	}
}

func TestANamespacedProfileIsNotReadyWhileItsNamespaceIsUnknown(t *testing.T) {
	status := Status(Input{Profile: shop(), PodsKnown: true, Now: noon})
	if got := said(status, v1alpha1.ConditionReady); !strings.HasPrefix(got, "False Progressing: Namespace ") {
		t.Errorf("Ready is %q", got)
	}
	if got := said(status, v1alpha1.ConditionReconciling); !strings.HasPrefix(got, "True ") {
		t.Errorf("Reconciling is %q", got)
	}
}

func TestAConditionKeepsTheTimeAtWhichItsStatusBegan(t *testing.T) {
	first := Status(in(baseline(), came(Applied, 1)))
	input := in(baseline(), because(came(Failed, 1), "x"))
	input.Previous, input.Now = first, noon.Add(time.Hour)
	second := Status(input)
	for _, c := range second.Conditions {
		want := metav1.NewTime(noon)
		if c.Type == v1alpha1.ConditionReady || c.Type == v1alpha1.ConditionReconciling {
			want = metav1.NewTime(noon.Add(time.Hour))
		}
		if !c.LastTransitionTime.Equal(&want) {
			t.Errorf("%s began %v, want %v", c.Type, c.LastTransitionTime, want)
		}
	}
	input.Previous, input.Now = second, noon.Add(2*time.Hour)
	if third := Status(input); said(third, v1alpha1.ConditionReady) != said(second, v1alpha1.ConditionReady) ||
		!meta.FindStatusCondition(third.Conditions, v1alpha1.ConditionReady).LastTransitionTime.Equal(new(metav1.NewTime(noon.Add(time.Hour)))) {
		t.Error("the same again begins anew")
	}
}

func TestDriftIsCarriedForward(t *testing.T) {
	input := in(shop(), came(Applied, 1))
	input.Drift = Drift{Corrections: 2, LastTime: noon, LastPolicy: "shop/x", LastChange: "deleted"}
	first := Status(input)
	if first.Drift.Corrections != 2 || first.Drift.LastPolicy != "shop/x" || first.Drift.LastChange != "deleted" || !first.Drift.LastTime.Time.Equal(noon) {
		t.Errorf("drift %+v", first.Drift)
	}
	input.Previous, input.Drift = first, Drift{}
	if second := Status(input); *second.Drift != *first.Drift {
		t.Errorf("without news: %+v", second.Drift)
	}
	input.Drift = Drift{Corrections: 3, LastTime: noon.Add(time.Hour), LastPolicy: "shop/y", LastChange: "1 egress rule added"}
	third := Status(input)
	if third.Drift.Corrections != 5 || third.Drift.LastPolicy != "shop/y" || first.Drift.Corrections != 2 {
		t.Errorf("with news: %+v; before %+v", third.Drift, first.Drift)
	}
	input.Namespaces[0].Outcome = nil
	if restarted := Status(input); restarted.Drift.Corrections != 5 {
		t.Errorf("while the former status stands: %+v", restarted.Drift)
	}
}
