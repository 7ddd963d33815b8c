package truth

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"firebreak.dev/firebreak/test/health"
)

// good is a profile of which everything is true.
const good = `
apiVersion: firebreak.dev/v1alpha1
kind: SegmentationProfile
metadata: {name: shop, namespace: production, uid: one, generation: 2, resourceVersion: "100"}
spec:
  mode: Enforce
  isolation: Namespace
  tiers:
  - {name: web, podSelector: {matchLabels: {app: web}}}
  - {name: db, podSelector: {matchExpressions: [{key: app, operator: In, values: [db, store, db]}]}}
status:
  observedGeneration: 2
  namespaces: {selected: 1, applied: 1, failed: 0, refused: 0}
  policies: 3
  conditions:
  - {type: Ready, status: "True", reason: Applied, message: Applied., observedGeneration: 2}
  - {type: Accepted, status: "True", reason: Valid, message: Valid., observedGeneration: 2}
  - {type: ResolvedRefs, status: "True", reason: Resolved, message: Found., observedGeneration: 2}
  - {type: Covered, status: "True", reason: Covered, message: Covered., observedGeneration: 2}
  - {type: Isolated, status: "True", reason: Isolated, message: Isolated., observedGeneration: 2}
`

// parse reads an object as a client does, with integers.
func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	json, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out := &unstructured.Unstructured{}
	if err := out.UnmarshalJSON(json); err != nil {
		t.Fatal(err)
	}
	return out
}

// edited replaces pairs of old and new in a text, each of which must be there.
func edited(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for pair := range slices.Chunk(pairs, 2) {
		if !strings.Contains(text, pair[0]) {
			t.Fatalf("no %q in %s", pair[0], text)
		}
		text = strings.Replace(text, pair[0], pair[1], 1)
	}
	return text
}

