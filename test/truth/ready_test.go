package truth

import (
	"strings"
	"testing"
	"time"
)

const standRule = "Ready means that the policies stand"

// The policies of good.
const (
	web  = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: web, namespace: production, resourceVersion: "50", labels: {firebreak.dev/tier: web}, annotations: {firebreak.dev/profile-uid: one}}, spec: {podSelector: {matchLabels: {app: web}}}}`
	db   = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: db, namespace: production, resourceVersion: "51", labels: {firebreak.dev/tier: db}, annotations: {firebreak.dev/profile-uid: one}}, spec: {podSelector: {matchExpressions: [{key: app, operator: In, values: [store, db]}]}}}`
	deny = `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, namespace: production, resourceVersion: "52", labels: {firebreak.dev/tier: default-deny}, annotations: {firebreak.dev/profile-uid: one}}, spec: {podSelector: {}}}`
)

// pending is good before anybody has looked at it.
func pending(t *testing.T) string {
	t.Helper()
	before, _, _ := strings.Cut(good, "status:\n")
	return edited(t, before, `resourceVersion: "100"`, `resourceVersion: "40"`) + "status: {observedGeneration: -1}"
}

func TestReadyNeedsThePoliciesBefore(t *testing.T) {
	cases := map[string]struct {
		policies []string
		// want is what the message must speak of; empty where no rule is broken.
		want string
	}{
		"all there":                         {[]string{web, db, deny}, ""},
		"none":                              {nil, "0 of 1"},
		"no default deny":                   {[]string{web, db}, "default-deny"},
		"one for other pods":                {[]string{edited(t, web, "app: web}}}}", "app: other}}}}"), db, deny}, `"app=web"`},
		"one of an earlier profile":         {[]string{edited(t, web, "uid: one", "uid: zero"), db, deny}, "tier web"},
		"one after it was said":             {[]string{web, db, edited(t, deny, `"52"`, `"101"`)}, "default-deny"},
		"one in another namespace, as well": {[]string{web, db, deny, edited(t, web, "production", "other")}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := brokenBy(t, recordOf(t, c.policies...), pending(t), good)
			if how, broken := got[standRule]; broken != (c.want != "") || !strings.Contains(how, c.want) {
				t.Errorf("%v, want %q", got, c.want)
			}
		})
	}
}

func gone(t *testing.T, r *record, policy, revision string) {
	t.Helper()
	object := parse(t, policy)
	object.SetResourceVersion(revision)
	if err := r.policies.gone(object); err != nil {
		t.Fatal(err)
	}
	r.policies.reached = 1000
}

func TestWhatSomebodyElseTakesAwayIsNotHeldAgainstTheStatus(t *testing.T) {
	r := recordOf(t, web, db, deny)
	gone(t, r, web, "99")
	if got := brokenBy(t, r, pending(t), good); len(got) > 0 {
		t.Error(got)
	}
}

func TestWhatWasThereAndIsStillWantedMayHaveBeenTakenAwayBeforeAChange(t *testing.T) {
	r := recordOf(t, web, db, deny)
	gone(t, r, web, "105")
	changed := strings.ReplaceAll(edited(t, good, `"100"`, `"110"`, "generation: 2", "generation: 3"), "observedGeneration: 2", "observedGeneration: 3")
	if got := brokenBy(t, r, pending(t), good, changed); len(got) > 0 {
		t.Error(got)
	}
}

func TestPoliciesOfAnEarlierProfileCanBeAdopted(t *testing.T) {
	r := recordOf(t, edited(t, web, "uid: one", "uid: zero"), db, deny, edited(t, web, `"50"`, `"60"`))
	if got := brokenBy(t, r, pending(t), good); len(got) > 0 {
		t.Error(got)
	}
}

func TestReadyNeedsWhatIsWantedSinceTheLastChange(t *testing.T) {
	r := recordOf(t, web, db, deny)
	without := edited(t, good, "  - {name: web, podSelector: {matchLabels: {app: web}}}\n", "", `"100"`, `"110"`, "generation: 2", "generation: 3", "observedGeneration: 2", "observedGeneration: 3")
	without = strings.ReplaceAll(without, "observedGeneration: 2", "observedGeneration: 3")
	again := strings.ReplaceAll(edited(t, good, `"100"`, `"120"`, "generation: 2", "generation: 4"), "observedGeneration: 2", "observedGeneration: 4")
	t.Run("a removed tier's policy must go", func(t *testing.T) {
		got := brokenBy(t, r, pending(t), good, without)
		expectOnly(t, got, standRule)
		if !strings.Contains(got[standRule], "production/web stands") {
			t.Error(got)
		}
	})
	gone(t, r, web, "105")
	t.Run("and is there again when the tier is", func(t *testing.T) {
		r.versions = r.versions[:2]
		r.latest["one"] = 0
		got := brokenBy(t, r, edited(t, without, `"110"`, `"104"`, ready3, reconciling3), without, again)
		expectOnly(t, got, standRule)
		if !strings.Contains(got[standRule], "tier web") || !strings.Contains(got[standRule], "0 of 1") {
			t.Error(got)
		}
	})
}

