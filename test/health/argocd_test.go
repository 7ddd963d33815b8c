package health

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kstatus "sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

// object is a profile of generation 2 with a status in YAML; empty means none.
func object(t *testing.T, status string) *unstructured.Unstructured {
	t.Helper()
	text := "{apiVersion: firebreak.dev/v1alpha1, kind: SegmentationProfile, metadata: {name: shop, namespace: production, generation: 2}}"
	out := &unstructured.Unstructured{}
	unmarshal(t, text, &out.Object)
	if status != "" {
		var content map[string]any
		unmarshal(t, status, &content)
		out.Object["status"] = content
	}
	// As from the API server, where integers are int64.
	text2, err := out.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := out.UnmarshalJSON(text2); err != nil {
		t.Fatal(err)
	}
	return out
}

func unmarshal(t *testing.T, text string, out any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), out); err != nil {
		t.Fatal(err)
	}
}

func TestHealth(t *testing.T) {
	const (
		unseen   = "The Firebreak operator has not looked at this profile yet."
		unseen2  = "The Firebreak operator has not looked at the last change of this profile yet."
		ready    = "{type: Ready, status: 'True', observedGeneration: 2, message: 3 policies applied.}"
		unready  = "{type: Ready, status: 'False', observedGeneration: 2, message: Not yet.}"
		accepted = "{type: Accepted, status: 'True', observedGeneration: 2, message: Valid.}"
	)
	cases := map[string]struct {
		status string
		want   Verdict
		// kstatus is what kstatus must say; empty where it says more than is known, which the schema's default status prevents.
		kstatus kstatus.Status
	}{
		"no status":                              {"", Verdict{Progressing, unseen}, ""},
		"an empty status":                        {"{}", Verdict{Progressing, unseen}, ""},
		"a status without conditions":            {"{observedGeneration: 2}", Verdict{Progressing, unseen}, ""},
		"a status with no condition in the list": {"{observedGeneration: 2, conditions: []}", Verdict{Progressing, unseen}, ""},
		"the default status": {"{observedGeneration: -1, conditions: [{type: Ready, status: Unknown, message: Waiting.}]}",
			Verdict{Progressing, unseen}, kstatus.InProgressStatus},
		"conditions without observedGeneration of the status": {"{conditions: [" + ready + "]}", Verdict{Progressing, unseen}, ""},
		"an older generation": {"{observedGeneration: 1, conditions: [" + ready + "]}", Verdict{Progressing, unseen2}, kstatus.InProgressStatus},
		"a condition of an older generation": {"{observedGeneration: 2, conditions: [{type: Ready, status: 'True', observedGeneration: 1, message: Old.}]}",
			Verdict{Progressing, unseen}, ""},
		"a condition of no generation": {"{observedGeneration: 2, conditions: [{type: Ready, status: 'True', message: Old.}]}",
			Verdict{Progressing, unseen}, ""},
		"ready": {"{observedGeneration: 2, conditions: [" + accepted + "," + ready + "]}", Verdict{Healthy, "3 policies applied."}, kstatus.CurrentStatus},
		"a computed preview": {"{observedGeneration: 2, conditions: [{type: Ready, status: 'True', reason: Previewed, observedGeneration: 2, message: Preview.}]}",
			Verdict{Healthy, "Preview."}, kstatus.CurrentStatus},
		"ready, with other troubles": {`{observedGeneration: 2, conditions: [` + ready + `,
			{type: Covered, status: 'False', observedGeneration: 2, message: No pods.},
			{type: Isolated, status: 'False', observedGeneration: 2, message: Widened.},
			{type: ResolvedRefs, status: 'False', observedGeneration: 2, message: No DNS.}]}`,
			Verdict{Healthy, "3 policies applied. ResolvedRefs is False: No DNS. Isolated is False: Widened. Covered is False: No pods."}, kstatus.CurrentStatus},
		"trouble of an older generation": {"{observedGeneration: 2, conditions: [" + ready + ",{type: Isolated, status: 'False', observedGeneration: 1, message: Widened.}]}",
			Verdict{Healthy, "3 policies applied."}, kstatus.CurrentStatus},
		"not ready": {"{observedGeneration: 2, conditions: [" + unready + "]}", Verdict{Progressing, "Not yet."}, kstatus.InProgressStatus},
		"reconciling": {"{observedGeneration: 2, conditions: [" + unready + ",{type: Reconciling, status: 'True', observedGeneration: 2, message: At work.}]}",
			Verdict{Progressing, "At work."}, kstatus.InProgressStatus},
		"stalled": {"{observedGeneration: 2, conditions: [" + unready + ",{type: Stalled, status: 'True', observedGeneration: 2, message: Somebody must act.}]}",
			Verdict{Degraded, "Somebody must act."}, kstatus.FailedStatus},
		"ready and reconciling at once": {"{observedGeneration: 2, conditions: [" + ready + ",{type: Reconciling, status: 'True', observedGeneration: 2, message: At work.}]}",
			Verdict{Progressing, "At work."}, kstatus.InProgressStatus},
		"ready and stalled at once": {"{observedGeneration: 2, conditions: [" + ready + ",{type: Stalled, status: 'True', observedGeneration: 2, message: Stuck.}]}",
			Verdict{Degraded, "Stuck."}, kstatus.FailedStatus},
		"stalled in an older generation": {"{observedGeneration: 1, conditions: [" + unready + ",{type: Stalled, status: 'True', observedGeneration: 1, message: Stuck.}]}",
			Verdict{Progressing, unseen2}, kstatus.InProgressStatus},
	}
	argo, err := NewArgoCD()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, kind := range []string{"SegmentationProfile", "ClusterSegmentationProfile"} {
				o := object(t, c.status)
				o.SetKind(kind)
				if got, err := argo.Judge(t.Context(), o); err != nil || got != c.want {
					t.Errorf("%s: %+v, %v; want %+v", kind, got, err, c.want)
				}
				if got, err := KStatus(o); err != nil || c.kstatus != "" && got != c.kstatus {
					t.Errorf("%s: kstatus says %s, %v; want %s", kind, got, err, c.kstatus)
				}
			}
		})
	}
}

