package truth

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"

	"firebreak.dev/firebreak/test/harness"
)

// TestARecorderSeesEveryVersion writes as many versions as fast as it can, of which some lie, and all in the place of an operator.
func TestARecorderSeesEveryVersion(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	plane, err := harness.Start(ctx, harness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	config := plane.Config()
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := Record(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer recorder.Stop()

	profile := parse(t, `{apiVersion: firebreak.dev/v1alpha1, kind: SegmentationProfile, metadata: {name: shop}, spec: {tiers: []}}`)
	mine := client.Resource(profiles()[0]).Namespace("default")
	created, err := mine.Create(ctx, profile, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	say := func(status string) {
		t.Helper()
		if _, err := mine.Patch(ctx, "shop", types.MergePatchType, []byte(`{"status":`+status+`}`), metav1.PatchOptions{}, "status"); err != nil {
			t.Fatal(err)
		}
	}
	const (
		yes = `{"observedGeneration":1,"namespaces":{"selected":1,"applied":1,"failed":0,"refused":0},"conditions":[
			{"type":"Ready","status":"True","reason":"Applied","message":"","observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z"},
			{"type":"Accepted","status":"True","reason":"Valid","message":"","observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z"}]}`
		notYet = `{"observedGeneration":1,"conditions":[
			{"type":"Ready","status":"False","reason":"Progressing","message":"","observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z"},
			{"type":"Reconciling","status":"True","reason":"Progressing","message":"","observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z"},
			{"type":"Accepted","status":"True","reason":"Valid","message":"","observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z"}]}`
		rounds = 50
	)
	for range rounds {
		say(yes)
		say(notYet)
	}
	expectJudgement(t, recorder, Report{Versions: 1 + 2*rounds, Profiles: 1, Healthy: rounds}, rounds)

	deny := parse(t, `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: deny, labels: {firebreak.dev/tier: default-deny}}, spec: {podSelector: {}}}`)
	deny.SetAnnotations(map[string]string{"firebreak.dev/profile-uid": string(created.GetUID())})
	if _, err := client.Resource(policies()).Namespace("default").Create(ctx, deny, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	say(yes)
	expectJudgement(t, recorder, Report{Versions: 2 + 2*rounds, Profiles: 1, Healthy: rounds + 1}, rounds)

	t.Run("and goes on when the CRD is gone and comes back", func(t *testing.T) {
		crds := client.Resource(crdResource())
		crd, err := crds.Get(ctx, "segmentationprofiles.firebreak.dev", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := crds.Delete(ctx, crd.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		eventually(ctx, t, func() error { _, err := crds.Create(ctx, fresh(crd), metav1.CreateOptions{}); return err })
		eventually(ctx, t, func() error { _, err := mine.Create(ctx, profile, metav1.CreateOptions{}); return err })
		report, err := recorder.Judge(ctx)
		if err != nil || report.Profiles != 2 || report.Gaps == 0 {
			t.Errorf("%s, %v", report, err)
		}
	})
}

func expectJudgement(t *testing.T, recorder *Recorder, want Report, lies int) {
	t.Helper()
	got, err := recorder.Judge(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range got.Violations {
		if v.Rule != standRule {
			t.Error(v)
		}
	}
	if len(got.Violations) != lies {
		t.Errorf("%d lies, want %d", len(got.Violations), lies)
	}
	if got.Violations = nil; got.String() != want.String() {
		t.Errorf("%s, want %s", got, want)
	}
}

// fresh returns what creates an object again.
func fresh(object *unstructured.Unstructured) *unstructured.Unstructured {
	out := object.DeepCopy()
	out.SetResourceVersion("")
	out.SetUID("")
	unstructured.RemoveNestedField(out.Object, "status")
	return out
}

func crdResource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
}

// eventually tries until something succeeds.
func eventually(ctx context.Context, t *testing.T, try func() error) {
	t.Helper()
	var last error
	if err := wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(context.Context) (bool, error) {
		last = try()
		return last == nil, nil
	}); err != nil {
		t.Fatal(err, last)
	}
}