var (
	ready3       = strings.ReplaceAll(ready, "observedGeneration: 2", "observedGeneration: 3")
	reconciling3 = strings.ReplaceAll(reconciling, "observedGeneration: 2", "observedGeneration: 3")
)

func TestAFrozenPreviewMayKeepWhatItHas(t *testing.T) {
	r := recordOf(t, web, db, deny)
	frozen := strings.ReplaceAll(edited(t, good, `"100"`, `"110"`, "Enforce", "Preview", "reason: Applied", "reason: Previewed", "generation: 2", "generation: 3",
		"  - {name: web, podSelector: {matchLabels: {app: web}}}\n", "", "{selected: 1, applied: 1, failed: 0, refused: 0}", preview, isolated, cannotTell), "observedGeneration: 2", "observedGeneration: 3")
	if got := brokenBy(t, r, pending(t), good, frozen); len(got) > 0 {
		t.Error(got)
	}
	thawed := strings.ReplaceAll(edited(t, good, `"100"`, `"120"`, "generation: 2", "generation: 4", "  - {name: web, podSelector: {matchLabels: {app: web}}}\n", ""),
		"observedGeneration: 2", "observedGeneration: 4")
	expectOnly(t, brokenBy(t, r, thawed), standRule)
}

func TestAClusterProfileNeedsItsPoliciesInEveryNamespace(t *testing.T) {
	cluster := func(text string) string {
		return edited(t, text, "kind: SegmentationProfile", "kind: ClusterSegmentationProfile", ", namespace: production", "")
	}
	two := edited(t, cluster(good), "{selected: 1, applied: 1", "{selected: 2, applied: 2")
	other := []string{edited(t, web, "production", "other"), edited(t, db, "production", "other"), edited(t, deny, "production", "other")}
	expectOnly(t, brokenBy(t, recordOf(t, web, db, deny), cluster(pending(t)), two), standRule)
	expectOnly(t, brokenBy(t, recordOf(t, append(other, web, db, deny)...), cluster(pending(t)), two))
	// A tier with a namespaceSelector may be in fewer.
	narrow := "podSelector: {matchLabels: {app: web}}, namespaceSelector: {matchLabels: {a: b}}"
	some := func(text string) string { return edited(t, text, "podSelector: {matchLabels: {app: web}}", narrow) }
	expectOnly(t, brokenBy(t, recordOf(t, append(other[1:], web, db, deny)...), some(cluster(pending(t))), some(two)))
}

func TestNothingIsSaidOfWhatWasNotSeen(t *testing.T) {
	t.Run("policies", func(t *testing.T) {
		r := recordOf(t)
		r.policies.reached = 60
		if err := r.policies.listed(nil, 90); err != nil {
			t.Fatal(err)
		}
		r.policies.reached = 1000
		if got := brokenBy(t, r, pending(t), good); len(got) > 0 {
			t.Error(got)
		}
	})
	t.Run("policies from here on", func(t *testing.T) {
		r := recordOf(t)
		r.policies.reached = 99
		if got := brokenBy(t, r, pending(t), good); len(got) > 0 {
			t.Error(got)
		}
	})
	t.Run("versions", func(t *testing.T) {
		r := recordOf(t, web, db, deny)
		gone(t, r, web, "95")
		r.reached["segmentationprofiles"] = 45
		// The spec may be as old as revision 46, when the policy stood.
		if err := r.profiles("segmentationprofiles", nil, 45, time.Now()); err != nil {
			t.Fatal(err)
		}
		if err := r.add("segmentationprofiles", parse(t, good), 46, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := brokenBy(t, r); len(got) > 0 {
			t.Error(got)
		}
	})
}

func TestPoliciesThatVanishWhileNobodyLooksAreGone(t *testing.T) {
	r := recordOf(t, web, db, deny)
	r.policies.reached = 60
	if err := r.policies.listed(nil, 70); err != nil {
		t.Fatal(err)
	}
	r.policies.reached = 1000
	late := edited(t, pending(t), `"40"`, `"80"`)
	expectOnly(t, brokenBy(t, r, late, good), standRule)
}

func TestEveryVersionCountsOnce(t *testing.T) {
	r := recordOf(t, web, db, deny)
	brokenBy(t, r, pending(t), good, good)
	if err := r.profiles("segmentationprofiles", nil, 120, time.Now()); err != nil {
		t.Fatal(err)
	}
	report, err := r.judge(t.Context())
	if err != nil || report.Versions != 2 || report.Profiles != 1 || report.Healthy != 1 || report.Gaps != 1 {
		t.Errorf("%s, %v", report, err)
	}
}