func TestADeletedProfileIsProgressing(t *testing.T) {
	argo, err := NewArgoCD()
	if err != nil {
		t.Fatal(err)
	}
	o := object(t, "{observedGeneration: 2, conditions: [{type: Ready, status: 'True', observedGeneration: 2, message: Good.}]}")
	o.SetDeletionTimestamp(new(metav1.Now()))
	if got, err := argo.Judge(t.Context(), o); err != nil || got.Status != Progressing {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := KStatus(o); err != nil || got != kstatus.TerminatingStatus {
		t.Errorf("%s, %v", got, err)
	}
}

// TestWhatScriptsCanUse shows that a script has no more at hand here than in Argo CD, so that one that passes here runs there.
func TestWhatScriptsCanUse(t *testing.T) {
	cases := map[string]struct {
		script, want string
	}{
		"table, base and package":                 {"local names = {'b', 'a'} table.sort(names) return {status = 'Healthy', message = names[1] .. type(package)}", "Healthy: atable"},
		"the time, by require":                    {"return {status = 'Healthy', message = type(require('os').time())}", "Healthy: number"},
		"no clock of os but the time":             {"return {status = 'Healthy', message = type(require('os').clock) .. type(os)}", "Healthy: nilnil"},
		"no string library":                       {"return {status = 'Healthy', message = string.upper('a')}", "attempt to index a non-table object(nil)"},
		"no math library":                         {"return {status = 'Healthy', message = math.floor(1.5)}", "attempt to index a non-table object(nil)"},
		"a field of what is not there":            {"return {status = obj.status.health}", "attempt to index a non-table object(nil)"},
		"nothing returned":                        {"local x = 1", "Unknown: expect table output from Lua script, not nil"},
		"text returned":                           {"return 'Healthy'", "Unknown: expect table output from Lua script, not string"},
		"a status that does not exist":            {"return {status = 'Fine'}", "Unknown: Lua returned an invalid health status"},
		"no status":                               {"return {message = 'Fine'}", "Unknown: Lua returned an invalid health status"},
		"no message":                              {"return {status = 'Healthy'}", "Healthy: "},
		"a message that is no text":               {"return {status = 'Healthy', message = 5}", "Unknown: the message is not a string"},
		"a script that does not end is cut off":   {"while true do end", "context deadline exceeded"},
		"integers of the object are numbers":      {"return {status = 'Healthy', message = type(obj.metadata.generation)}", "Healthy: number"},
		"the object cannot be changed for others": {"obj.metadata.name = 'x' return {status = 'Healthy', message = obj.metadata.name}", "Healthy: x"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			argo, err := compile(c.script)
			if err != nil {
				t.Fatal(err)
			}
			o := object(t, "")
			got, err := argo.Judge(t.Context(), o)
			if text := string(got.Status) + ": " + got.Message; !strings.Contains(text, c.want) || strings.HasPrefix(text, "Unknown") != (err != nil || strings.Contains(text, "invalid")) {
				t.Errorf("%q, %v; want %q", text, err, c.want)
			}
			if o.GetName() != "shop" {
				t.Error("the object was changed")
			}
		})
	}
	if _, err := compile("return {"); err == nil {
		t.Error("a script that is no Lua was compiled")
	}
}