// brokenBy returns the rules that the versions of a profile break, with what is wrong, given the policies in a record.
func brokenBy(t *testing.T, r *record, versions ...string) map[string]string {
	t.Helper()
	for _, text := range versions {
		if err := r.profile("segmentationprofiles", parse(t, text), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	report, err := r.judge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, v := range report.Violations {
		out[v.Rule] = v.How
		if !strings.Contains(v.String(), "kind: ") {
			t.Errorf("the object is not shown: %s", v)
		}
	}
	return out
}

// recordOf returns a record without anything, or with the policies of good.
func recordOf(t *testing.T, policies ...string) *record {
	t.Helper()
	argo, err := health.NewArgoCD()
	if err != nil {
		t.Fatal(err)
	}
	r := newRecord(argo)
	if err := r.policies.listed(nil, 1); err != nil {
		t.Fatal(err)
	}
	for _, text := range policies {
		if err := r.policies.stands(parse(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	r.policies.reached = 1000
	return r
}

const (
	ready       = `{type: Ready, status: "True", reason: Applied, message: Applied., observedGeneration: 2}`
	unready     = `{type: Ready, status: "False", reason: Progressing, message: Not yet., observedGeneration: 2}`
	reconciling = unready + "\n  - " + `{type: Reconciling, status: "True", reason: Progressing, message: Not yet., observedGeneration: 2}`
	stalled     = unready + "\n  - " + `{type: Stalled, status: "True", reason: Invalid, message: Wrong., observedGeneration: 2}`
	accepted    = `{type: Accepted, status: "True", reason: Valid, message: Valid., observedGeneration: 2}`
	isolated    = `{type: Isolated, status: "True", reason: Isolated`
	covered     = `{type: Covered, status: "True", reason: Covered`
	selected    = "{selected: 1, applied: 1"
	unapplied   = "{selected: 1, applied: 0"
	cannotTell  = `{type: Isolated, status: Unknown, reason: Pending`
	preview     = "{selected: 1, applied: 1, failed: 0, refused: 0}\n  preview: {create: 3, update: 0, delete: 0, connections: {cut: 0, opened: 0}}"
)

func TestWhatIsTrueBreaksNoRule(t *testing.T) {
	cases := map[string][]string{
		"ready":              {},
		"at work":            {ready, reconciling, selected, unapplied, isolated, cannotTell},
		"at work for others": {ready, reconciling},
		"stalled":            {ready, stalled, selected, unapplied, isolated, cannotTell},
		"a preview":          {"Enforce", "Preview", "reason: Applied", "reason: Previewed", "{selected: 1, applied: 1, failed: 0, refused: 0}", preview, isolated, cannotTell},
		"a preview by an operator that did not judge connections yet": {"Enforce", "Preview", "reason: Applied", "reason: Previewed", "{selected: 1, applied: 1, failed: 0, refused: 0}",
			strings.Replace(preview, ", connections: {cut: 0, opened: 0}", "", 1), isolated, "{type: Isolated, status: Unknown, reason: NotEvaluated"},
		"an older generation, ready": {"generation: 2", "generation: 3"},
		"not isolated, not covered":  {isolated, `{type: Isolated, status: "False", reason: ForeignPolicyWidens`, covered, `{type: Covered, status: "False", reason: TiersOverlap`},
		"refused":                    {ready, stalled, accepted, strings.Replace(accepted, `"True"`, `"False"`, 1), selected, unapplied, isolated, cannotTell, covered, `{type: Covered, status: Unknown, reason: Pending`},
		"being deleted":              {"uid: one", "uid: one, deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [a/b]", ready, reconciling, isolated, cannotTell},
	}
	for name, edits := range cases {
		t.Run(name, func(t *testing.T) {
			if got := brokenBy(t, recordOf(t, web, db, deny), edited(t, good, edits...)); len(got) > 0 {
				t.Error(got)
			}
		})
	}
}

func TestTheDefaultStatusBreaksNoRule(t *testing.T) {
	before, _, _ := strings.Cut(good, "status:\n")
	text := before + `status: {observedGeneration: -1, conditions: [{type: Ready, status: Unknown, reason: Pending, message: Waiting., lastTransitionTime: "1970-01-01T00:00:00Z"}]}`
	if got := brokenBy(t, recordOf(t), text); len(got) > 0 {
		t.Error(got)
	}
	got := brokenBy(t, recordOf(t), strings.Replace(text, "status: Unknown", `status: "False"`, 1))
	expectOnly(t, got, "of Ready, Reconciling and Stalled one is True, but for a profile that nobody has looked at")
}

func expectOnly(t *testing.T, got map[string]string, want ...string) {
	t.Helper()
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, slices.Sorted(slices.Values(want))) {
		t.Errorf("broken are %q, want %q: %v", names, want, got)
	}
}

// TestEachRuleCanBeBroken makes one lie at a time out of what is true.
func TestEachRuleCanBeBroken(t *testing.T) {
	const (
		early    = "nobody calls it well before its generation is observed"
		agree    = "kstatus and Argo CD agree"
		future   = "status speaks of no generation that does not exist"
		other    = "each condition speaks of the generation of the status"
		idle     = "Reconciling and Stalled are present only while they are True"
		one      = "of Ready, Reconciling and Stalled one is True, but for a profile that nobody has looked at"
		refused  = "what is not accepted is stalled, and neither ready nor isolated"
		every    = "Ready means every namespace"
		computed = "Ready of a preview means that the preview is computed"
		isolates = "Isolated means that the profile is applied"
	)
	not := func(condition string) string { return strings.Replace(condition, `"True"`, `"False"`, 1) }
	cases := map[string]struct {
		edits []string
		want  []string
	}{
		"a generation that is not there yet":           {[]string{"generation: 2", "generation: 1"}, []string{future}},
		"Ready of an older generation":                 {[]string{ready, strings.Replace(ready, "observedGeneration: 2", "observedGeneration: 1", 1)}, []string{early, agree, other}},
		"Accepted of an older generation":              {[]string{accepted, strings.Replace(accepted, "observedGeneration: 2", "observedGeneration: 1", 1)}, []string{early, other}},
		"a status that does not say of what it speaks": {[]string{"  observedGeneration: 2\n", ""}, []string{early, agree, other}},
		"Stalled that is False":                        {[]string{ready, ready + "\n  - " + `{type: Stalled, status: "False", reason: Idle, message: Idle., observedGeneration: 2}`}, []string{idle}},
		"Reconciling that is Unknown":                  {[]string{ready, ready + "\n  - " + `{type: Reconciling, status: Unknown, reason: Idle, message: Idle., observedGeneration: 2}`}, []string{idle}},
		"ready and reconciling":                        {[]string{ready, strings.Replace(reconciling, `"False"`, `"True"`, 1), "reason: Progressing", "reason: Applied"}, []string{one}},
		"ready and stalled":                            {[]string{ready, strings.Replace(stalled, `"False"`, `"True"`, 1), "reason: Progressing", "reason: Applied"}, []string{one}},
		"reconciling and stalled":                      {[]string{ready, reconciling + strings.TrimPrefix(stalled, unready), isolated, cannotTell}, []string{one}},
		"not ready, and nothing goes on":               {[]string{ready, unready, isolated, cannotTell}, []string{one}},
		"not accepted, and at work":                    {[]string{ready, reconciling, accepted, not(accepted), isolated, cannotTell, covered, "{type: Covered, status: Unknown, reason: Pending"}, []string{refused}},
		"not accepted, and ready":                      {[]string{accepted, not(accepted)}, []string{refused}},
		"not accepted, and covered":                    {[]string{ready, stalled, accepted, not(accepted), isolated, cannotTell}, []string{refused}},
		"nothing said of Accepted":                     {[]string{"  - " + accepted + "\n", ""}, []string{refused}},
		"ready, and a namespace is missing":            {[]string{selected, unapplied, isolated, cannotTell}, []string{every}},
		"ready, and a namespace failed":                {[]string{"failed: 0", "failed: 1", isolated, cannotTell}, []string{every}},
		"ready, and nothing said of namespaces":        {[]string{"  namespaces: {selected: 1, applied: 1, failed: 0, refused: 0}\n", "", isolated, cannotTell}, []string{every}},
		"ready in Preview, without a preview":          {[]string{"Enforce", "Preview", isolated, cannotTell}, []string{computed}},
		"ready in Preview, before connections are known": {[]string{"Enforce", "Preview", "reason: Applied", "reason: Previewed",
			"{selected: 1, applied: 1, failed: 0, refused: 0}", strings.Replace(preview, ", connections: {cut: 0, opened: 0}", "", 1), isolated, cannotTell}, []string{computed}},
		"a preview of what is enforced":      {[]string{"reason: Applied", "reason: Previewed", "{selected: 1, applied: 1, failed: 0, refused: 0}", preview, isolated, cannotTell}, []string{computed}},
		"enforced, and said to be previewed": {[]string{"reason: Applied", "reason: Previewed"}, []string{computed}},
		"isolated in Preview":                {[]string{"Enforce", "Preview", "reason: Applied", "reason: Previewed", "{selected: 1, applied: 1, failed: 0, refused: 0}", preview}, []string{isolates}},
		"isolated, and not applied":          {[]string{ready, reconciling, selected, unapplied}, []string{isolates}},
		"isolated, and stalled":              {[]string{ready, stalled}, []string{isolates}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			expectOnly(t, brokenBy(t, recordOf(t, web, db, deny), edited(t, good, c.edits...)), c.want...)
		})
	}
}
